"""What the buttons of the home do: each is one call of a room below, one message, and back."""

from collections.abc import Callable
from typing import TypeVar

from django.contrib import messages
from django.db.models import Model, QuerySet
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone

from problematic import choice, jobs
from problematic.models import EVENT_PREFIX, ProblematicEvent
from problematic.triage import AlreadyClaimed, TriageRefused
from reports.pages import access, words
from sync import access as visible
from sync import runs, schedule, starting
from sync.access import Access, Request, seen
from sync.models import Product, SyncEvent
from sync.models.run import RUN_PREFIX
from sync.pipeline import SyncBusy, SyncImpossible
from sync.public_ids import NoSuchId, find
from testio_site.operating.audit import trail
from testio_site.operating.audit.trail import Kind
from testio_site.operating.home import data, failed, problems, running

Row = TypeVar("Row", bound=Model)

_REFUSALS = (TriageRefused, AlreadyClaimed, SyncBusy, SyncImpossible)


@access.action(problems.RETRY)
def retry(request: Request, event: str) -> HttpResponse:
    """What is mapped to a gap, whatever failed before."""
    who = access.of(request)
    found = _named(seen(ProblematicEvent.objects.select_related("product__customer"), who, _OF_EVENT), _EVENT, event)

    def started() -> str:
        job = jobs.start(choice.of_event(found), by=request.user)
        return f"Started retry {job} of {words.plural(job.total, 'mapped test')}; it runs in the background."

    return _done(request, started)


@access.action(data.RESUME)
def resume(request: Request, customer: int) -> HttpResponse:
    found = get_object_or_404(visible.customers(access.of(request)), pk=customer)
    schedule.resume(found.pk)
    trail.record(request, Kind.SYNC, f"Resumed the background refresh of {found}.", customer=found)
    return _said(request, f"{found} is refreshed in the background again; all its products are due at once.")


@access.action(data.REFRESH)
def refresh(request: Request, product: int) -> HttpResponse:
    rows = visible.products(access.of(request)).select_related("customer").only("name", "customer__name")
    found = get_object_or_404(rows, pk=product)
    trail.record(request, Kind.SYNC, f"Asked for product {found} to be refreshed.", customer=found.customer)
    return _refreshed(request, [found.pk], f"{found} is")


@access.action(data.REFRESH)
def refresh_all(request: Request) -> HttpResponse:
    """All stale ones that the person sees."""
    stale = seen(Product.objects.refreshed().stale(now=timezone.now()), access.of(request), "customer")
    ids = list(stale.order_by().values_list("pk", flat=True))
    if not ids:
        trail.nothing_done(request)
        return _said(request, "No product is stale any more: nothing had to be asked for.")
    trail.record(request, Kind.SYNC, f"Asked for {words.plural(len(ids), 'stale product')} to be refreshed.")
    return _refreshed(request, ids, f"{words.plural(len(ids), 'stale product')} {'is' if len(ids) == 1 else 'are'}")


@access.action(failed.RUN)
def again(request: Request, run: str) -> HttpResponse:
    """What a failed run was to read, with an incremental sync."""
    before = _named(_runs(access.of(request)), RUN_PREFIX, run)
    products = _products_of(before)

    def started() -> str:
        options = starting.ordered(trigger=SyncEvent.Trigger.ADMIN, product_ids=products)
        event = starting.start(before.customer, options, by=request.user)
        return f"Started {event}; this page shows how far it has come."

    return _done(request, started)


@access.action(running.CANCEL)
def cancel(request: Request, run: str) -> HttpResponse:
    found = _named(_runs(access.of(request)), RUN_PREFIX, run)
    if runs.request_cancel(found, request.user):
        return _said(request, f"{found} was asked to stop; it finishes the page in hand, and what it stored stays.")
    return _said(request, f"{found} had ended before.", messages.WARNING)


_EVENT, _OF_EVENT = EVENT_PREFIX, "product__customer"


def _runs(who: Access) -> "QuerySet[SyncEvent]":
    return seen(SyncEvent.objects.select_related("customer"), who, "customer")


def _named(rows: "QuerySet[Row]", prefix: str, name: str) -> Row:
    try:
        return find(rows, prefix, name)
    except NoSuchId as refusal:
        raise Http404(str(refusal)) from None


def _products_of(run: SyncEvent) -> frozenset[int]:
    """Those it had begun to read and that are there still; empty: all of the customer."""
    begun = Product.objects.filter(sync_phases__event=run, missing_since=None)
    return frozenset(begun.order_by().values_list("pk", flat=True))


def _refreshed(request: Request, products: list[int], which: str) -> HttpResponse:
    due = schedule.make_due(products)
    if due == len(products):
        return _said(request, f"{which} due at once; the background workers take what is due next.")
    left = len(products) - due
    reason = "its customer is paused, switched off, without a token, or leaves it out, or TestIO has it no more"
    return _said(
        request, f"{left} of {len(products)} cannot be refreshed in the background: {reason}.", messages.WARNING
    )


def _done(request: Request, step: Callable[[], str]) -> HttpResponse:
    try:
        said = step()
    except _REFUSALS as refusal:
        return _said(request, str(refusal), messages.ERROR)
    return _said(request, said)


def _said(request: Request, sentence: str, level: int = messages.SUCCESS) -> HttpResponse:
    messages.add_message(request, level, sentence)
    return HttpResponseRedirect(reverse("operating:home"))
