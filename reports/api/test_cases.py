"""What test-case tests came to."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated, Literal

from django.http import Http404
from ninja import Field, Query, Router, Schema

from reports import test_cases
from reports.schemas.test_cases import CaseFigures, TestCaseResults
from reports.test_cases import Case, CaseCounts
from sync.access import Request, require, seen
from sync.api import params
from sync.api.conditional import Answer, documented, reads
from sync.api.listing import Document, age_of
from sync.models import Product, Test

router = Router(tags=["Tests"])


class ResultQuery(Schema):
    test_id: params.Ids = Field(min_length=1, description="The tests; may be repeated, or several with commas.")
    include: Annotated[list[Literal["cases"]], *params.SEVERAL] = Field(
        [], description="Also every case with its steps and executions."
    )


@router.get("/test-case-results", response=documented(TestCaseResults, 404))
@reads("sync.view_testcaseresult")
def read_results(request: Request, query: Query[ResultQuery]) -> Answer:
    """Test cases and their executions by test.

    Tests without any are under `skipped`, with the reason. 404: a test that is not there.
    """
    require(request, "sync.view_test")
    tests = _tests(request, query.test_id)
    counts = test_cases.counts(Test.objects.filter(pk__in=query.test_id))
    skipped = {test.pk: reason for test in tests if (reason := test_cases.why_skipped(test, counts))}
    counted = [test for test in tests if test.pk not in skipped]
    cases = test_cases.cases(test.pk for test in counted) if "cases" in query.include else None
    age, stale = age_of(Product.objects.filter(pk__in={test.product_id for test in tests}), ("tests",))
    document = {
        "total": CaseFigures.figures(test_cases.total(counts[test.pk] for test in counted)),
        "tests": [_shown(test, counts[test.pk], cases) for test in counted],
        "skipped": [{"test_id": pk, "reason": reason} for pk, reason in skipped.items()],
    }
    return Answer(document | age, stale)


def _tests(request: Request, ids: Iterable[int]) -> list[Test]:
    """In the order they were asked for."""
    wanted = dict.fromkeys(ids)
    rows = seen(Test.objects.filter(pk__in=wanted), request.access, "product__customer")
    found = rows.only(
        "title", "testing_type", "missing_since", "product__missing_since", "freshness__results_synced_at"
    )
    tests = {test.pk: test for test in found.select_related("product", "freshness")}
    if missing := [pk for pk in wanted if pk not in tests]:
        raise Http404(f"There is no test {missing[0]} here. If it is new, sync its product first.")
    return [tests[pk] for pk in wanted]


def _shown(test: Test, counts: CaseCounts, cases: dict[int, list[Case]] | None) -> Document:
    return {
        "test_id": test.pk,
        "title": test.title,
        "product_id": test.product_id,
        "results_read_at": test_cases.read_at(test),
        "cases": None if cases is None else [_case(case) for case in cases[test.pk]],
        **CaseFigures.figures(counts),
    }


def _case(case: Case) -> Document:
    return {
        "id": case.id,
        "title": case.title,
        "feature_id": case.feature_id,
        "steps": case.steps,
        "is_defined": case.is_defined,
        "results": [asdict(each) for each in case.executions],
        **CaseFigures.figures(case.counts),
    }
