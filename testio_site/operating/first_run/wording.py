"""What TestIO's refusals mean to somebody who sets up their first customer."""

from sync.testio.errors import TestIOError, TestIONotFound, TestIORefused


def of(error: TestIOError) -> str:
    """What happened, and what to do on this page; the error's own words where they are as good."""
    match error:
        case TestIORefused(status=401 | 403):
            return (
                f"TestIO does not accept it (HTTP {error.status}). Copy the current one from TestIO under "
                "Integrations > API, whole and without blanks, and try again."
            )
        case TestIOError(status=429):
            return "TestIO asks us to slow down (HTTP 429). Wait a minute, then try again."
        case TestIONotFound():
            return f"There is no TestIO API at this address (HTTP {error.status}). Go back and correct the address."
    return str(error)
