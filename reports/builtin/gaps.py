"""What could not be read from TestIO, and what is being done about it."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet
from pydantic import Field

from problematic.models import EVENT_PREFIX, EventStatus, MappingState, ProblematicEvent, ProblematicMapping
from reports.builtin.scope import OfProducts, of_tables
from reports.catalogue import Report
from reports.documents import Column, Document, Kind, StoredRows, Table, Value
from sync import access as caller
from sync.access import Access
from sync.api import params
from sync.public_ids import public_id


class GapParameters(OfProducts):
    status: Annotated[list[EventStatus], *params.SEVERAL] = Field(
        [EventStatus.OPEN], description="Only gaps in these states: open, resolved, cleared."
    )


_COLUMNS = (
    Column("id", "Event", width=18),
    Column("customer", "Customer", width=14),
    Column("product_id", "Product id", Kind.ID, 10),
    Column("product", "Product"),
    Column("status", "Status", width=10),
    Column("positions", "Positions", width=12),
    Column("size", "Hidden tests", Kind.INTEGER),
    Column("mapped_test_ids", "Mapped, not stored yet", width=26),
    Column("stored_test_ids", "Mapped and stored", width=26),
    Column("boundary_before_id", "Test before", Kind.ID),
    Column("boundary_before_end_at", "Its end (UTC)", Kind.DATETIME),
    Column("boundary_after_id", "Test after", Kind.ID),
    Column("boundary_after_end_at", "Its end (UTC)", Kind.DATETIME),
    Column("first_seen_at", "First seen (UTC)", Kind.DATETIME),
    Column("last_seen_at", "Last seen (UTC)", Kind.DATETIME),
    Column("occurrences", "Seen", Kind.INTEGER),
    Column("recovery_attempts", "Attempts", Kind.INTEGER),
    Column("resolution", "What became of it", width=40),
)


def run(access: Access, asked: GapParameters) -> Document:
    rows = _found(access, asked)
    table = Table(
        "gaps",
        "Gaps",
        _COLUMNS,
        StoredRows(_with_tests(rows), _shown, 500),
        expected=rows.count(),
        empty="There is no such gap: everything in TestIO's lists could be read.",
    )
    return of_tables(
        REPORT,
        asked,
        table,
        subtitle="Consecutive tests of a product's list that TestIO could not deliver, between two that it could.",
    )


def _found(access: Access, asked: GapParameters) -> "QuerySet[ProblematicEvent]":
    rows = caller.seen(ProblematicEvent.objects.filter(status__in=asked.status), access, "product__customer")
    if asked.customer or asked.product_id:
        rows = rows.filter(product__in=asked.products(access))
    return rows.order_by("product__name", "product_id", "first_position", "event_id")


def _with_tests(rows: "QuerySet[ProblematicEvent]") -> "QuerySet[Any]":
    mapped = ProblematicMapping.objects.filter(event=OuterRef("pk")).order_by("test_id")
    stored = mapped.filter(state=MappingState.SUCCEEDED)
    waiting = mapped.exclude(state=MappingState.SUCCEEDED)
    with_tests = rows.annotate(
        stored=ArraySubquery(stored.values("test_id")), waiting=ArraySubquery(waiting.values("test_id"))
    )
    return with_tests.select_related("product__customer").defer("product__raw", "product__search")


def _shown(events: Iterable[Any]) -> Iterator[list[Value]]:
    for event in events:
        yield [
            public_id(EVENT_PREFIX, event.pk), event.product.customer.name, event.product_id, event.product.name,
            event.status, event.position_range, event.size, _listed(event.waiting), _listed(event.stored),
            event.boundary_before_id, event.boundary_before_end_at, event.boundary_after_id,
            event.boundary_after_end_at, event.first_seen_at, event.last_seen_at, event.occurrences,
            event.recovery_attempts, event.resolution,
        ]  # fmt: skip


def _listed(ids: list[int]) -> str | None:
    return ", ".join(map(str, ids)) or None


REPORT = Report(
    "gaps",
    "Gaps",
    "What could not be read from TestIO: events with their neighbours, mapped tests and what became of them.",
    GapParameters,
    "problematic.view_problematicevent",
    run,
    ("problems", "gaps", "quality of data"),
)
