"""All runs, the newest first: filtered by the address, page by page, those that go on with how far they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.urls import reverse
from django.utils import timezone

from reports.pages import access, cells, filters, frame, words
from reports.pages.filters import Bar, Field
from reports.pages.links import changed
from reports.pages.tables import Cell, Column, Table
from sync import access as visible
from sync import runs as run_rows
from sync.access import Access, Request, seen
from sync.api import keyset
from sync.api.keyset import BadCursor, Order
from sync.models import SyncEvent
from sync.models.status import Status
from testio_site.operating.syncs import progress, runs

PAGE = 25
DAYS = {"1": "24 hours", "7": "7 days", "30": "30 days", "90": "90 days"}
COLUMNS = (
    Column("Started"),
    Column("Outcome"),
    Column("Mode"),
    Column("Tests", is_number=True),
    Column("Bugs", is_number=True),
    Column("Gaps", is_number=True),
    Column("Calls", is_number=True),
    Column("Took", is_number=True),
)
_NEWEST_FIRST = Order(keyset.Column("started_at", datetime), descending=True, tie=keyset.Column("event_id", UUID))


@dataclass(frozen=True, slots=True)
class Page:
    """``after`` leads to the next page, empty on the last one."""

    runs: list[SyncEvent]
    after: str


@access.page(runs.VIEW)
def page(request: Request) -> HttpResponse:
    who, now, query = access.of(request), timezone.now(), request.GET
    run_rows.interrupt_dead()
    customers = list(visible.customers(who).order_by("name").values_list("name", flat=True))
    bar = _bar(request.path, query, customers)
    rows = _wanted(seen(SyncEvent.objects.all(), who, "customer"), bar, now)
    found, is_first = _page(rows, query.get("after", ""), bar)
    far = progress.of_many(found.runs)
    return frame.show(
        request,
        "operating/syncs/list.html",
        "Syncs",
        filters=bar,
        table=Table("Syncs", COLUMNS, [_cells(run, now, far, named=len(customers) > 1) for run in found.runs]),
        pager={
            "sentence": words.plural(len(found.runs), "sync") + ("" if is_first and not found.after else " shown"),
            "first_url": "" if is_first else changed(request.path, query, after=None),
            "next_url": changed(request.path, query, after=found.after) if found.after else "",
        },
        moves=bool(far) or any(run.status == Status.RUNNING for run in found.runs),
        here=request.get_full_path(),
        may_start=who.may(runs.START),
        nothing=_nothing(bar, who),
    )


def _bar(path: str, query: QueryDict, customers: Sequence[str]) -> Bar:
    fields = [
        Field(
            "status",
            "Outcome",
            filters.one_of(query, "status", Status.values),
            [(each.value, str(each.label)) for each in Status],
        ),
        Field(
            "trigger",
            "Started",
            filters.one_of(query, "trigger", SyncEvent.Trigger.values),
            [(each.value, str(each.label).capitalize()) for each in SyncEvent.Trigger if each.label != "API"]
            + [("api", "API")],
        ),
        Field("days", "Within", filters.one_of(query, "days", list(DAYS)), list(DAYS.items()), any="Any time"),
    ]
    if len(customers) > 1:
        chosen = filters.one_of(query, "customer", customers)
        fields.insert(0, Field("customer", "Customer", chosen, [(name, name) for name in customers]))
    return Bar("syncs", path, fields)


def _wanted(rows: "QuerySet[SyncEvent]", bar: Bar, now: datetime) -> "QuerySet[SyncEvent]":
    chosen = {field.name: field.value for field in bar.fields}
    if chosen.get("customer"):
        rows = rows.filter(customer__name=chosen["customer"])
    if chosen["status"]:
        rows = rows.filter(status=chosen["status"])
    if chosen["trigger"]:
        rows = rows.filter(trigger=chosen["trigger"])
    return rows.filter(started_at__gte=now - timedelta(days=int(chosen["days"]))) if chosen["days"] else rows


def _page(rows: "QuerySet[SyncEvent]", after: str, bar: Bar) -> tuple[Page, bool]:
    """The page after this one, and whether it is the first; of an address that leads nowhere any more, the first."""
    list_name = f"syncs {[(field.name, field.value) for field in bar.fields]}"
    try:
        place = keyset.read_cursor(after, _NEWEST_FIRST, list_name) if after else None
    except BadCursor:
        return _page(rows, "", bar)
    found = keyset.page(rows, ["pk"], _NEWEST_FIRST, after=place, limit=PAGE)
    ids = [pk for (pk,) in found.rows]
    events = SyncEvent.objects.select_related("customer", "requested_by").in_bulk(ids)
    cursor = keyset.write_cursor(found.end, _NEWEST_FIRST, list_name) if found.end else ""
    return Page([events[pk] for pk in ids], cursor), not after


def _cells(run: SyncEvent, now: datetime, far: dict[Any, str], *, named: bool) -> list[Cell]:
    status = cells.run_status(run.status)
    tests, bugs = (_new(run, of, far) for of in ("tests", "bugs"))
    about = ", ".join(filter(None, (run.customer.name if named else "", runs.origin(run), run.public_id)))
    return [
        Cell(words.ago(run.started_at, now), reverse("syncs:run", args=[run.public_id]), note=about),
        Cell(status.text, tone=status.tone, is_badge=True, note=far.get(run.pk, "")),
        Cell(runs.mode(run)),
        tests,
        bugs,
        Cell(words.count(run.gaps), tone="warn" if run.gaps else "none"),
        Cell(words.count(run.api_calls), tone="" if run.api_calls else "none"),
        Cell(words.duration(runs.seconds(run, now))),
    ]


def _new(run: SyncEvent, of: str, far: dict[Any, str]) -> Cell:
    """What was new, and what had changed; of a run that goes on nothing is added up yet."""
    if run.pk in far:
        return Cell(words.NONE, tone="none")
    new, updated = getattr(run, f"{of}_new"), getattr(run, f"{of}_updated")
    return Cell(
        f"{words.count(new)} new", tone="" if new else "none", note=f"{words.count(updated)} changed" if updated else ""
    )


def _nothing(bar: Bar, who: Access) -> dict[str, str]:
    if bar.is_set:
        text = "Change the filters, or take them away to see all syncs."
        return {"title": "No sync fits", "text": text, "url": bar.reset_url, "link": "Show all syncs"}
    text = "A sync reads what TestIO has into this site; then there is something to look at."
    if not who.may(runs.START):
        return {"title": "No sync yet", "text": f"{text} Whoever operates the site can start one."}
    return {"title": "No sync yet", "text": text, "url": reverse("syncs:start"), "link": "Start a sync"}
