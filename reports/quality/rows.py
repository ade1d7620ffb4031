"""The tests a quality report counts, and their bugs; whole, and the part of them behind one of its figures."""

from collections.abc import Callable
from dataclasses import dataclass, fields

from django.db.models import Exists, OuterRef, Q, QuerySet

from reports.metrics.dimensions import NONE
from reports.quality.question import Question, Wish
from sync import wording
from sync.api.params import between, one_of
from sync.dates import Period, read_period
from sync.models import Bug, Test, TestFeature

__all__ = ["NONE", "Part", "counted_bugs", "counted_tests"]


@dataclass(frozen=True, slots=True)
class Part:
    """What one row of the report counts, in words as it shows them; ``NONE`` means without. Empty: everything.

    ``month`` is that of the test's end. ``severity``, ``bug_status`` and ``feature`` are about bugs alone.
    """

    product: str = ""
    test_status: str = ""
    testing_type: str = ""
    month: str = ""
    severity: str = ""
    bug_status: str = ""
    feature: str = ""

    def named(self) -> dict[str, str]:
        """What is asked for, by name."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name))}


EVERYTHING = Part()


def counted_tests(question: Question, part: Part = EVERYTHING) -> "QuerySet[Test]":
    """Tests TestIO still has, as far as the question and the part ask for them.

    Raises ``sync.dates.UnreadableDate`` for a month that is none, ``ValueError`` for an id that is none.
    """
    wish = question.wish
    rows: QuerySet[Test] = Test.objects.filter(
        missing_since=None, product__in=question.products, product__missing_since=None
    ).order_by()
    if wish.tests:
        return rows.filter(_narrowed(part, _OF_TESTS), pk__in=wish.tests)
    wanted = _filter(question, wish)
    if wish.exclude:
        wanted &= ~Q(pk__in=wish.exclude)
    if wish.include:
        wanted |= Q(pk__in=wish.include)
    return rows.filter(wanted, _narrowed(part, _OF_TESTS))


def counted_bugs(question: Question, part: Part = EVERYTHING) -> "QuerySet[Bug]":
    """Bugs TestIO still has, of these tests. Raises as ``counted_tests``."""
    rows: QuerySet[Bug] = Bug.objects.filter(missing_since=None, test__in=counted_tests(question, part).values("pk"))
    return rows.filter(_narrowed(part, _OF_BUGS)).order_by()


def _filter(question: Question, wish: Wish) -> Q:
    wanted = Q(status__in=question.statuses) & between("end_at", wish.first, wish.last)
    wanted &= one_of("testing_type", list(wish.testing_types))
    if wish.features:
        uses = TestFeature.objects.filter(test=OuterRef("pk"), feature__in=wish.features, missing_since=None)
        wanted &= Q(Exists(uses))
    return wanted


# -- parts


def _narrowed(part: Part, conditions: dict[str, Callable[[str], Q]]) -> Q:
    wanted = Q()
    for name, value in part.named().items():
        if name in conditions:
            wanted &= conditions[name](value)
    return wanted


def _word(column: str) -> Callable[[str], Q]:
    """Exactly this word: TestIO may use one tomorrow that differs from another by a capital letter only."""
    return lambda word: Q((column, "" if word == NONE else word))


def _number(column: str) -> Callable[[str], Q]:
    return lambda number: Q((column, None if number == NONE else int(number)))


def _type(word: str) -> Q:
    if word == wording.TEST_CASE:
        return Q(testing_type=None) | Q(testing_type=word)
    return Q(testing_type__in=("external", word)) if word == wording.CUSTOM else _word("testing_type")(word)


def _bug_status(word: str) -> Q:
    return Q(status__in=("forwarded", word)) if word == wording.OPEN else _word("status")(word)


def _month(name: str) -> Q:
    if name == NONE:
        return Q(end_at=None)
    month: Period = read_period(name)
    return between("end_at", month.first, month.last)


_OF_TESTS: dict[str, Callable[[str], Q]] = {
    "product": _number("product"),
    "test_status": _word("status"),
    "testing_type": _type,
    "month": _month,
}
_OF_BUGS: dict[str, Callable[[str], Q]] = {
    "severity": _word("severity"),
    "bug_status": _bug_status,
    "feature": _number("feature"),
}
