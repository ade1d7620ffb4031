"""What a sync would do, and what stands in its way, before anything is started."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from reports.pages import cells, words
from reports.pages.links import admin_row
from reports.pages.parts import Notice
from reports.pages.tables import Cell, Column, Table
from sync.access import Access
from sync.models import Customer, Product, SyncEvent
from sync.pipeline import SyncBusy, SyncImpossible, SyncOptions, check_possible, plan_customer
from testio_site.operating.syncs import runs

#: Products named one by one; those that are read come first.
SHOWN = 100
COLUMNS = (Column("Product"), Column("Read before", is_number=True), Column("What is done"))

_READ, _NEW = "read everything", "read what is new or unfinished"


@dataclass(frozen=True, slots=True)
class Plan:
    """``is_possible``: something would be read."""

    summary: str
    table: Table
    note: str
    is_possible: bool


def of(customer: Customer, options: SyncOptions, now: datetime) -> Plan:
    """Asks TestIO nothing, writes nothing."""
    steps = [
        (product, action)
        for product, action in plan_customer(customer, options)
        if not options.product_ids or product.pk in options.product_ids
    ]
    steps.sort(key=lambda step: (_rank(step[1]), cells.product_name(step[0]).lower()))
    rows = [_cells(product, action, now) for product, action in steps[:SHOWN]]
    more = len(steps) - SHOWN
    return Plan(
        _summary(steps, options),
        Table("What would be done", COLUMNS, rows),
        f"and {words.plural(more, 'more product')}" if more > 0 else "",
        not steps or any(_rank(action) == 0 for _, action in steps),
    )


def obstacle(customer: Customer, options: SyncOptions, who: Access) -> Notice | None:
    """Why nothing could be begun now, and where to go about it."""
    try:
        check_possible(customer, options)
    except SyncBusy as busy:
        return Notice(f"{busy} Somebody else is writing these products.", "warn", *_running(customer, who))
    except SyncImpossible as refusal:
        return Notice(str(refusal), "bad", *_mending(customer, who))
    return None


def pause(customer: Customer, who: Access) -> Notice | None:
    """That the background leaves this customer alone; a sync that succeeds ends that."""
    if not customer.paused_at:
        return None
    text = f"{customer} is paused: {customer.paused_reason} A sync tries again, and ends the pause when it succeeds."
    return Notice(text, "warn", *_mending(customer, who))


def _mending(customer: Customer, who: Access) -> tuple[str, str]:
    url = admin_row(who, customer)
    return (url, f"Open {customer}'s settings.") if url else ("", "")


def _running(customer: Customer, who: Access) -> tuple[str, str]:
    if not who.may(runs.VIEW):
        return "", ""
    running = SyncEvent.objects.running().filter(customer=customer).order_by("-started_at").first()
    return (reverse("syncs:run", args=[running.public_id]), f"Watch {running}.") if running else ("", "")


def _rank(action: str) -> int:
    """What is read, what waits, what is left out."""
    return 2 if action.startswith("left out") else 1 if action.startswith("busy") else 0


def _cells(product: Product, action: str, now: datetime) -> list[Cell]:
    tone = ("info" if action == _READ else "", "warn", "none")[_rank(action)]
    return [cells.of_product(product), cells.moment(product.tests_synced_at, now), Cell(action, tone=tone)]


def _summary(steps: Sequence[tuple[Product, str]], options: SyncOptions) -> str:
    actions = [action for _, action in steps]
    parts = [
        (actions.count(_READ), "read from top to bottom"),
        (actions.count(_NEW), "read for what is new or unfinished"),
        (sum(_rank(action) == 1 for action in actions), "busy"),
        (sum(_rank(action) == 2 for action in actions), "left out"),
    ]
    said = ", ".join(f"{words.plural(number, 'product')} {what}" for number, what in parts if number)
    if options.product_ids:
        return f"{said}." if said else "The products are read from top to bottom: nothing of them is stored yet."
    new = "Products that TestIO shows for the first time are read too."
    return f"{said}. {new}" if said else "Nothing of this customer is stored yet: all that TestIO shows is read."
