"""Steps 4 and 5: the first sync, which can be watched, and what came of it."""

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone

from reports.pages import access, cells, words
from reports.pages.links import may_see_in_admin
from sync import customers, starting
from sync.access import Request, require
from sync.models import SyncEvent
from sync.models.status import Status
from sync.pipeline import SyncBusy, SyncImpossible
from testio_site.operating.audit import trail
from testio_site.operating.first_run import state
from testio_site.operating.first_run.state import Step
from testio_site.operating.syncs import comparing, figures, gaps, progress, runs

_ENDS = {
    Status.SUCCEEDED: "Everything that TestIO shows was read.",
    Status.PARTIAL: "Everything readable was read. What was not is named below: the rest is not lost.",
    Status.FAILED: "It came to nothing, and nothing is broken: read why, mend it, and try again.",
    Status.INTERRUPTED: "Its process ended before it was done. What it stored stays; another one goes on from there.",
    Status.CANCELLED: "It was cancelled. What it stored stays; another one goes on from there.",
}


@access.page(state.MAY)
def page(request: Request) -> HttpResponse:
    found, led = state.asked(request, Step.SYNC)
    if led:
        return led
    run, who = found.run, request.access
    if run is None:
        count = len(found.existing.product_ids)
        follows = words.plural(count, "product") if count else "all products"
        return state.show(request, found, Step.SYNC, follows=follows, may_start=who.may(runs.START))
    if run.status == Status.RUNNING:
        progress.look_after(run)
    if run.status != Status.RUNNING:
        return state.go(Step.RESULT)
    return state.show(
        request,
        found,
        Step.SYNC,
        run=run,
        may_cancel=run.cancel_requested_at is None and who.may(runs.CANCEL),
        **progress.context(run, figures.of_run(run), timezone.now()),
    )


@access.action(state.MAY)
def start(request: Request) -> HttpResponse:
    """Switch the customer on and begin; of a first sync that failed, begin again."""
    found, led = state.asked(request, Step.SYNC)
    if led:
        return led
    if found.run and found.run.status == Status.RUNNING:
        trail.nothing_done(request)
        return state.go(Step.SYNC)
    require(request, runs.START)
    customer = found.existing
    if not customer.is_active:
        customers.switch_on(customer)
    try:
        starting.start(customer, starting.ordered(trigger=SyncEvent.Trigger.ADMIN), by=request.user)
    except (SyncBusy, SyncImpossible) as refusal:
        messages.error(request, f"Nothing was started. {refusal}")
    return state.go(Step.SYNC)


@access.page(state.MAY)
def result(request: Request) -> HttpResponse:
    found, led = state.asked(request, Step.RESULT)
    run = found.run
    if led or run is None:
        return led or state.go(found.step)
    phases = figures.of_run(run)
    products = len({phase.product_id for phase in phases if phase.product_id})
    is_good = run.status in (Status.SUCCEEDED, Status.PARTIAL)
    return state.show(
        request,
        found,
        Step.RESULT,
        run=run,
        run_url=reverse("syncs:run", args=[run.public_id]) if request.access.may(runs.VIEW) else "",
        outcome=cells.run_status(run.status),
        ends=_ENDS[Status(run.status)],
        is_good=is_good,
        read=f"{words.plural(products, 'product')} of {found.existing}",
        stats=comparing.stats(run, figures.total(phases), timezone.now()),
        may_start=request.access.may(runs.START),
        people_url=_people(request),
        **gaps.of(run, request.access),
    )


def _people(request: Request) -> str:
    """Where people are let in; empty for those who may not."""
    is_allowed = may_see_in_admin(request.access, User) and request.access.may("auth.add_user")
    return reverse("admin:auth_user_changelist") if is_allowed else ""
