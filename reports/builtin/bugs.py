"""Every bug as a row."""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any, Literal

from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Coalesce
from pydantic import Field

from reports.builtin.scope import OfDays, of_tables
from reports.catalogue import Report
from reports.documents import Column, Document, Kind, StoredRows, Table, Value
from reports.limits import limits
from sync import access as caller
from sync import wording
from sync.access import Access
from sync.api import params
from sync.models import Bug, CustomReport


class BugParameters(OfDays):
    """The days are those on which bugs were reported."""

    test_id: params.Ids = Field([], description="Only bugs found in these tests.")
    status: params.BugStatuses = Field([], description="Only these states; both words are taken.")
    severity: params.Severities = Field([], description="Only these severities.")
    rejection_reason: params.RejectionReasons = Field([], description="Only bugs rejected for one of these reasons.")
    feature_id: params.Ids = Field([], description="Only bugs found in these features.")
    tester: params.Texts = Field([], description="Only bugs of testers with exactly these names.")
    known: bool | None = Field(None, description="Only bugs that were, or were not, known before.")
    missing: bool | None = Field(None, description="Only what TestIO no longer has (true), or still has (false).")
    sort: Literal["reported_at", "-reported_at", "id", "-id"] = Field("-reported_at", description="- is descending.")
    texts: bool = Field(False, description="Also the long texts: steps, expected and actual result.")


_COLUMNS = (
    (Column("id", "Bug", Kind.ID, 10), "id"),
    (Column("title", "Title", width=60), "title"),
    (Column("severity", "Severity", width=10), "severity"),
    (Column("status", "Status", width=14), "status"),
    (Column("rejection_reason", "Rejection reason", width=20), "rejection_reason"),
    (Column("known", "Known", Kind.YES_NO, 8), "known"),
    (Column("customer", "Customer", width=14), "product__customer__name"),
    (Column("product_id", "Product id", Kind.ID, 10), "product_id"),
    (Column("product", "Product"), "product__name"),
    (Column("test_id", "Test", Kind.ID, 10), Coalesce("test_id", "mentioned_test_id")),
    (Column("test", "Title of the test", width=40), "test__title"),
    (Column("feature", "Feature"), "feature__title"),
    (Column("tester", "Tester", width=16), "author__username"),
    (Column("reported_at", "Reported (UTC)", Kind.DATETIME), "reported_at"),
    (Column("has_report", "Custom report", Kind.YES_NO), Exists(CustomReport.objects.filter(pk=OuterRef("pk")))),
    (Column("missing_since", "Missing since (UTC)", Kind.DATETIME), "missing_since"),
)
_TEXTS = (
    (Column("steps", "Steps", width=60), "steps"),
    (Column("expected_result", "Expected", width=60), "expected_result"),
    (Column("actual_result", "Actual", width=60), "actual_result"),
)


def run(access: Access, asked: BugParameters) -> Document:
    products = asked.products(access)
    chosen = (*_COLUMNS, *(_TEXTS if asked.texts else ()))
    columns = [column for column, _ in chosen]
    rows = _found(access, asked)
    shown = partial(_shown, names=[column.name for column in columns])
    table = Table(
        "bugs",
        "Bugs",
        columns,
        StoredRows(rows.values_list(*(source for _, source in chosen)), shown),
        expected=rows.count(),
        empty="No bug is like that. Ask for less, or for another period.",
    )
    return of_tables(REPORT, asked, table, limits=limits(products, "tests", "bugs"))


def _found(access: Access, asked: BugParameters) -> Any:
    """The bugs asked for, in the order asked for; those without a time last."""
    rows = caller.seen(Bug.objects.all(), access, "product__customer")
    rows = params.missing(rows, asked.missing).filter(asked.between("reported_at"))
    if asked.customer or asked.product_id:
        rows = rows.filter(product__in=asked.products(access))
    if asked.test_id:
        rows = rows.filter(Q(test_id__in=asked.test_id) | Q(test=None, mentioned_test_id__in=asked.test_id))
    wanted = {
        "status__in": asked.status,
        "severity__in": asked.severity,
        "rejection_reason__in": asked.rejection_reason,
        "feature_id__in": asked.feature_id,
        "author__username__in": asked.tester,
        "known": asked.known,
    }
    column = F(asked.sort.removeprefix("-"))
    order = column.desc(nulls_last=True) if asked.sort.startswith("-") else column.asc(nulls_last=True)
    return params.narrowed(rows, **wanted).order_by(order, "id")


def _shown(rows: Iterable[tuple[Any, ...]], names: Sequence[str]) -> Iterator[list[Value]]:
    """In the words people see; what is empty in TestIO has no value here."""
    status, steps = names.index("status"), names.index("steps") if "steps" in names else None
    for row in rows:
        values = [None if value == "" else value for value in row]
        values[status] = wording.shown_bug_status(row[status])
        if steps is not None:
            values[steps] = "\n".join(row[steps]) or None
        yield values


REPORT = Report(
    "bugs",
    "Bugs",
    "Every bug as a row, with its test, feature, tester and what became of it. Filters: products, days, severity, "
    "status, rejection reason, testers.",
    BugParameters,
    "sync.view_bug",
    run,
    ("bugs", "list", "raw"),
)
