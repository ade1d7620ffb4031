"""The quality report itself. Every sum in it is a sum of rows in it, and every row says how to list what it counts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from reports import own_thresholds, test_cases
from reports.figures import RATES, BugCounts
from reports.metrics import Range
from reports.models import CustomerThresholds
from reports.quality import counting, groups, links
from reports.quality.counting import CountedTest
from reports.quality.groups import Group
from reports.quality.limits import Limits, limits
from reports.quality.links import Links, OfTests
from reports.quality.question import Question
from reports.quality.rows import NONE, Part, counted_tests
from reports.standings import Tally
from reports.test_cases import CaseCounts
from reports.thresholds import Health, Thresholds
from sync.dates import Period
from sync.models import Product


@dataclass(frozen=True, slots=True)
class Standing:
    """Tests and bugs with what the rates mean; ``previous`` is the period before, None where there is none."""

    tally: Tally
    health: Mapping[str, Health]
    overall: Health
    previous: Tally | None = None

    def changes(self) -> dict[str, float | None] | None:
        """Every figure now minus what it was before; None for a rate that was or is unknown."""
        if self.previous is None:
            return None
        now, before = _figures(self.tally), _figures(self.previous)
        return {name: _difference(now[name], before[name]) for name in now}


@dataclass(frozen=True, slots=True)
class ProductRow:
    id: int
    name: str
    customer: str
    standing: Standing
    links: Links


@dataclass(frozen=True, slots=True)
class TestRow:
    """``cases`` is None for tests of other types than test case."""

    __test__ = False

    id: int
    title: str
    status: str
    testing_type: str
    start_at: datetime | None
    end_at: datetime | None
    product_id: int
    product: str
    environment: str
    bugs: BugCounts
    health: Mapping[str, Health]
    cases: CaseCounts | None
    links: Links


@dataclass(frozen=True, slots=True)
class QualityReport:
    """``statuses`` are those of the tests that count, None where tests were named. ``tests`` is never shortened.

    Each product and test is judged by the thresholds of its customer. ``thresholds`` judge all together: those that
    hold for every product, else the site's. ``judged_by`` says whose these are.
    """

    question: Question
    made_at: datetime
    thresholds: Thresholds
    judged_by: str
    own_thresholds: Sequence[CustomerThresholds]
    total: Standing
    links: Links
    products: Sequence[ProductRow]
    tests: Sequence[TestRow]
    by_severity: Sequence[Group]
    by_bug_status: Sequence[Group]
    by_feature: Sequence[Group]
    by_test_status: Sequence[Group]
    by_testing_type: Sequence[Group]
    by_month: Sequence[Group]
    cases: CaseCounts
    case_tests: int
    limits: Limits

    @property
    def statuses(self) -> tuple[str, ...] | None:
        return self.question.statuses

    @property
    def period(self) -> str:
        """In words: "all time", "2026-01-01 to 2026-03-31"."""
        return str(Range(self.question.wish.first, self.question.wish.last))

    @property
    def previous_period(self) -> Period | None:
        before = self.question.previous()
        return before.period if before else None


def make(question: Question) -> QualityReport:
    """The figures as they are stored now. Call it within one snapshot: it takes up to a dozen statements."""
    tests, bugs = counting.tests(question), counting.bugs(question)
    before = question.previous()
    past = counting.by_product(before) if before else None
    has_cases = any(test.testing_type is None for test in tests)
    cases = test_cases.counts(counted_tests(question)) if has_cases else {}
    known = counting.products(question)
    products = [product for product in known if not product.missing_since]
    thresholds = {product.pk: own_thresholds.thresholds_of(product) for product in products}
    for_all = own_thresholds.for_all(thresholds.values())
    total = Tally(len(tests), BugCounts.from_groups(bugs.by_status))
    previous = None if past is None else sum(past.values(), Tally())
    return QualityReport(
        question=question,
        made_at=timezone.now(),
        thresholds=for_all,
        judged_by=own_thresholds.judged_by(product.customer for product in products),
        own_thresholds=own_thresholds.of_customers(product.customer for product in products),
        total=_standing(total, for_all, previous),
        links=links.of_part(question, Part()),
        products=_products(question, products, thresholds, tests, past),
        tests=_tests(tests, {product.pk: product.name for product in products}, cases, thresholds),
        by_severity=groups.by_severity(question, bugs),
        by_bug_status=groups.by_bug_status(question, bugs),
        by_feature=groups.by_feature(question, bugs),
        by_test_status=groups.by_test_status(question, tests),
        by_testing_type=groups.by_testing_type(question, tests),
        by_month=groups.by_month(question, tests),
        cases=test_cases.total(cases.values()),
        case_tests=len(cases),
        limits=limits(question, known, without_bugs_read=sum(test.lacks_bugs for test in tests)),
    )


def _standing(tally: Tally, thresholds: Thresholds, previous: Tally | None) -> Standing:
    rates = tally.bugs.rates()
    return Standing(tally, thresholds.health(rates), thresholds.overall(rates), previous)


def _figures(tally: Tally) -> dict[str, float | None]:
    return {"tests": tally.tests, "bugs": tally.bugs.total, "bugs_per_test": tally.bugs_per_test} | tally.bugs.rates()


#: What ``Standing.changes`` has.
CHANGING = ("tests", "bugs", "bugs_per_test", *RATES)


def _difference(now: float | None, before: float | None) -> float | None:
    return None if now is None or before is None else now - before


# -- products and tests


def _products(
    question: Question,
    products: Iterable[Product],
    thresholds: Mapping[int, Thresholds],
    tests: Iterable[CountedTest],
    past: Mapping[int, Tally] | None,
) -> list[ProductRow]:
    tallies = groups.tallied(tests, lambda test: test.product_id)
    rows = []
    for product in products:
        previous = None if past is None else past.get(product.pk, Tally())
        standing = _standing(tallies.get(product.pk, Tally()), thresholds[product.pk], previous)
        of_it = links.of_product(question, product.pk)
        rows.append(ProductRow(product.pk, product.name, product.customer.name, standing, of_it))
    return rows


def _tests(
    tests: Sequence[CountedTest],
    products: Mapping[int, str],
    cases: Mapping[int, CaseCounts],
    thresholds: Mapping[int, Thresholds],
) -> list[TestRow]:
    addresses = OfTests()
    # Thousands of tests have few different numbers of bugs.
    different = {(test.product_id, test.bugs) for test in tests}
    health = {(product, bugs): thresholds[product].health(bugs.rates()) for product, bugs in different}
    return [
        TestRow(
            id=test.id,
            title=test.title,
            status=test.status,
            testing_type=groups.testing_type(test) or NONE,
            start_at=test.start_at,
            end_at=test.end_at,
            product_id=test.product_id,
            product=products[test.product_id],
            environment=test.environment,
            bugs=test.bugs,
            health=health[test.product_id, test.bugs],
            cases=cases.get(test.id, CaseCounts()) if test.testing_type is None else None,
            links=addresses.of(test.id),
        )
        for test in tests
    ]
