"""The quality report, and the rows behind each of its figures."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Annotated, Any, TypeVar

from django.http import Http404
from ninja import Field, Query, Router

from reports import quality
from reports.builtin.quality import Choice, QualityParameters
from reports.catalogue import BadParameters
from reports.figures import BugCounts
from reports.models import CustomerThresholds
from reports.quality import (
    Contradiction,
    Group,
    Limits,
    Links,
    NoSuchReference,
    Part,
    ProductRow,
    QualityReport,
    Question,
    Standing,
    TestRow,
)
from reports.schemas import quality as schemas
from reports.schemas.test_cases import CaseFigures
from reports.standings import Tally
from reports.thresholds import DIRECTIONS, Thresholds
from sync.access import Access, Request, require
from sync.api import params
from sync.api.bugs import BUGS
from sync.api.conditional import Answer, documented, reads
from sync.api.listing import Document
from sync.api.tests import TESTS
from sync.models import Customer, Product
from sync.schemas.bugs import BugPage
from sync.schemas.tests import TestPage

router = Router(tags=["Quality"])

Found = TypeVar("Found")

#: A number, or "(none)".
IdOrNone = Annotated[str, Field(pattern=r"^([1-9][0-9]{0,17}|\(none\))$", examples=["30012", "(none)"])]
MonthOrNone = Annotated[
    str, Field(pattern=r"^([1-9][0-9]{3}-(0[1-9]|1[0-2])|\(none\))$", examples=["2026-03", "(none)"])
]
Word = Annotated[str, Field(max_length=255, pattern=r"^[^\u0000]*$", examples=["high", "(none)"])]


class QualityQuery(QualityParameters):
    """The report's parameters."""


class TestsBehind(params.ListQuery):
    __test__ = False

    of_product: params.Id | None = Field(None, description="Behind the figures of this product.")
    of_test_status: Word = Field("", description="Behind those of tests in this state.")
    of_testing_type: Word = Field("", description="Behind those of tests of this type.")
    of_month: MonthOrNone | None = Field(None, description="Behind those of this month of the tests' end.")


class BugsBehind(TestsBehind):
    of_severity: Word = Field("", description="Behind the figures of this severity.")
    of_bug_status: Word = Field("", description="Behind those of this status.")
    of_feature: IdOrNone | None = Field(None, description="Behind those of this feature.")


class QualityTestsQuery(TestsBehind, Choice):
    __test__ = False


class QualityBugsQuery(BugsBehind, Choice):
    pass


REPORT = documented(schemas.QualityReport, 404, 409)


@router.get("/reports/quality", response=REPORT)
@reads("sync.view_bug")
def read_quality_report(request: Request, query: Query[QualityQuery]) -> Answer:
    """How tests of some products and days went, and how that is known.

    Name the tests, or filter for them: the filter, minus `exclude_test_id`, plus `include_test_id`. Executed tests
    (running, locked, archived) count unless `status` says otherwise; named and included tests count in any state. Each
    row has the calls that list what it counts. 404: a product, test or feature that is not there. 409: parameters that
    contradict each other.
    """
    require(request, "sync.view_test")
    question = _question(query, request.access)
    report = quality.make(question)
    stale = tuple(old.product_id for old in report.limits.old_products)
    return Answer(shown(report, tests=query.tests) | {"stale": bool(stale)}, stale)


@router.get("/reports/quality/tests", response=documented(TestPage, 404, 409), url_name="quality_tests")
@reads("sync.view_test")
def list_quality_tests(request: Request, query: Query[QualityTestsQuery]) -> Answer:
    """The tests behind a figure of the quality report, the last ended first."""
    question = _question(query, request.access)
    rows = _part_of(quality.counted_tests, question, query)
    return TESTS.page(request, query, rows, "-end_at", products=_products(question))


@router.get(
    "/reports/quality/bugs", response=documented(BugPage, 404, 409), exclude_unset=True, url_name="quality_bugs"
)
@reads("sync.view_bug")
def list_quality_bugs(request: Request, query: Query[QualityBugsQuery]) -> Answer:
    """The bugs behind a figure of the quality report, the last reported first."""
    question = _question(query, request.access)
    rows = _part_of(quality.counted_bugs, question, query)
    return BUGS.page(request, query, rows, "-reported_at", products=_products(question))


def _question(query: Choice, access: Access) -> Question:
    try:
        return query.question(access)
    except NoSuchReference as refusal:
        raise Http404(str(refusal)) from None
    except Contradiction as refusal:
        raise BadParameters({refusal.field: str(refusal)}) from None


def _part_of(found: Callable[[Question, Part], Found], question: Question, query: TestsBehind) -> Found:
    asked = {name.removeprefix("of_"): str(value) for name, value in query if name.startswith("of_") and value}
    return found(question, Part(**asked))


