"""The words of the dimensions that have a closed vocabulary: which there are, and what each stands for.

TestIO may use a word tomorrow that nobody knows today; it can be filtered by as soon as a record has it, as it is
written there. Known words may be typed in any case.
"""

from collections.abc import Callable, Iterable
from types import MappingProxyType
from typing import Any

from reports.metrics.dimensions import NONE, Dimension
from sync import wording
from sync.models import Bug, Test
from sync.testio.rejection import SENTENCES

#: As the only value of the filter by test status: tests of any status, also bugs of tests that were not read yet.
ANY = "any"

#: The words that people see, by dimension, in the order they expect them in.
WORDS = MappingProxyType(
    {
        "severity": wording.BUG_SEVERITIES,
        "bug_status": tuple(map(wording.shown_bug_status, wording.BUG_STATUSES)),
        "rejection_reason": tuple(SENTENCES),
        "testing_type": tuple(map(wording.shown_testing_type, wording.TESTING_TYPES)),
        "test_status": (*wording.TEST_STATUSES, ANY),
    }
)
#: Where people see other words than TestIO stores.
_STORED: dict[str, Callable[[str], str | None]] = {
    "bug_status": wording.stored_bug_status,
    "testing_type": wording.stored_testing_type,
}
_RECORDS: dict[str, type[Any]] = {
    "severity": Bug,
    "bug_status": Bug,
    "rejection_reason": Bug,
    "testing_type": Test,
    "test_status": Test,
}


def stored_words(dimension: Dimension, word: str) -> set[str | None]:
    """The stored words that people see as ``word``; None: a test-case test.

    Known words may be typed in any case. TestIO may send one with capital letters, too: it is another one then, as it
    is for groups, and the one that is meant where a record has it.
    """
    word = word.strip()
    if word != plain(word) and not _used(dimension, [word]):
        word = plain(word)
    if dimension.name not in _STORED:
        return {word}
    stored = _STORED[dimension.name](word)
    return {word} if stored == plain(word) else {word, stored}


def plain(word: object) -> str:
    return str(word).strip().lower()


def refusal(dimension: Dimension, values: Iterable[object]) -> str:
    """Why these cannot be the values of a filter, or "": a word nobody knows would count nothing and look like zero."""
    if dimension.name not in WORDS:
        return ""
    words = dict.fromkeys(str(value) for value in values if value != NONE)
    known = {stored for word in WORDS[dimension.name] for stored in stored_words(dimension, word)}
    for word in words:
        if not stored_words(dimension, word) & known and not _used(dimension, stored_words(dimension, word)):
            offered = ", ".join(f'"{each}"' for each in WORDS[dimension.name])
            return f'A filter by {dimension.name} takes {offered} or "{NONE}", not "{word}".'
    return ""


def _used(dimension: Dimension, words: Iterable[str | None]) -> bool:
    """Whether a record has one of them, as it is. Whoever's it is: they are TestIO's words, not a customer's."""
    rows = _RECORDS[dimension.name].objects.order_by()
    return bool(rows.filter(**{f"{dimension.path}__in": [word for word in words if word is not None]}).exists())
