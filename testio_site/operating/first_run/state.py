"""How far the first run has come. The database says so, not a session: it goes on wherever it was left, by anybody.

It is about the first customer, from when there is none until something of it was read. Until the first sync it is
switched off, so that nobody else begins to read it while somebody chooses its products.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from reports.pages import frame
from sync.access import Request, require
from sync.models import Customer, SyncEvent
from sync.models.status import Status
from testio_site.operating.audit import trail

MAY = "sync.add_customer"
#: In the session: of which customer the products were chosen. "All of them" leaves no other trace.
_CHOSEN = "first_run_products_of"


class Step(StrEnum):
    NAME = "name"
    TOKEN = "token"  # noqa: S105  # the name of a step
    PRODUCTS = "products"
    SYNC = "sync"
    RESULT = "result"


TITLES = {
    Step.NAME: "Customer",
    Step.TOKEN: "Token",
    Step.PRODUCTS: "Products",
    Step.SYNC: "First sync",
    Step.RESULT: "Result",
}


@dataclass(frozen=True, slots=True)
class State:
    """``run`` is the last sync that somebody started; ``is_read``: something was read before, by whomever."""

    customer: Customer | None
    run: SyncEvent | None = None
    is_read: bool = False
    has_chosen: bool = False

    @property
    def step(self) -> Step:
        """The first one that is not done."""
        if self.customer is None:
            return Step.NAME
        if not self.customer.has_token:
            return Step.TOKEN
        if self.run is not None and self.run.status != Status.RUNNING:
            return Step.RESULT
        return Step.SYNC if self.run or self.customer.is_active or self.has_chosen else Step.PRODUCTS

    @property
    def existing(self) -> Customer:
        """The customer, at the steps that come after its name. Raises ``Http404`` where there is none."""
        if self.customer is None:
            raise Http404("There is no customer yet: begin with its name.")
        return self.customer

    @property
    def is_open(self) -> bool:
        """Whether what was entered can still be changed here."""
        return not self.is_read and (self.run is None or self.run.status != Status.RUNNING)


@dataclass(frozen=True, slots=True)
class Sign:
    """A step on the way; ``url`` where it can be gone to."""

    title: str
    url: str
    is_here: bool
    is_done: bool


def of(request: Request) -> State | None:
    """None where there is nothing to set up for them: several customers, or one they may not see. Four statements.

    Raises ``PermissionDenied`` for those who may add a customer and not change the one that is there.
    """
    customers = list(Customer.objects.order_by("pk")[:2])
    if not customers:
        return State(None)
    customer = customers[0]
    if len(customers) > 1 or not request.access.sees(customer.pk):
        return None
    if customer.is_active:
        require(request, "sync.change_customer")
    runs = SyncEvent.objects.filter(customer=customer).exclude(mode=SyncEvent.Mode.DISCOVERY)
    by_somebody = runs.exclude(trigger=SyncEvent.Trigger.BACKGROUND).order_by("-started_at")
    is_read = runs.filter(status__in=(Status.SUCCEEDED, Status.PARTIAL)).exists()
    return State(customer, by_somebody.first(), is_read, request.session.get(_CHOSEN) == customer.pk)


def remember_choice(request: Request, customer: Customer) -> None:
    request.session[_CHOSEN] = customer.pk


def asked(request: Request, step: Step) -> tuple[State, HttpResponse | None]:
    """How far it is, and where to go instead of ``step``, with nothing done, where that is too early or too late."""
    found = of(request)
    led = _elsewhere(found, step) if found else HttpResponseRedirect(reverse("reports:overview"))
    if led:
        trail.nothing_done(request)
    return found or State(None), led


def _elsewhere(state: State, step: Step) -> HttpResponse | None:
    order = list(Step)
    is_too_early = order.index(step) > order.index(state.step)
    is_too_late = step in (Step.NAME, Step.TOKEN, Step.PRODUCTS) and not state.is_open
    return go(state.step) if is_too_early or is_too_late else None


def go(step: Step) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse(f"first-run:{step}"))


def show(request: Request, state: State, step: Step, **context: Any) -> HttpResponse:
    """The page of a step, with the way there and on."""
    order = list(Step)
    here = order.index(step)
    return frame.show(
        request,
        f"operating/first_run/{step}.html",
        "Set up TestIO Desk",
        customer=state.customer,
        way=_way(state, step),
        back_url=reverse(f"first-run:{order[here - 1]}") if here and state.is_open else "",
        number=here + 1,
        step_title=TITLES[step],
        **context,
    )


def _way(state: State, here: Step) -> Sequence[Sign]:
    order = list(Step)
    reached = order.index(state.step)
    return [
        Sign(
            TITLES[step],
            reverse(f"first-run:{step}") if number <= reached and step != here and state.is_open else "",
            step == here,
            number < reached,
        )
        for number, step in enumerate(order)
    ]
