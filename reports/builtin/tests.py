"""Every test as a row, with what its bugs came to."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from django.db.models import Count, F, Q, QuerySet
from pydantic import Field

from reports.builtin.scope import OfDays, of_tables
from reports.catalogue import Report
from reports.documents import Column, Document, Kind, StoredRows, Table, Value
from reports.figures import BugCounts
from reports.limits import limits
from sync import access as caller
from sync import wording
from sync.access import Access
from sync.api import params
from sync.models import Bug, Test

_CHUNK = 2_000


class TestParameters(OfDays):
    """The days are those on which tests ended."""

    __test__ = False

    test_id: params.Ids = Field([], description="Only these tests.")
    status: params.TestStatuses = Field([], description="Only these states.")
    testing_type: params.TestingTypes = Field([], description="Only tests of these types.")
    missing: bool | None = Field(None, description="Only what TestIO no longer has (true), or still has (false).")


_COLUMNS = (
    Column("id", "Test", Kind.ID, 10),
    Column("title", "Title", width=60),
    Column("status", "Status", width=12),
    Column("testing_type", "Type", width=12),
    Column("review_status", "Review", width=18),
    Column("customer", "Customer", width=14),
    Column("product_id", "Product id", Kind.ID, 10),
    Column("product", "Product"),
    Column("environment", "Environment", width=16),
    Column("created_by", "Created by", width=16),
    Column("start_at", "Start (UTC)", Kind.DATETIME),
    Column("end_at", "End (UTC)", Kind.DATETIME),
    Column("missing_since", "Missing since (UTC)", Kind.DATETIME),
    Column("bugs", "Bugs", Kind.INTEGER),
    Column("accepted", "Accepted", Kind.INTEGER),
    Column("auto_accepted", "Auto-accepted", Kind.INTEGER),
    Column("rejected", "Rejected", Kind.INTEGER),
    Column("open", "Open", Kind.INTEGER),
    Column("overall_acceptance", "Acceptance", Kind.RATE),
    Column("rejection", "Rejection", Kind.RATE),
    Column("review", "Reviewed", Kind.RATE),
)
_SOURCES = (
    "id", "title", "status", "testing_type", "review_status", "product__customer__name", "product_id", "product__name",
    "environment_title", "created_by__username", "start_at", "end_at", "missing_since",
)  # fmt: skip


def run(access: Access, asked: TestParameters) -> Document:
    rows = _found(access, asked)
    table = Table(
        "tests",
        "Tests",
        _COLUMNS,
        StoredRows(rows.values_list(*_SOURCES), partial(_shown, counts=_counts(access, asked))),
        expected=rows.count(),
        empty="No test is like that. Ask for less, or for another period.",
    )
    return of_tables(REPORT, asked, table, limits=limits(asked.products(access), "tests", "bugs"))


def _found(access: Access, asked: TestParameters) -> "QuerySet[Test]":
    visible = caller.seen(Test.objects.all(), access, "product__customer")
    rows: QuerySet[Test] = params.missing(visible, asked.missing).filter(asked.between("end_at"))
    if asked.customer or asked.product_id:
        rows = rows.filter(product__in=asked.products(access))
    if asked.testing_type:
        rows = rows.filter(params.one_of("testing_type", asked.testing_type))
    rows = params.narrowed(rows, pk__in=asked.test_id, status__in=asked.status)
    return rows.order_by(F("end_at").desc(nulls_last=True), "id")


def _counts(access: Access, asked: TestParameters) -> dict[int, BugCounts]:
    """How many bugs each test has in TestIO, by what became of them: one statement, instead of one per test."""
    there = Bug.objects.exclude(test=None).filter(missing_since=None)
    bugs = caller.seen(there, access, "product__customer")
    if asked.customer or asked.product_id:
        bugs = bugs.filter(test__product__in=asked.products(access))
    if asked.test_id:
        bugs = bugs.filter(test_id__in=asked.test_id)
    by = {name: Count("pk", filter=Q(status=stored)) for name, stored in _STATES.items()}
    counted = bugs.order_by().values("test_id").annotate(total=Count("pk"), **by)
    rows = counted.values_list("test_id", "total", *_STATES)
    return {test: BugCounts(*numbers) for test, *numbers in rows.iterator(_CHUNK)}


_STATES = {"accepted": "accepted", "auto_accepted": "auto_accepted", "rejected": "rejected", "open": "forwarded"}


def _shown(rows: Iterable[tuple[Any, ...]], counts: dict[int, BugCounts]) -> Iterator[list[Value]]:
    none = BugCounts()
    for row in rows:
        values: list[Value] = [None if value == "" else value for value in row]
        values[3] = wording.shown_testing_type(row[3])
        bugs = counts.get(row[0], none)
        yield [
            *values, bugs.total, bugs.accepted, bugs.auto_accepted, bugs.rejected, bugs.open,
            bugs.overall_acceptance, bugs.rejection, bugs.review,
        ]  # fmt: skip


REPORT = Report(
    "tests",
    "Tests",
    "Every test as a row, with its state, dates, number of bugs and rates. Filters: products, days, state, type.",
    TestParameters,
    "sync.view_test",
    run,
    ("tests", "list", "raw"),
)
