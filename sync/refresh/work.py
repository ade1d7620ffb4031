"""One piece of background work, from a claim to its settled row. Safe to do twice: whoever comes late does nothing."""

import logging
import threading
from dataclasses import dataclass
from enum import StrEnum

from django.db.models import Q
from django.db.models.functions import Now

from sync import schedule
from sync.models import Customer, Product, SyncEvent
from sync.models.status import Status
from sync.pipeline import SyncBusy, SyncImpossible, SyncOptions, sync_customer

log = logging.getLogger(__name__)


class Kind(StrEnum):
    """What became of a piece of work."""

    REFRESHED = "refreshed"
    PARTIAL = "partial"
    FAILED = "failed"
    BUSY = "busy"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


_KINDS = {
    Status.SUCCEEDED: Kind.REFRESHED,
    Status.PARTIAL: Kind.PARTIAL,
    Status.CANCELLED: Kind.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it, why (a sentence, empty when all is well), and the run, if one was begun."""

    kind: Kind
    sentence: str = ""
    event: SyncEvent | None = None

    def __str__(self) -> str:
        return f"{self.kind}: {self.sentence}" if self.sentence else str(self.kind)


def refresh_product(product_id: int, *, full: bool = False, stop: threading.Event | None = None) -> Outcome:
    """Refresh one product that was claimed or is due; ``full`` reads it from top to bottom.

    Whatever TestIO does, and whoever is in the way, is settled in the product's row and told in the outcome; only
    errors of the database are raised. When ``stop`` is set the page in hand is finished and the product is due again.
    """
    product = Product.objects.select_related("customer").filter(pk=product_id).first()
    if product is None:
        return Outcome(Kind.SKIPPED, f"Product {product_id} is not stored any more.")
    if sentence := _reason_to_skip(product, full=full):
        schedule.let_go(product_id)
        return Outcome(Kind.SKIPPED, sentence)
    if stop is not None and stop.is_set():
        schedule.give_back(product_id)
        return Outcome(Kind.CANCELLED, "Asked to stop before it began.")
    mode = SyncEvent.Mode.FULL if full else SyncEvent.Mode.INCREMENTAL
    options = SyncOptions(product_ids=frozenset({product_id}), mode=mode, trigger=SyncEvent.Trigger.BACKGROUND)
    try:
        return _sync(product.customer, options, stop)
    except SyncBusy as busy:
        schedule.put_off(product_id, busy.retry_after, full=full)
        return Outcome(Kind.BUSY, str(busy))


def refresh_customer(customer_id: int, *, stop: threading.Event | None = None) -> Outcome:
    """Read a customer's list of products: those new to us, or back again, are due at once. Raises as above."""
    customer = Customer.objects.filter(pk=customer_id).first()
    if customer is None:
        return Outcome(Kind.SKIPPED, f"Customer {customer_id} is not there any more.")
    if sentence := _reason_to_leave_alone(customer):
        return Outcome(Kind.SKIPPED, sentence)
    due = Q(products_due_at__lte=Now()) | ~Q(products_claimed_at=None)
    if not Customer.objects.filter(due, pk=customer_id).exists():
        return Outcome(Kind.SKIPPED, f"The product list of {customer} has been read since this was asked for.")
    options = SyncOptions(mode=SyncEvent.Mode.DISCOVERY, trigger=SyncEvent.Trigger.BACKGROUND)
    outcome = _sync(customer, options, stop)
    if outcome.kind == Kind.CANCELLED:
        schedule.give_back_list(customer_id)
    return outcome


def _sync(customer: Customer, options: SyncOptions, stop: threading.Event | None) -> Outcome:
    try:
        event = sync_customer(customer, options, stop=stop)
    except SyncImpossible as error:  # a token nobody can read, an address no call can be made to
        schedule.pause(customer, str(error))
        return Outcome(Kind.PAUSED, str(error))
    kind = _KINDS.get(Status(event.status), Kind.FAILED)
    if kind == Kind.FAILED and Customer.objects.filter(pk=customer.pk).exclude(paused_at=None).exists():
        kind = Kind.PAUSED
    return Outcome(kind, event.error, event)


def _reason_to_skip(product: Product, *, full: bool) -> str:
    customer = product.customer
    if sentence := _reason_to_leave_alone(customer):
        return sentence
    if product.missing_since:
        return f"TestIO has {product} no more."
    if not customer.follows(product.pk):
        return f"{product} is outside the filter of customer {customer}."
    due = Q(next_full_sync_at__lte=Now()) if full else Q(next_sync_at__lte=Now())
    if not Product.objects.filter(due | ~Q(claimed_at=None), pk=product.pk).exists():
        return f"{product} has been refreshed since this was asked for."
    return ""


def _reason_to_leave_alone(customer: Customer) -> str:
    if customer.paused_at:
        return f"Customer {customer} is paused: {customer.paused_reason}"
    if not customer.is_active:
        return f"Customer {customer} is switched off."
    return "" if customer.has_token else f"Customer {customer} has no API token."
