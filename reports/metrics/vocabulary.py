"""The words of the dimensions that have a closed vocabulary: which there are, and what each stands for.

TestIO may use a word tomorrow that nobody knows today; it can be filtered by as soon as a record has it, as it is
written there. Known words may be typed in any case.
"""

from collections.abc import Iterable
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
_RECORDS: dict[str, type[Any]] = {
    "severity": Bug,
    "bug_status": Bug,
    "rejection_reason": Bug,
    "testing_type": Test,
    "test_status": Test,
}


def stored_words(dimension: Dimension, word: str) -> set[str | None]:
    """The stored words that ``word`` may stand for, whatever its case; None: a test-case test.

    Words are compared as they are, so that an index serves: with the case they were typed in, as TestIO may send a word
    with capital letters, and in the lower case of the words that are known.
    """
    words = {word.strip(), plain(word)}
    if dimension.name == "bug_status":
        return {*words, wording.stored_bug_status(word)}
    return {*words, wording.stored_testing_type(word)} if dimension.name == "testing_type" else {*words}


def plain(word: object) -> str:
    return str(word).strip().lower()


def refusal(dimension: Dimension, values: Iterable[object]) -> str:
    """Why these cannot be the values of a filter, or "": a word nobody knows would count nothing and look like zero."""
    if dimension.name not in WORDS:
        return ""
    words = [str(value) for value in values if value != NONE]
    known = {stored for word in WORDS[dimension.name] for stored in stored_words(dimension, word)}
    strange = [word for word in words if not stored_words(dimension, word) & known]
    used = _used(dimension, strange) if strange else set()
    for word in strange:
        if not stored_words(dimension, word) & used:
            offered = ", ".join(f'"{each}"' for each in WORDS[dimension.name])
            return f'A filter by {dimension.name} takes {offered} or "{NONE}", not "{word}".'
    return ""


def _used(dimension: Dimension, words: Iterable[str]) -> set[str | None]:
    """Those that a record has. Whoever's it is: they are TestIO's words, not a customer's."""
    rows = _RECORDS[dimension.name].objects.order_by()
    kept = {f"{dimension.path}__in": {stored for word in words for stored in stored_words(dimension, word)}}
    return set(rows.filter(**kept).values_list(dimension.path, flat=True).distinct())
