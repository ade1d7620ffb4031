"""The forms that custom bugs were filed with, one by one."""

from datetime import datetime
from typing import Annotated, Literal

from django.db.models import Q
from django.db.models.functions import Coalesce
from ninja import Field, Query, Router

from reports import custom
from reports.schemas.custom_reports import CustomReportPage
from sync.access import Request
from sync.api import params
from sync.api.conditional import Answer, documented, reads
from sync.api.keyset import Column
from sync.api.listing import Document, Listing, Source, products_in_scope
from sync.testio.payloads.reading import mappings, text

router = Router(tags=["Custom reports"])

Sort = Literal["reported_at", "-reported_at", "id", "-id"]
Include = Literal["plain_text_interactions"]
_BUG = Column("bug_id", int)


class CustomReportQuery(params.OfProducts, params.ListQuery):
    test_id: params.Ids = Field([], description="Only reports of bugs found in these tests.")
    bug_id: params.Ids = Field([], description="Only reports of these bugs.")
    tester_id: params.Ids = Field([], description="Only reports of these people, by our number.")
    configuration_id: params.Texts = Field([], description="Only reports made with these forms.")
    since: params.Day | None = Field(None, description=f"Only bugs reported on {params.SINCE}")
    until: params.Day | None = Field(None, description=f"Only bugs reported on {params.UNTIL}")
    sort: Sort = Field("-reported_at", description="`id` is the bug's. `-` means descending.")
    include: Annotated[list[Include], *params.SEVERAL] = Field(
        [], description="What comes with each report; may be repeated."
    )


def _shown(rows: list[Document]) -> None:
    for row in rows:
        row["fields"] = [{"key": text(each.get("key")), "value": each.get("value")} for each in mappings(row["fields"])]


CUSTOM_REPORTS = Listing(
    "custom_reports",
    columns={
        "bug_id": "bug_id",
        "title": "bug__title",
        "test_id": Coalesce("bug__test_id", "bug__mentioned_test_id"),
        "product_id": custom.PRODUCT_ID,
        "product": custom.PRODUCT_NAME,
        "customer": "bug__product__customer__name",
        "tester_id": "bug__author_id",
        "tester": "bug__author__username",
        "reported_at": "bug__reported_at",
        "configuration_id": "configuration_id",
        "fields": "data",
    },
    sorts={"reported_at": Column("bug__reported_at", datetime, nullable=True), "id": _BUG},
    parts=("bugs",),
    finish=_shown,
    tie=_BUG,
)


@router.get("/custom-reports", response=documented(CustomReportPage), exclude_unset=True)
@reads("sync.view_customreport")
def list_custom_reports(request: Request, query: Query[CustomReportQuery]) -> Answer:
    """Custom reports, the last reported first, each with its fields as TestIO sent them.

    Each is of the product of its bug's test, and of the bug's own where that test was not read yet. Those of bugs,
    tests and products that TestIO has no more are left out.
    """
    scope = products_in_scope(request.access, query.customer, query.product_id)
    rows = custom.present(request.access).filter(params.between("bug__reported_at", query.since, query.until))
    if query.test_id:
        rows = rows.filter(Q(bug__test_id__in=query.test_id) | Q(bug__mentioned_test_id__in=query.test_id))
    rows = params.narrowed(
        rows,
        of_product__in=query.product_id,
        bug__product__customer_id=params.customer_id(request.access, query.customer),
        bug_id__in=query.bug_id,
        bug__author_id__in=query.tester_id,
        configuration_id__in=query.configuration_id,
    )
    more: dict[str, Source] = {name: name for name in query.include}
    return CUSTOM_REPORTS.page(request, query, rows, query.sort, products=scope, more=more)
