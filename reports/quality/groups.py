"""The rows of a quality report by what tests or bugs have in common: each with its numbers and how to list what they
count. Whatever the rows are by, they add up to all bugs (and, where it is about tests, to all tests): what has no
value is a row as well.

A feature's bugs are those that were reported on it, as in the metrics cube: a test that covers three features does not
bring its bugs to all three. Bugs on no feature are under ``NONE``.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from reports import figures
from reports.figures import BugCounts
from reports.quality import counting, links
from reports.quality.counting import CountedTest, OfBugs
from reports.quality.links import Links
from reports.quality.question import Question
from reports.quality.rows import NONE, Part
from reports.standings import Tally
from sync import wording
from sync.dates import name_of_period

Key = TypeVar("Key", int, str)


@dataclass(frozen=True, slots=True)
class Group:
    """What has one value in common. ``key`` is what to ask for; ``tests`` is None where it is a property of bugs."""

    key: str
    label: str
    bugs: BugCounts
    links: Links
    tests: int | None = None


# -- of tests


def by_test_status(question: Question, tests: Iterable[CountedTest]) -> list[Group]:
    return _of_tests(question, tests, "test_status", lambda test: test.status, wording.TEST_STATUSES)


def by_testing_type(question: Question, tests: Iterable[CountedTest]) -> list[Group]:
    return _of_tests(question, tests, "testing_type", testing_type, _TYPES)


def by_month(question: Question, tests: Iterable[CountedTest]) -> list[Group]:
    return _of_tests(question, tests, "month", _month, ())


_TYPES = tuple(map(wording.shown_testing_type, wording.TESTING_TYPES))


def testing_type(test: CountedTest) -> str:
    return wording.shown_testing_type(test.testing_type)


def _month(test: CountedTest) -> str:
    return name_of_period("month", test.end_at) if test.end_at else ""


def _of_tests(
    question: Question,
    tests: Iterable[CountedTest],
    name: str,
    value: Callable[[CountedTest], str],
    order: Sequence[str],
) -> list[Group]:
    """By a property of tests: those that there are, known words in their usual order, then others, none last."""
    tallies = tallied(tests, value)
    words = sorted(tallies, key=lambda word: (word == "", order.index(word) if word in order else len(order), word))
    return [_group(question, name, word, tallies[word].bugs, tests=tallies[word].tests) for word in words]


def tallied(tests: Iterable[CountedTest], value: Callable[[CountedTest], Key]) -> dict[Key, Tally]:
    """By plain numbers: adding up tallies would make two objects for each of thousands of tests."""
    sums: dict[Key, list[int]] = defaultdict(lambda: [0] * 6)
    for test in tests:
        numbers, bugs = sums[value(test)], test.bugs
        numbers[0] += 1
        numbers[1] += bugs.total
        numbers[2] += bugs.accepted
        numbers[3] += bugs.auto_accepted
        numbers[4] += bugs.rejected
        numbers[5] += bugs.open
    return {key: Tally(count, BugCounts(*counts)) for key, (count, *counts) in sums.items()}


# -- of bugs


def by_severity(question: Question, bugs: OfBugs) -> list[Group]:
    """Every severity TestIO is known to use, also those without bugs."""
    counts = {word: BugCounts.from_groups(statuses) for word, statuses in bugs.by_severity.items()}
    words = figures.by_severity({word: each.total for word, each in counts.items()})
    return [_group(question, "severity", word, counts.get(word, BugCounts())) for word in words]


def by_bug_status(question: Question, bugs: OfBugs) -> list[Group]:
    """Every status TestIO is known to use and every other one met, so that the rows add up to all bugs."""
    counts: dict[str, BugCounts] = defaultdict(BugCounts)
    for word, number in figures.by_status(bugs.by_status).items():
        counts[wording.shown_bug_status(word)] += BugCounts.from_groups({word: number})
    return [_group(question, "bug_status", word, each) for word, each in counts.items()]


def by_feature(question: Question, bugs: OfBugs) -> list[Group]:
    """Features with bugs, most of them first; bugs without a feature come last."""
    titles = counting.titles(bugs.by_feature)
    counts = {pk: BugCounts.from_groups(statuses) for pk, statuses in bugs.by_feature.items()}
    order = sorted(counts, key=lambda pk: (pk is None, -counts[pk].total, titles.get(pk or 0, ""), pk or 0))
    return [
        _group(question, "feature", "" if pk is None else str(pk), counts[pk], label=titles.get(pk or 0, ""))
        for pk in order
    ]


def _group(question: Question, name: str, word: str, bugs: BugCounts, **more: Any) -> Group:
    key = word or NONE
    label = more.pop("label", "") or key
    return Group(key, label, bugs, links.of_part(question, Part(**{name: key})), **more)
