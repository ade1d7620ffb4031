"""What can go wrong between us and TestIO.

::

    TestIOError
    ├── TestIOUnavailable     passing trouble: polite retries are used up; the same call may work later
    │   └── TestIOTooLarge    413, 414, 524 or a time-out: worth asking again for less
    ├── TestIOUnreadable      500: the answer holds a record the service cannot serialise; ask around it
    ├── TestIONotFound        404: the address leads to nothing
    ├── TestIORefused         401 or 403: the token is not accepted; nothing more will work until it changes
    ├── TestIOUnexpected      an answer no documented rule explains; a person has to look
    └── TestIOCancelled       nothing went wrong: we were asked to stop while we waited

Errors are told apart by status code alone, never by words in a body or a URL, and none of them carries the
token. ``str(error)`` is a sentence or two for people: what happened, why, what to do next.
"""


class TestIOError(Exception):
    """Base of everything the TestIO client raises.

    ``status`` is the HTTP status, or None when no complete answer arrived. ``path`` is the path asked for,
    relative to the customer's base URL, query included; it never holds the token.
    """

    def __init__(self, message: str, *, status: int | None = None, path: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.path = path


class TestIOUnavailable(TestIOError):
    """429, 502, 503, 504, a dropped connection or a broken body, still there after polite retries."""


class TestIOTooLarge(TestIOUnavailable):
    """413, 414, 524 or a time-out, after retries where they help: worth asking again for less."""


class TestIOUnreadable(TestIOError):
    """500: TestIO could not put the answer together, most often because of one record in it."""


class TestIONotFound(TestIOError):
    """404: there is nothing at this address (any more)."""


class TestIORefused(TestIOError):
    """401 or 403: this token may not read this customer's data."""


class TestIOUnexpected(TestIOError):
    """A status or shape outside everything TestIO documents or is known to send."""


class TestIOCancelled(TestIOError):
    """The run was told to stop while a call waited for its turn or for another attempt; the call was given up."""


def for_status(status: int, path: str) -> TestIOError:
    """The error that an answer with ``status`` (anything but success) stands for."""
    kind, sentence = _meaning(status)
    return kind(sentence.format(status=status, path=path), status=status, path=path)


def _meaning(status: int) -> tuple[type[TestIOError], str]:
    match status:
        case 401 | 403:
            return TestIORefused, _REFUSED
        case 404:
            return TestIONotFound, _NOT_FOUND
        case 413 | 414 | 524:
            return TestIOTooLarge, _TOO_LARGE
        case 429:
            return TestIOUnavailable, _SLOW_DOWN
        case 500:
            return TestIOUnreadable, _UNREADABLE
        case _ if status > 500:
            return TestIOUnavailable, _UNAVAILABLE
        case _ if 300 <= status < 400:
            return TestIOUnexpected, _REDIRECT
        case _:
            return TestIOUnexpected, _UNEXPECTED


_REFUSED = (
    "TestIO does not accept this customer's API token (HTTP {status} for {path}). "
    "Get the current one from TestIO under Integrations > API and save it with the customer."
)
_NOT_FOUND = (
    "TestIO has nothing at {path} (HTTP {status}): it was deleted there, or belongs to another account. "
    "Check the id, and the customer's API base URL if nothing is found at all."
)
_TOO_LARGE = (
    "TestIO found {path} too large a question to answer (HTTP {status}). "
    "Ask for less at a time; a sync does so by itself."
)
_SLOW_DOWN = (
    "TestIO has answered every attempt at {path} with a request to slow down (HTTP {status}), for many minutes. "
    "Try again later; lower TESTIO_MAX_CONCURRENT_REQUESTS if it happens often."
)
_UNREADABLE = (
    "TestIO failed to put together its answer to {path} (HTTP {status}), most often because of one broken record. "
    "A sync reads around it and notes the gap; TestIO's support can repair the record."
)
_UNAVAILABLE = (
    "TestIO could not answer {path} (HTTP {status}), also not when asked again: it is probably down or overloaded. "
    "Nothing is lost; try again later."
)
_REDIRECT = (
    "TestIO redirects {path} elsewhere (HTTP {status}), where we do not follow so that the token stays private. "
    "Check the customer's API base URL."
)
_UNEXPECTED = (
    "TestIO answered {path} with HTTP {status}, which its documentation does not explain. "
    "Check the customer's API base URL; if it is right, please report this."
)


def timed_out(path: str) -> TestIOTooLarge:
    return TestIOTooLarge(
        f"TestIO did not finish its answer to {path} in time. "
        "Ask for less at a time, or raise TESTIO_HTTP_TIMEOUT if it happens often.",
        path=path,
    )


def too_long(path: str, limit: int) -> TestIOTooLarge:
    """The answer was cut off by us: same meaning as 413, hence its status."""
    return TestIOTooLarge(
        f"TestIO's answer to {path} is longer than {limit // 2**20} MB and was not read to its end. "
        "Ask for less at a time; a sync does so by itself.",
        status=413,
        path=path,
    )


def unreachable(path: str, reason: str) -> TestIOUnavailable:
    return TestIOUnavailable(
        f"TestIO could not be reached to ask for {path}: {reason or 'no connection'}. "
        "Check the network and the customer's API base URL.",
        path=path,
    )


def dropped(path: str) -> TestIOUnavailable:
    return TestIOUnavailable(
        f"The connection to TestIO broke before its answer to {path} was complete, also when asked again. "
        "Nothing is lost; try again later.",
        path=path,
    )


def not_json(path: str) -> TestIOUnavailable:
    return TestIOUnavailable(
        f"What came back for {path} is not JSON, also not when asked again. TestIO may be down for maintenance: "
        "try again later, and check the customer's API base URL if it stays so.",
        path=path,
    )


def without_envelope(path: str, envelope: str) -> TestIOUnexpected:
    return TestIOUnexpected(
        f'TestIO answered {path} without the "{envelope}" that belongs there. '
        "Check the customer's API base URL; if it is right, TestIO has changed its API: please report this.",
        status=200,
        path=path,
    )


def cancelled(path: str = "") -> TestIOCancelled:
    return TestIOCancelled("Stopped as asked, while waiting to call TestIO. Start again to go on.", path=path)


def unusable_base_url() -> TestIOUnexpected:
    return TestIOUnexpected(
        "The customer's API base URL is not an address calls can be made to. "
        "It has to look like https://api.test.io/customer/v2, without a user name or password in it."
    )


def not_public(path: str) -> TestIOUnexpected:
    return TestIOUnexpected(
        f"TestIO was not asked for {path}: the customer's API base URL leads into a private network, where its token "
        "must not be sent. Correct it, or set TESTIO_ALLOW_PRIVATE_ADDRESSES=true if TestIO is to be reached there.",
        path=path,
    )


def unusable_token() -> TestIORefused:
    return TestIORefused(
        "This customer's API token is empty or holds characters that no token has (spaces, line breaks, accents). "
        "Copy it again from TestIO under Integrations > API and save it with the customer."
    )
