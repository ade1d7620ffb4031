"""Runs: start one, watch it, stop it; and how all the data stands."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from ninja import Field, P, PathEx, Query, Router, Schema, Status
from pydantic import ConfigDict, StrictBool

from sync import customers, diagnostics, runs, starting, summaries
from sync.access import NotHere, Request, require, seen
from sync.access import customers as visible
from sync.api import params
from sync.api.conditional import Answer, documented, reads
from sync.api.keyset import Column
from sync.api.listing import Document, Listing
from sync.models import Customer, SyncEvent, SyncPhase
from sync.models.run import RUN_PREFIX
from sync.pipeline import SyncImpossible, SyncOptions, plan_customer
from sync.public_ids import find, public_id
from sync.schemas import runs as schemas

router = Router(tags=["Syncs"])

RunId = PathEx[str, P(description="The UUID, the public id, or the beginning of either.", example="run_0123456789ab")]

_LOCATION = {"headers": {"Location": {"description": "The run.", "schema": {"type": "string"}}}}


class RunFilters(params.OfCustomer, params.ListQuery):
    status: Annotated[list[schemas.RunStatus], *params.SEVERAL] = Field(
        [], description="Only these states; may be repeated."
    )
    trigger: Annotated[list[schemas.Trigger], *params.SEVERAL] = Field(
        [], description="Only runs started so; may be repeated."
    )
    since: params.Day | None = Field(None, description=f"Only runs that began on {params.SINCE}")
    until: params.Day | None = Field(None, description=f"Only runs that began on {params.UNTIL}")
    sort: Literal["started_at", "-started_at"] = Field("-started_at", description="`-` means descending.")


class SyncOrder(Schema):
    """What to sync and how; `{}` means what is new or can have changed, of the default customer."""

    model_config = ConfigDict(extra="forbid")

    customer: params.CustomerName | None = Field(None, description="By name; without it the default customer.")
    product_ids: list[params.BodyId] = Field([], max_length=1_000, description="Only these products; empty means all.")
    since: params.Day | None = Field(None, description="Only tests that ended on this day (UTC) or later.")
    mode: Literal["incremental", "incremental_only", "full"] = Field(
        "incremental",
        description="`incremental_only` looks for new tests and nothing else; `full` reads everything and finds out "
        "what disappeared.",
    )
    force: StrictBool = Field(False, description="Rewrite unchanged rows too; reads everything.")
    bugs: Literal["due", "all", "none"] = Field("due", description="Whose bugs are read.")
    dry_run: StrictBool = Field(False, description="Only say what would be done; TestIO is asked nothing.")


def _named(rows: list[Document]) -> None:
    for row in rows:
        row["public_id"] = public_id(RUN_PREFIX, row["event_id"])


_AS_STORED = (
    "event_id", "trigger", "mode", "status", "started_at", "finished_at", "cancel_requested_at", "products",
    "features", "tests_new", "tests_updated", "bugs_new", "bugs_updated", "missing", "gaps", "api_calls", "error",
)  # fmt: skip

RUNS = Listing(
    "events",
    columns={
        **dict(zip(_AS_STORED, _AS_STORED, strict=True)),
        "customer": "customer__name",
        "requested_by": "requested_by__username",
    },
    sorts={"started_at": Column("started_at", datetime)},
    tie=Column("event_id", UUID),
    finish=_named,
)


@router.post(
    "/sync",
    response={200: schemas.Plan, 202: schemas.RunRow, 404: None, 409: None, 503: None},
    openapi_extra={"responses": {202: _LOCATION}},
)
def start_sync(
    request: Request, body: SyncOrder, response: HttpResponse
) -> Status[schemas.RunRow] | Status[dict[str, Any]]:
    """Start a sync; `Location` is the run to watch. With `dry_run` nothing is started, and the plan is the answer."""
    require(request, "sync.run_syncs")
    customer = customers.find(body.customer, visible(request.access))
    _refuse_unknown(customer, body.product_ids)
    options = _options(body)
    if body.dry_run:
        return Status(200, summaries.plan(customer, plan_customer(customer, options)))
    event = starting.start(customer, options, by=request.user)
    response["Location"] = reverse("api:sync_run", kwargs={"event": event.pk})
    return Status(202, _row(event))


@router.get("/sync/events", response=documented(schemas.RunPage))
@reads("sync.view_syncevent", versioned=False)
def list_runs(request: Request, query: Query[RunFilters]) -> Answer:
    """Runs, the latest begun first."""
    rows = _visible(request).filter(params.between("started_at", query.since, query.until))
    customer = params.customer_id(request.access, query.customer)
    rows = params.narrowed(rows, customer_id=customer, status__in=query.status, trigger__in=query.trigger)
    return RUNS.page(request, query, rows, query.sort)


@router.get("/sync/events/{event}", response=documented(schemas.RunDetail, 404), url_name="sync_run")
@reads("sync.view_syncevent", versioned=False)
def read_run(request: Request, event: RunId) -> Answer:
    """One run with what was done for each product, by UUID, public id or an unambiguous beginning of either."""
    run = find(_visible(request), RUN_PREFIX, event)
    (row,) = RUNS.documents(SyncEvent.objects.filter(pk=run.pk))
    return Answer(row | {"phases": _phases(run)})


@router.post("/sync/events/{event}/cancel", response={202: schemas.RunRow, 404: None, 409: None})
def cancel_run(request: Request, event: RunId) -> Status[schemas.RunRow]:
    """Ask a run to finish the page in hand and stop, which it does within seconds. What was stored stays."""
    require(request, "sync.cancel_runs")
    run = find(_visible(request), RUN_PREFIX, event)
    if not runs.request_cancel(run, request.user):
        raise SyncImpossible(f"Run {run} has ended already: there is nothing to cancel.")
    return Status(202, _row(run))


@router.get("/sync/status", response=schemas.SyncStatus)
def read_status(request: Request, query: Query[params.OfCustomer]) -> HttpResponse:
    """How the data of each customer stands: rows, freshness, what is due, who is writing, and the last run."""
    runs.interrupt_dead()
    return _status(request, query)


@reads("sync.view_product", versioned=False)
def _status(request: Request, query: params.OfCustomer) -> Answer:
    chosen: list[Customer] = list(params.narrowed(visible(request.access), name=query.customer))
    if query.customer and not chosen:
        customers.find(query.customer, visible(request.access))  # refuses, and says which there are
    return Answer({"customers": summaries.standing(chosen)})


@router.get("/diagnostics", response=documented(schemas.Diagnostics))
@reads("sync.view_syncevent", versioned=False)
def read_diagnostics(request: Request) -> Answer:
    """How this installation is doing, in numbers."""
    return Answer(diagnostics.diagnostics(request.access))


def _options(body: SyncOrder) -> SyncOptions:
    return starting.ordered(
        trigger=SyncEvent.Trigger.API,
        product_ids=body.product_ids,
        since=body.since,
        mode=body.mode,
        force=body.force,
        bugs=body.bugs,
    )


def _refuse_unknown(customer: Customer, product_ids: list[int]) -> None:
    if unknown := starting.unknown_products(customer, product_ids):
        places = {f"product_ids.{product_ids.index(pk)}": f"Customer {customer} has no product {pk}." for pk in unknown}
        raise NotHere(places)


def _visible(request: Request) -> "QuerySet[SyncEvent]":
    return seen(SyncEvent.objects.all(), request.access, "customer")


def _row(run: SyncEvent) -> schemas.RunRow:
    return schemas.RunRow(**RUNS.documents(SyncEvent.objects.filter(pk=run.pk))[0])


def _phases(run: SyncEvent) -> list[Document]:
    shown = (*_OF_PHASES, "product")
    rows = SyncPhase.objects.filter(event=run).order_by("pk").values_list(*_OF_PHASES, "product__name")
    return [dict(zip(shown, row, strict=True)) for row in rows]


_OF_PHASES = (
    "product_id", "name", "status", "started_at", "finished_at", "seen", "created", "updated", "missing", "gaps",
    "api_calls", "warnings", "error",
)  # fmt: skip
