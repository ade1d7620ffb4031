"""Triage for programs, under ``/api/v1/problematic``: schema in, one call, schema out.

Compatible changes only: fields and parameters may be added, never renamed or given another meaning. What the calls
raise gets its status in ``testio_site.error_handlers``.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.db.models.functions import Now
from django.http import Http404, HttpResponse
from django.urls import reverse
from ninja import Query, Router, Status

from problematic import audit, choice, claims, clearing, jobs, listings, schemas, suggestions, triage
from problematic.choice import Choice
from problematic.clearing import Scope
from problematic.models import (
    EVENT_PREFIX,
    JOB_PREFIX,
    ProblematicEvent,
    ProblematicMapping,
    RetryJob,
    TriageEntry,
)
from sync import access, customers
from sync.access import Access, NotHere, Request, require
from sync.api.conditional import Answer, documented, reads
from sync.api.keyset import Column
from sync.api.listing import Document, Listing
from sync.models import Customer, Product
from sync.public_ids import find, public_id

router = Router(tags=["Problems"])

STARTED = {"responses": {202: {"headers": {"Location": {"description": "The job.", "schema": {"type": "string"}}}}}}


def _summed_up(rows: list[Document]) -> None:
    for row in rows:
        row["public_id"] = public_id(EVENT_PREFIX, row["event_id"])
        row["mapping_states"] = schemas.MappingStates.of(row.pop("states")).model_dump()


#: In an order that never changes: by when an event was found, which is written once.
EVENTS = Listing(
    "events",
    columns={
        **dict(zip(listings.OWN, listings.OWN, strict=True)),
        "customer": "product__customer__name",
        "mapped_test_ids": "mapped_test_ids",
        "states": "states",
    },
    sorts={"first_seen_at": Column("first_seen_at", datetime)},
    tie=Column("event_id", UUID),
    finish=_summed_up,
)


# Reading --------------------------------------------------------------------------------------------------------------


@router.get("/events", response=documented(schemas.EventPage, 404))
@reads("problematic.view_problematicevent", versioned=False)
def list_events(request: Request, query: Query[schemas.EventQuery]) -> Answer:
    """Events, the latest found first; only open ones unless `status` says otherwise.

    Pages stay put while events come and go: what appears meanwhile moves nothing from one page to another.
    """
    return EVENTS.page(request, query, _events(request.access, query), "-first_seen_at")


@router.get("/events/{event}", response=documented(schemas.EventDetail, 404))
@reads("problematic.view_problematicevent", versioned=False)
def read_event(request: Request, event: schemas.EventId) -> Answer:
    """One event with its mapped tests, attempts and history, by UUID, public id or a beginning of either."""
    mappings = ProblematicMapping.objects.select_related("mapped_by").prefetch_related("history").order_by("test_id")
    history = TriageEntry.objects.select_related("by").order_by("id")
    shown = (Prefetch("mappings", mappings), Prefetch("history", history), "attempts")
    rows = _visible(request.access).prefetch_related(*shown)
    return Answer(schemas.EventDetail.of_one(find(rows, EVENT_PREFIX, event)).model_dump())


@router.get("/events/{event}/suggestions", response={200: schemas.Suggestions, 404: None})
def suggest(request: Request, event: schemas.EventId) -> schemas.Suggestions:
    """Which tests may be hidden in an event, and why. Maps nothing, asks TestIO nothing."""
    require(request, "problematic.view_problematicevent")
    found = suggestions.suggest(_event(request.access, event))
    return schemas.Suggestions(suggestions=[schemas.Suggestion(**suggestions.as_json(each)) for each in found])


@router.get("/jobs/{job}", response={200: schemas.RetryProgress, 404: None})
def read_job(request: Request, job: schemas.JobId) -> schemas.RetryProgress:
    """How far a retry has come, by UUID, public id or an unambiguous beginning of either."""
    require(request, "problematic.view_problematicevent")
    row = find(RetryJob.objects.seen(request.access).select_related("requested_by"), JOB_PREFIX, job)
    if row.status == RetryJob.Status.RUNNING and jobs.interrupt_dead():
        row.refresh_from_db()
    return schemas.RetryProgress.model_validate(row)


# Mapping --------------------------------------------------------------------------------------------------------------


@router.post("/events/{event}/mappings", response={200: schemas.MappedIds, 404: None, 409: None})
def map_tests(request: Request, event: schemas.EventId, body: schemas.MapOrder) -> schemas.MappedIds:
    """Say which tests are hidden in an open event. Safe to repeat; asks TestIO nothing."""
    require(request, "problematic.map_tests")
    row = _event(request.access, event)
    with transaction.atomic():
        mapped = triage.map_tests(row, body.test_ids, by=request.user)
        audit.mapped(request.user, row, mapped)
    return schemas.MappedIds(event_id=row.pk, added=mapped.added, revived=mapped.revived, unchanged=mapped.unchanged)


@router.delete("/events/{event}/mappings/{test_id}", response={204: None, 404: None, 409: None})
def unmap(request: Request, event: schemas.EventId, test_id: schemas.TestId) -> Status[None]:
    """Take a mapping back. Not while the test is being retried."""
    require(request, "problematic.map_tests")
    row = _event(request.access, event)
    claims.release_abandoned()
    with transaction.atomic():
        removed = triage.unmap(row, [test_id], by=request.user)
        audit.unmapped(request.user, row, removed)
    if not removed:
        raise Http404(f"Test {test_id} is not mapped to event {row}, so there is nothing to take back.")
    return Status(204, None)


# Retrying -------------------------------------------------------------------------------------------------------------


@router.post(
    "/events/{event}/retry", response={202: schemas.RetryProgress, 404: None, 409: None}, openapi_extra=STARTED
)
def retry_event(request: Request, event: schemas.EventId, response: HttpResponse) -> Status[schemas.RetryProgress]:
    """Begin to fetch what is mapped to an event and not stored yet, due or not. `Location` is the job to watch."""
    require(request, "problematic.retry_tests")
    return _retry(request, response, choice.of_event(_event(request.access, event)))


@router.post("/retry", response={202: schemas.RetryProgress, 404: None, 409: None}, openapi_extra=STARTED)
def retry(request: Request, body: schemas.RetryOrder, response: HttpResponse) -> Status[schemas.RetryProgress]:
    """Begin to fetch what is mapped to open events, of one product or of all. `Location` is the job to watch.

    What is left out (events that ended, products outside their customer's filter) is said in the job's `notes`.
    """
    require(request, "problematic.retry_tests")
    if body.product_id is None:
        return _retry(request, response, choice.of_customers(access.customers(request.access)))
    return _retry(request, response, choice.of_product(_product(request.access, body.product_id)))


# Clearing -------------------------------------------------------------------------------------------------------------


@router.post("/clear", response={200: schemas.ClearedCounts, 404: None, 409: None})
def clear(request: Request, body: schemas.ClearOrder) -> schemas.ClearedCounts:
    """Put events away, with their mappings. A gap that is still there is found anew by the next sync.

    Events some of whose tests are being retried right now are left out, and named.
    """
    require(request, "problematic.clear_events")
    claims.release_abandoned()
    chosen = _chosen(request.access, body.customer)
    _refuse_unknown("product_ids", chosen, body.product_ids)
    scope = Scope(chosen, body.product_ids, body.resolved_only)
    cleared = clearing.clear(scope, by=request.user)
    audit.cleared(request.user, scope, cleared)
    return schemas.ClearedCounts(
        position_ranges_cleared=cleared.position_ranges_cleared,
        test_ids_cleared=cleared.test_ids_cleared,
        left_out=[event.public_id for event in cleared.left_out],
    )


# ----------------------------------------------------------------------------------------------------------------------


def _visible(caller: Access) -> "QuerySet[ProblematicEvent]":
    return access.seen(ProblematicEvent.objects.all(), caller, "product__customer")


def _event(caller: Access, text: str) -> ProblematicEvent:
    return find(_visible(caller), EVENT_PREFIX, text)


def _chosen(caller: Access, name: str | None) -> list[Customer]:
    """The customer of that name, or all, of those that the caller may see."""
    visible = access.customers(caller)
    return [customers.find(name, visible)] if name else list(visible)


def _events(caller: Access, query: schemas.EventQuery) -> "QuerySet[ProblematicEvent]":
    """What a query asks for, with what a list shows of it."""
    chosen = _chosen(caller, query.customer)
    _refuse_unknown("product_id", chosen, query.product_id)
    events = listings.with_states(listings.with_mapped(_visible(caller).filter(status__in=query.status)))
    if query.product_id:
        events = events.filter(product_id__in=query.product_id)
    if query.customer:
        events = events.filter(product__customer__in=chosen)
    if query.min_age_days is not None:
        events = events.filter(first_seen_at__lte=Now() - timedelta(days=query.min_age_days))
    if query.max_age_days is not None:
        events = events.filter(first_seen_at__gte=Now() - timedelta(days=query.max_age_days))
    return events


def _product(caller: Access, product_id: int) -> Product:
    product = access.products(caller).select_related("customer").defer("raw").filter(pk=product_id).first()
    if product is None:
        reason = f"There is no product {product_id}. Let a sync find it first, or correct the number."
        raise NotHere({"product_id": reason})
    return product


def _refuse_unknown(name: str, chosen: list[Customer], product_ids: list[int]) -> None:
    """Naming each: an answer about products that are not there would read as if all were well with them."""
    if unknown := set(choice.unknown_products(chosen, product_ids)):
        whose = f"Customer {chosen[0]} has" if len(chosen) == 1 else "There is"
        places = [(place, pk) for place, pk in enumerate(product_ids) if pk in unknown]
        raise NotHere({f"{name}.{place}": f"{whose} no product {pk}." for place, pk in places})


def _retry(request: Request, response: HttpResponse, chosen: Choice) -> Status[schemas.RetryProgress]:
    job = jobs.start(chosen, by=request.user)
    response["Location"] = reverse("api:read_job", kwargs={"job": job.pk})
    return Status(202, schemas.RetryProgress.model_validate(job))
