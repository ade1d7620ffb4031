"""A run's page: moving while it goes on, then what it did, beside the run before; and cancelling it."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from reports.pages import access, cells, frame, words
from reports.pages.frame import Crumb
from reports.pages.links import admin_row
from sync import runs as run_rows
from sync.access import Access, Request
from sync.models import SyncEvent, SyncPhase
from sync.models.run import RUN_PREFIX
from sync.models.status import Status
from sync.public_ids import NoSuchId, find
from sync.summaries import when
from testio_site.operating.syncs import comparing, figures, gaps, progress, runs

#: Warnings that are shown at once; the others are folded, not left out.
_WARNINGS = 20


@access.page(runs.VIEW)
def page(request: Request, run: str) -> HttpResponse:
    who, now = access.of(request), timezone.now()
    found = runs.found(who, run)
    if found.status == Status.RUNNING:
        progress.look_after(found)
    phases = figures.of_run(found)
    goes_on = found.status == Status.RUNNING
    said = figures.said(phases, found)
    return frame.show(
        request,
        "operating/syncs/run.html",
        f"Sync of {found.customer}",
        above=[Crumb("Syncs", reverse("syncs:list"))],
        run=found,
        outcome=cells.run_status(found.status),
        facts=_facts(found),
        goes_on=goes_on,
        may_cancel=goes_on and found.cancel_requested_at is None and who.may(runs.CANCEL),
        again_url=_again(found, phases, who),
        admin_url=admin_row(who, found),
        said=said[:_WARNINGS],
        said_more=said[_WARNINGS:],
        said_count=words.plural(len(said), "warning"),
        **gaps.of(found, who),
        **(progress.context(found, phases, now) if goes_on else _outcome(request, found, phases)),
    )


@access.action(runs.CANCEL)
def cancel(request: Request, run: str) -> HttpResponse:
    """Ask it to stop; it does within seconds, and what was stored stays."""
    access_to_it = access.of(request)
    found = runs.found(access_to_it, run)
    if run_rows.request_cancel(found, request.user):
        messages.success(request, f"{found} was asked to stop. It finishes the page in hand; what it has stored stays.")
    else:
        messages.warning(request, f"{found} had ended before: there is nothing to cancel.")
    may_look = access_to_it.may(runs.VIEW)
    return HttpResponseRedirect(reverse("syncs:run", args=[found.public_id]) if may_look else "/")


def _outcome(request: Request, run: SyncEvent, phases: Sequence[SyncPhase]) -> dict[str, Any]:
    """What it did, and how that differs from the run it is compared with."""
    now, total = timezone.now(), figures.total(phases)
    other = _other(request, run, phases)
    then = figures.of_run(other) if other else None
    return {
        "stats": comparing.stats(run, total, now, other, figures.total(then) if then is not None else None),
        "groups": figures.groups(phases, now, then),
        "columns": figures.COLUMNS,
        "other": other,
        "other_words": f"{runs.title(other)}, {runs.origin(other)}" if other else "",
        "choices": comparing.options(run, other),
    }


def _other(request: Request, run: SyncEvent, phases: Sequence[SyncPhase]) -> SyncEvent | None:
    """The run in the address; without one the run before; none for a customer's other runs, or none at all."""
    named = request.GET.get("with", "")
    if named == comparing.NOTHING:
        return None
    if not named:
        return comparing.before(run, phases)
    try:
        return find(comparing.others(run).select_related("requested_by"), RUN_PREFIX, named)
    except NoSuchId as refusal:
        messages.warning(request, f"It is not compared: {refusal}")
        return None


def _facts(run: SyncEvent) -> str:
    return f"{run}, {runs.mode(run)}, started {when(run.started_at)} {runs.origin(run)}"


def _again(run: SyncEvent, phases: Sequence[SyncPhase], who: Access) -> str:
    """The form for another sync like this one, where it is over; nothing in the browser empties a product."""
    if run.status == Status.RUNNING or not who.may(runs.START) or run.mode == SyncEvent.Mode.DISCOVERY:
        return ""
    asked = {"customer": run.customer.name, "mode": run.mode}
    if run.trigger == SyncEvent.Trigger.BACKGROUND:
        asked["ids"] = ", ".join(sorted({str(phase.product_id) for phase in phases if phase.product_id}))
    return f"{reverse('syncs:start')}?{urlencode(asked)}"
