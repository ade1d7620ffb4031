"""Tests: all of them, and those of a product."""

from datetime import datetime
from typing import Any, Literal

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Left
from ninja import Field, Query, Router

from sync import wording
from sync.access import Request, seen
from sync.api import params
from sync.api.conditional import Answer, documented, reads
from sync.api.keyset import ID, Column
from sync.api.listing import Document, Listing, products_in_scope
from sync.api.products import visible_product
from sync.models import Test, TestFeature
from sync.schemas.tests import TestPage

router = Router(tags=["Tests"])

#: As many characters of a title as decide its place: a cursor carries them, and addresses are not endless.
SORTED_TITLE = 100

Sort = Literal[
    "end_at", "-end_at", "start_at", "-start_at", "status", "-status", "title", "-title", "id", "-id"
]  # fmt: skip


class TestFilters(params.Missing, params.ListQuery):
    test_id: params.Ids = Field([], description="Only these tests.")
    status: params.TestStatuses = Field([], description="Only these states.")
    testing_type: params.TestingTypes = Field([], description="Only these types; both words are taken.")
    feature_id: params.Ids = Field([], description="Only tests that use one of these features.")
    section_id: params.Ids = Field([], description="Only tests set up in these sections.")
    since: params.Day | None = Field(None, description=f"Only tests that ended on {params.SINCE}")
    until: params.Day | None = Field(None, description=f"Only tests that ended on {params.UNTIL}")
    sort: Sort = Field("-end_at", description="Tests without that time come last. `-` means descending.")


class TestQuery(params.OfProducts, TestFilters):
    pass


def _shown(rows: list[Document]) -> None:
    for row in rows:
        row["testing_type"] = wording.shown_testing_type(row["testing_type"])


TESTS = Listing(
    "tests",
    columns={
        "id": "id",
        "title": "title",
        "goal": "goal",
        "status": "status",
        "review_status": "review_status",
        "testing_type": "testing_type",
        "start_at": "start_at",
        "end_at": "end_at",
        "product_id": "product_id",
        "product": "product__name",
        "customer": "product__customer__name",
        "section_id": "section_id",
        "environment_id": "environment_id",
        "environment_title": "environment_title",
        "is_demo": "is_demo",
        "created_by": "created_by__username",
        "submitted_by": "submitted_by__username",
        "missing_since": "missing_since",
        "changed_at": "changed_at",
    },
    sorts={
        "end_at": Column("end_at", datetime, nullable=True),
        "start_at": Column("start_at", datetime, nullable=True),
        "status": Column("status", str),
        "title": Column(Left("title", SORTED_TITLE), str),
        "id": ID,
    },
    parts=("tests",),
    finish=_shown,
)


@router.get("/tests", response=documented(TestPage))
@reads("sync.view_test")
def list_tests(request: Request, query: Query[TestQuery]) -> Answer:
    """Tests, the last ended first."""
    scope = products_in_scope(request.access, query.customer, query.product_id)
    rows = params.of_products(request.access, _filtered(request, query), query)
    return TESTS.page(request, query, rows, query.sort, products=scope)


@router.get("/products/{product}/tests", response=documented(TestPage, 404))
@reads("sync.view_test")
def list_tests_of_product(request: Request, product: params.ProductId, query: Query[TestFilters]) -> Answer:
    """Tests of one product, the last ended first."""
    scope = visible_product(request, product)
    rows = _filtered(request, query).filter(product_id=product)
    return TESTS.page(request, query, rows, query.sort, products=scope)


def _filtered(request: Request, query: TestFilters) -> "QuerySet[Test]":
    rows: QuerySet[Test] = seen(Test.objects.all(), request.access, "product__customer")
    rows = params.missing(rows, query.missing).filter(
        params.one_of("testing_type", query.testing_type), params.between("end_at", query.since, query.until)
    )
    if query.feature_id:
        uses = TestFeature.objects.filter(test=OuterRef("pk"), feature_id__in=query.feature_id, missing_since=None)
        rows = rows.filter(Exists(uses))
    asked: dict[str, Any] = {"pk": query.test_id, "status": query.status, "section_id": query.section_id}
    return params.narrowed(rows, **{f"{column}__in": values for column, values in asked.items()})