def _products(question: Question) -> Any:
    return Product.objects.filter(pk__in=question.products)


# The document ---------------------------------------------------------------------------------------------------------


def shown(report: QualityReport, *, tests: bool) -> Document:
    """As ``schemas.QualityReport`` describes it, without ``stale``."""
    return {
        "made_at": report.made_at,
        "data_as_of": report.limits.data_as_of,
        "question": _asked(report),
        "thresholds": thresholds(report.thresholds),
        "own_thresholds": [thresholds_of_customer(row.customer, row) for row in report.own_thresholds],
        "total": _standing(report.total, report.links),
        "products": [_product(row) for row in report.products],
        "by_severity": _groups(report.by_severity),
        "by_bug_status": _groups(report.by_bug_status),
        "by_feature": _groups(report.by_feature),
        "by_test_status": _groups(report.by_test_status),
        "by_testing_type": _groups(report.by_testing_type),
        "by_month": _groups(report.by_month),
        "test_cases": {"tests": report.case_tests, **CaseFigures.figures(report.cases)},
        "limits": _limits(report.limits),
        "tests": [_test(row) for row in report.tests] if tests else None,
    }


def thresholds(chosen: Thresholds) -> Document:
    return {name: _threshold(chosen, name) for name in DIRECTIONS}


def thresholds_of_customer(customer: Customer, row: CustomerThresholds | None) -> Document:
    """``row``: what it sets itself, if anything."""
    own = row.own if row else {}
    chosen = row.thresholds if row else Thresholds.from_settings()
    return thresholds(chosen) | {"customer": customer.name, "own": list(own)}


def _threshold(chosen: Thresholds, name: str) -> Document:
    limit = getattr(chosen, name)
    return {"warning": limit.warning, "critical": limit.critical, "direction": "above" if limit.above else "below"}


def _asked(report: QualityReport) -> Document:
    wish, before = report.question.wish, report.previous_period
    return {
        "period": report.period,
        "since": wish.first,
        "until": wish.last,
        "previous_since": before and before.first,
        "previous_until": before and before.last,
        "statuses": report.statuses,
        "product_ids": report.question.products,
        "parameters": report.question.parameters(),
    }


@lru_cache(maxsize=4_096)
def _bugs(counts: BugCounts) -> Document:
    """Kept, because thousands of tests have few different numbers; so nobody may change it."""
    return {
        "total": counts.total,
        "accepted": counts.accepted,
        "auto_accepted": counts.auto_accepted,
        "rejected": counts.rejected,
        "open": counts.open,
        "rates": counts.rates(),
    }


def _tally(tally: Tally) -> Document:
    return {"tests": tally.tests, "bugs": _bugs(tally.bugs), "bugs_per_test": tally.bugs_per_test}


def _standing(standing: Standing, links: Links) -> Document:
    return _tally(standing.tally) | {
        "health": standing.health,
        "overall_health": standing.overall,
        "previous": _tally(standing.previous) if standing.previous else None,
        "changes": standing.changes(),
        "links": _links(links),
    }


def _links(links: Links) -> Document:
    return {"bugs": links.bugs, "tests": links.tests or None, "page": links.page or None}


def _product(row: ProductRow) -> Document:
    whose = {"product_id": row.id, "product": row.name, "customer": row.customer}
    return whose | _standing(row.standing, row.links)


def _groups(groups: Sequence[Group]) -> list[Document]:
    return [
        {
            "key": each.key,
            "label": each.label,
            "tests": each.tests,
            "bugs": _bugs(each.bugs),
            "links": _links(each.links),
        }
        for each in groups
    ]


_OF_TEST = ("id", "title", "status", "testing_type", "start_at", "end_at", "product_id", "product", "health")


def _test(row: TestRow) -> Document:
    return {name: getattr(row, name) for name in _OF_TEST} | {
        "environment": row.environment or None,
        "bugs": _bugs(row.bugs),
        "test_cases": CaseFigures.figures(row.cases) if row.cases else None,
        "links": _links(row.links),
    }


def _limits(limits: Limits) -> Document:
    return {
        "sentences": limits.sentences(),
        "hidden_tests": limits.hidden_tests,
        "gaps": [asdict(gap) for gap in limits.gaps],
        "old_products": [asdict(each) for each in limits.old_products],
        "left_out": [asdict(each) for each in limits.left_out],
        "unread_tests": limits.unread_tests,
        "unread_test_ids": limits.unread_test_ids,
        "bugs_of_unread_tests": limits.bugs_of_unread_tests,
        "tests_without_bugs_read": limits.tests_without_bugs_read,
        "undated_tests": limits.undated_tests,
        "in_both_periods": limits.in_both_periods,
    }
