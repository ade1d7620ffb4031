"""Starting a sync: what is asked for, the plan of it, and the start."""

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from reports.pages import access, frame
from reports.pages.frame import Crumb
from reports.pages.links import admin_list
from sync import starting
from sync.access import Access, Request
from sync.models import Customer
from sync.pipeline import SyncBusy, SyncImpossible
from testio_site.operating.audit import trail
from testio_site.operating.syncs import asked, plan, runs
from testio_site.operating.syncs.asked import BUGS, MODES, Asked
from testio_site.operating.syncs.plan import Plan

TITLE = "Start a sync"


@access.page(runs.START)
def page(request: Request) -> HttpResponse:
    who = access.of(request)
    found = asked.read(request.GET, who)
    if found.customer is None:
        return frame.show(request, "operating/syncs/nobody.html", TITLE, above=_above(who), nothing=_nobody(who))
    wants_plan = bool(request.GET.get("plan"))
    hindrance = plan.obstacle(found.customer, found.options, who) if found.options else None
    return frame.show(
        request,
        "operating/syncs/start.html",
        TITLE,
        above=_above(who),
        asked=found,
        modes=[(value, *words, value == found.mode) for value, words in MODES.items()],
        bugs=[(value, text, value == found.bugs) for value, text in BUGS.items()],
        warnings=[notice for notice in (hindrance, plan.pause(found.customer, who)) if notice],
        is_blocked=hindrance is not None,
        plan=_plan(found) if wants_plan else None,
        wants_plan=wants_plan,
    )


@access.action(runs.START)
def order(request: Request) -> HttpResponse:
    """Start what the form asks for, or show the plan of it. Either way the answer is a page with an address."""
    body, who = request.POST, access.of(request)
    query = asked.address(body)
    back = f"{reverse('syncs:start')}?{query}"
    if "plan" in body:
        trail.nothing_done(request)
        return HttpResponseRedirect(f"{back}{'&' if query else ''}plan=1")
    found = asked.read(body, who)
    if found.customer is None:
        raise Http404("There is no customer here.")
    if found.options is None:
        trail.nothing_done(request)
        return HttpResponseRedirect(back)
    try:
        run = starting.start(found.customer, found.options, by=request.user)
    except (SyncBusy, SyncImpossible) as refusal:
        messages.error(request, f"Nothing was started. {refusal}")
        return HttpResponseRedirect(back)
    return HttpResponseRedirect(reverse("syncs:run", args=[run.public_id]) if who.may(runs.VIEW) else back)


def _plan(found: Asked) -> Plan | None:
    if found.options is None or found.customer is None:
        return None
    try:
        return plan.of(found.customer, found.options, timezone.now())
    except SyncImpossible:
        return None  # outside of the customer's filter: the notice above says so


def _above(who: Access) -> list[Crumb]:
    return [Crumb("Syncs", reverse("syncs:list"))] if who.may(runs.VIEW) else []


def _nobody(who: Access) -> dict[str, str]:
    title = "No customer yet"
    if who.may("sync.add_customer") and not Customer.objects.exists():
        text = "A sync needs a customer with the token of its TestIO account."
        return {"title": title, "text": text, "url": reverse("first-run:begin"), "link": "Set up the first one"}
    url = admin_list(who, Customer)
    text = "You are no member of a customer. Ask an administrator to make you one."
    return {"title": title, "text": text, "url": url, "link": "Customers" if url else ""}
