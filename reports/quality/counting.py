"""The numbers of a quality report: a handful of statements, however many tests and bugs there are."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Q

from reports import figures
from reports.figures import BugCounts
from reports.quality.question import Question
from reports.quality.rows import counted_bugs, counted_tests
from reports.standings import Tally
from sync.models import Feature, Product


@dataclass(frozen=True, slots=True)
class CountedTest:
    """A test as it is stored, with its bugs. ``lacks_bugs``: they were not read from TestIO yet."""

    bugs: BugCounts
    id: int
    title: str
    status: str
    testing_type: str | None
    start_at: datetime | None
    end_at: datetime | None
    product_id: int
    environment: str
    lacks_bugs: bool


@dataclass(slots=True)
class OfBugs:
    """How many bugs have each stored status, by another of their properties."""

    by_severity: dict[str, Counter[str]] = field(default_factory=dict)
    by_feature: dict[int | None, Counter[str]] = field(default_factory=dict)
    by_status: Counter[str] = field(default_factory=Counter)

    def add(self, severity: str, feature: int | None, status: str, number: int) -> None:
        self.by_severity.setdefault(severity, Counter())[status] += number
        self.by_feature.setdefault(feature, Counter())[status] += number
        self.by_status[status] += number


_TEST = ("id", "title", "status", "testing_type", "start_at", "end_at", "product_id", "environment_title")


def tests(question: Question) -> list[CountedTest]:
    """Every test that counts, the last ended first."""
    counts = figures.bug_counts()
    found = counted_bugs(question).values("test_id").annotate(**counts).values_list("test_id", *counts)
    bugs = {test: dict(zip(counts, numbers, strict=True)) for test, *numbers in found}
    order = (F("end_at").desc(nulls_last=True), "-pk")
    lacks_bugs = Q(freshness__isnull=False, freshness__bugs_synced_at=None)
    rows = counted_tests(question).annotate(lacks_bugs=lacks_bugs).order_by(*order).values_list(*_TEST, "lacks_bugs")
    none: dict[str, int] = {}
    return [CountedTest(BugCounts(**bugs.get(row[0], none)), *row) for row in rows]


def bugs(question: Question) -> OfBugs:
    """The bugs of those tests."""
    found = OfBugs()
    groups = counted_bugs(question).values_list("severity", "feature_id", "status").annotate(Count("pk"))
    for severity, feature, status, number in groups:
        found.add(severity, feature, status, number)
    return found


def by_product(question: Question) -> dict[int, Tally]:
    """Tests and bugs of each product, without looking at single ones."""
    counts = figures.bug_counts()
    rows = counted_bugs(question).values("test__product_id").annotate(**counts).values_list("test__product_id", *counts)
    bugs = {product: BugCounts(**dict(zip(counts, numbers, strict=True))) for product, *numbers in rows}
    numbers: dict[int, int] = dict(counted_tests(question).values_list("product").annotate(Count("pk")))
    return {product: Tally(number, bugs.get(product, BugCounts())) for product, number in numbers.items()}


def titles(features: Mapping[int | None, Any]) -> dict[int, str]:
    ids = [pk for pk in features if pk is not None]
    return dict(Feature.objects.filter(pk__in=ids).order_by().values_list("pk", "title")) if ids else {}


def products(question: Question) -> list[Product]:
    """The products it is about, by name, each with its customer and what that calls healthy; also those that TestIO has
    no more, which count nowhere."""
    rows = Product.objects.filter(pk__in=question.products).defer("raw", "search")
    return list(rows.select_related("customer__thresholds").order_by("name", "pk"))
