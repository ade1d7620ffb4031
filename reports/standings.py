"""How products stand: tests and bugs of a period, of the one before, and month by month. For the pages.

Counted are executed tests by the day they end, and their bugs; what TestIO no longer has is left out. All comes from
two statements, one for tests and one for bugs, however many products there are: rows are grouped so finely that
every sum a page shows can be made from them.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeVar

from django.db.models import Case, Count, DateField, F, IntegerField, Model, Q, QuerySet, Value, When
from django.db.models.functions import TruncMonth, TruncWeek

from reports import figures, periods
from reports.figures import EXECUTED_STATUSES, BugCounts
from sync.dates import Period
from sync.models import Bug, Test

Row = TypeVar("Row", bound=Model)

#: Which of the two compared periods a row belongs to.
NOW, BEFORE, NEITHER = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Tally:
    """Some tests and their bugs."""

    tests: int = 0
    bugs: BugCounts = field(default_factory=BugCounts)

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.tests + other.tests, self.bugs + other.bugs)

    @property
    def bugs_per_test(self) -> float | None:
        return figures.bugs_per_test(self.bugs.total, self.tests)


@dataclass(frozen=True, slots=True)
class OnFeature:
    """A feature bugs are on; two may have the same title."""

    id: int
    title: str


@dataclass(frozen=True, slots=True)
class Key:
    """What one group of rows has in common. ``feature`` is None for tests, and for bugs without one."""

    product: int
    bucket: date
    period: int
    feature: OnFeature | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """Tallies by key, added up as they are asked for."""

    tallies: dict[Key, Tally]

    def total(self, wanted: Callable[[Key], bool]) -> Tally:
        return sum((tally for key, tally in self.tallies.items() if wanted(key)), Tally())

    def of_period(self, period: int) -> Tally:
        return self.total(lambda key: key.period == period)

    def by_product(self, period: int) -> dict[int, Tally]:
        return self._by(lambda key: key.product, (key for key in self.tallies if key.period == period))

    def by_bucket(self, buckets: Sequence[date]) -> list[Tally]:
        found = self._by(lambda key: key.bucket, self.tallies)
        return [found.get(bucket, Tally()) for bucket in buckets]

    def bugs_by_feature(self, period: int) -> Counter[OnFeature | None]:
        counts: Counter[OnFeature | None] = Counter()
        for key, tally in self.tallies.items():
            if key.period == period:
                counts[key.feature] += tally.bugs.total
        return counts

    def _by(self, group: Callable[[Key], Any], keys: Iterable[Key]) -> dict[Any, Tally]:
        found: dict[Any, Tally] = defaultdict(Tally)
        for key in keys:
            found[group(key)] += self.tallies[key]
        return found


@dataclass(frozen=True, slots=True)
class Question:
    """Of which products (None: all), the ``period`` to compare with the one before, and the trend's buckets, which
    are months or weeks. ``by_feature``: bugs by feature too."""

    products: Sequence[int]
    period: Period
    buckets: Sequence[date]
    weekly: bool = False
    by_feature: bool = False

    @property
    def since(self) -> datetime:
        return periods.begins(min([self.period.previous().first, *self.buckets]))


def figures_of(question: Question) -> Figures:
    """The tests and bugs a page needs, in two statements."""
    tallies: dict[Key, Tally] = defaultdict(Tally)
    tests = _grouped(executed(Test.objects.all()), "", question, [])
    for product, bucket, period, count in tests.annotate(found=Count("pk")).values_list(*_KEY, "found"):
        tallies[Key(product, bucket, period)] += Tally(count)
    more = ["feature_id", "feature__title"] if question.by_feature else []
    bugs = executed(Bug.objects.filter(missing_since=None), "test__")
    counts = figures.bug_counts()
    rows = _grouped(bugs, "test__", question, more).annotate(**counts).values_list(*_KEY, *more, *counts)
    for product, bucket, period, *rest in rows:
        on, numbers = rest[: len(more)], rest[len(more) :]
        feature = OnFeature(*on) if on and on[0] is not None else None
        tallies[Key(product, bucket, period, feature)] += Tally(0, BugCounts(**dict(zip(counts, numbers, strict=True))))
    return Figures(dict(tallies))


def executed(rows: "QuerySet[Row]", test: str = "") -> "QuerySet[Row]":
    """Those of ``rows`` whose test (``test`` leads to it, like ``test__``) was run and is still in TestIO."""
    return rows.filter((f"{test}status__in", EXECUTED_STATUSES), (f"{test}missing_since", None))


_KEY = ("key_product", "key_bucket", "key_period")


def _grouped(rows: "QuerySet[Row]", test: str, question: Question, more: list[str]) -> "QuerySet[Any, Any]":
    end = f"{test}end_at"
    truncated = TruncWeek if question.weekly else TruncMonth
    within = rows.filter(
        (f"{test}product__in", question.products),
        (f"{end}__gte", question.since),
        (f"{end}__lt", periods.ends(question.period.last)),
    )
    keyed = within.annotate(
        key_product=F(f"{test}product_id"),
        key_bucket=truncated(end, output_field=DateField()),
        key_period=_period(end, question.period),
    )
    return keyed.order_by().values(*_KEY, *more)


def _period(end: str, period: Period) -> Case:
    return Case(
        When(Q((f"{end}__gte", periods.begins(period.first))), then=Value(NOW)),
        When(Q((f"{end}__gte", periods.begins(period.previous().first))), then=Value(BEFORE)),
        default=Value(NEITHER),
        output_field=IntegerField(),
    )
