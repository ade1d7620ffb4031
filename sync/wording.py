"""The words people see, made from the words TestIO stores, and back. Every doorway takes them from here.

Stored values are TestIO's own; three of them would be misread, so people see another word:

* bug status ``forwarded`` is shown as ``open``: the customer still has to decide;
* testing type ``external`` is shown as ``custom``;
* no testing type at all (null) means a test-case test and is shown as ``test case``.

Every other word is shown as it is stored, also one TestIO invents tomorrow. On the way back case does not matter, the
blank of ``test case`` may be ``_`` or ``-``, and a stored word stays what it is: nobody has to know which one to use.
"""

#: The stored words TestIO is known to use, in the order people expect them in: what filters offer.
TEST_STATUSES = ("initialized", "customer_finalized", "waiting", "running", "locked", "archived", "cancelled")
TESTING_TYPES = ("coverage", "focused", "rapid", "usability", "external", None)
BUG_STATUSES = ("forwarded", "accepted", "auto_accepted", "rejected")
BUG_SEVERITIES = ("critical", "high", "low", "visual", "content", "custom")

OPEN = "open"
CUSTOM = "custom"
TEST_CASE = "test case"


def shown_bug_status(stored: str) -> str:
    return OPEN if stored == "forwarded" else stored


def stored_bug_status(shown: str) -> str:
    word = shown.strip().lower()
    return "forwarded" if word == OPEN else word


def shown_testing_type(stored: str | None) -> str:
    if stored is None:
        return TEST_CASE
    return CUSTOM if stored == "external" else stored


def stored_testing_type(shown: str) -> str | None:
    """The stored type; None for a test-case test."""
    word = shown.strip().lower()
    if word.replace("_", " ").replace("-", " ") == TEST_CASE:
        return None
    return "external" if word == CUSTOM else word
