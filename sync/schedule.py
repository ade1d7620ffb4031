"""When each product is refreshed next, and how that is written down: the rows that all background work comes from.

Every sync that read as much as a refresh does ends here, whoever asked for it, so a manual one puts the next refresh
off as well. All times are the database's. The rules:

* after a success (gaps included): the customer's interval; after failures: the interval, doubling, at most a day;
* a product that is busy is put off until its writer should be done; that is no failure;
* a claim (``sync.refresh``) only lends: it marks the product for a while and is settled here. A worker that disappears
  settles nothing, and the product comes due again by itself.
"""

import logging
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from sync import freshness
from sync.models import Customer, Product, SyncLease
from sync.models.status import Status

log = logging.getLogger(__name__)

LONGEST_WAIT = timedelta(days=1)

#: Reads of data that stays stale (a phase that fails each time) ask for no more than one refresh in this time.
SHORTEST_REQUEST = timedelta(minutes=1)


def usual_wait(customer: Customer) -> timedelta:
    """Between two refreshes of one of its products."""
    return timedelta(seconds=customer.refresh_interval or settings.TESTIO_REFRESH_INTERVAL_SECONDS)


def wait_after(failures: int, usual: timedelta) -> timedelta:
    """After so many failures in a row: the usual time, doubling with each, at most a day (or the usual time)."""
    doubled: timedelta = usual * 2 ** min(max(failures - 1, 0), 20)
    return min(doubled, max(usual, LONGEST_WAIT))


def next_night(product_id: int, now: datetime) -> datetime:
    """The next time, after ``now``, at which this product is read from top to bottom.

    The same every night, and different for each product, so that the nightly work spreads over the night.
    """
    # Multiplied by a large prime, because ids that follow one another shall not come due one after the other.
    offset = timedelta(seconds=product_id * 2_654_435_761 % (settings.TESTIO_NIGHT_HOURS * 3600))
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    # The night that began yesterday may last until today.
    starts = (midnight + timedelta(days=day, hours=settings.TESTIO_NIGHT_STARTS) for day in (-1, 0, 1))
    return next(start + offset for start in starts if start + offset > now)


# How a refresh ended --------------------------------------------------------------------------------------------------


@transaction.atomic
def refreshed(product_id: int, status: Status, *, full: bool) -> None:
    """It went well, or as well as it could; ``full``: the whole list of tests was read."""
    for product, now in _locked(product_id):
        product.next_sync_at = now + usual_wait(product.customer)
        if full or product.next_full_sync_at is None:
            product.next_full_sync_at = next_night(product_id, now)
        _settle(product, now, status, "", failures=0)


@transaction.atomic
def failed(product_id: int, error: str, *, full: bool) -> None:
    """Nothing of it could be read; ``full``: that was to be the whole list of tests."""
    for product, now in _locked(product_id):
        failures = product.failures + 1
        product.next_sync_at = now + wait_after(failures, usual_wait(product.customer))
        if full and product.next_full_sync_at is not None:
            product.next_full_sync_at = product.next_sync_at
        _settle(product, now, Status.FAILED, error, failures=failures)


@transaction.atomic
def cancelled(product_id: int) -> None:
    """Somebody did not want it now: it is not begun again before its usual time."""
    for product, now in _locked(product_id):
        product.next_sync_at = now + usual_wait(product.customer)
        if product.next_full_sync_at is not None:
            product.next_full_sync_at = max(product.next_full_sync_at, product.next_sync_at)
        _settle(product, now, Status.CANCELLED, "", failures=product.failures)


def _settle(product: Product, now: datetime, status: Status, error: str, *, failures: int) -> None:
    Product.objects.filter(pk=product.pk).update(
        next_sync_at=product.next_sync_at,
        next_full_sync_at=product.next_full_sync_at,
        claimed_at=None,
        settled_at=now,
        failures=min(failures, 32_767),
        last_outcome=status,
        last_error=error,
    )


def _locked(product_id: int) -> list[tuple[Product, datetime]]:
    """The product for the rest of the transaction, and the time; nothing when it was removed."""
    rows = Product.objects.select_for_update(of=("self",), no_key=True).select_related("customer")
    rows = rows.only("failures", "next_sync_at", "next_full_sync_at", "customer__refresh_interval")
    return [(row, _now_of(row)) for row in rows.annotate(now=Now()).filter(pk=product_id)]


# Claims that come to nothing ------------------------------------------------------------------------------------------


def put_off(product_id: int, seconds: int, *, full: bool) -> None:
    """Somebody else is writing it: look again after so many seconds, unless that writer has settled it by then."""
    again = Now() + timedelta(seconds=seconds)
    times = {"next_sync_at": again} | ({"next_full_sync_at": again} if full else {})
    _claimed(product_id).update(claimed_at=None, **times)


def let_go(product_id: int) -> None:
    """Claimed in vain: whoever wants it refreshed again, like a customer switched on again, need not wait for that."""
    _claimed(product_id).update(claimed_at=None)


def give_back(*product_ids: int) -> None:
    """Claimed and not refreshed: due again at once, for whoever claims next."""
    _claimed(*product_ids).update(claimed_at=None, next_sync_at=Now())


def _claimed(*product_ids: int) -> "QuerySet[Product]":
    return Product.objects.filter(pk__in=product_ids).exclude(claimed_at=None)


def shorten(customer: Customer) -> None:
    """Its interval is another one now: nothing waits longer than that any more. A longer one counts from the next
    refresh on."""
    soon = Now() + usual_wait(customer)
    waiting = Product.objects.filter(customer=customer, failures=0, claimed_at=None)
    waiting.filter(next_sync_at__gt=soon).update(next_sync_at=soon)
    Customer.objects.filter(pk=customer.pk, products_failures=0, products_due_at__gt=soon).update(products_due_at=soon)


# Asked for ------------------------------------------------------------------------------------------------------------


def make_due(product_ids: Collection[int]) -> int:
    """An operator wants these refreshed now, whatever failed before; how many of them will be."""
    wanted = Product.objects.filter(pk__in=product_ids).refreshed()
    return wanted.update(next_sync_at=Now(), claimed_at=None)


def bring_forward(product_ids: Collection[int]) -> int:
    """Stale reads want these refreshed: due at once, in one guarded statement. How many that changed.

    A product is left as it is when a refresh is outstanding or running, when the last one failed or is so recent
    that another would not help, and when it is not refreshed in the background at all.
    """
    age = max(freshness.time_to_live(), SHORTEST_REQUEST)
    held = SyncLease.objects.filter(pk=OuterRef("pk")).exclude(holder=None)
    idle = Product.objects.filter(pk__in=product_ids, claimed_at=None, failures=0, next_sync_at__gt=Now())
    wanted = idle.filter(Q(settled_at=None) | Q(settled_at__lt=Now() - age)).exclude(Exists(held))
    return wanted.refreshed().update(next_sync_at=Now())


# Customers ------------------------------------------------------------------------------------------------------------


@transaction.atomic
def products_listed(customer_id: int) -> None:
    """Its list of products was read."""
    for customer, now in _locked_customer(customer_id):
        _settle_customer(customer, now + usual_wait(customer), failures=0)


@transaction.atomic
def products_not_listed(customer_id: int) -> None:
    """Its list of products could not be read."""
    for customer, now in _locked_customer(customer_id):
        failures = customer.products_failures + 1
        _settle_customer(customer, now + wait_after(failures, usual_wait(customer)), failures=failures)


def give_back_list(customer_id: int) -> None:
    """Claimed and not read: due again at once."""
    claimed = Customer.objects.filter(pk=customer_id).exclude(products_claimed_at=None)
    claimed.update(products_claimed_at=None, products_due_at=Now())


def _settle_customer(customer: Customer, due: datetime, *, failures: int) -> None:
    Customer.objects.filter(pk=customer.pk).update(
        products_due_at=due, products_claimed_at=None, products_failures=min(failures, 32_767)
    )


def _locked_customer(customer_id: int) -> list[tuple[Customer, datetime]]:
    rows = Customer.objects.select_for_update(no_key=True).only("refresh_interval", "products_failures")
    return [(row, _now_of(row)) for row in rows.annotate(now=Now()).filter(pk=customer_id)]


def _now_of(row: Product | Customer) -> datetime:
    now: datetime = vars(row)["now"]  # an annotation, which mypy does not see here
    return now


def pause(customer: Customer, reason: str) -> bool:
    """Refresh nothing of this customer in the background until its token changes, or somebody resumes it.

    False when the token has been changed since ``customer`` was read: the reason is about one that is gone.
    """
    same_token = Customer.objects.filter(pk=customer.pk, encrypted_token=bytes(customer.encrypted_token))
    paused = same_token.filter(paused_at=None).update(paused_at=Now(), paused_reason=reason)
    if paused:
        log.warning("Customer %s is not refreshed in the background any more: %s", customer, reason)
    return bool(paused)


@transaction.atomic
def resume(customer_id: int, since: datetime | None = None) -> None:
    """Whatever stood in the way is gone: all products not refreshed ``since`` then are due at once."""
    Customer.objects.filter(pk=customer_id).update(
        paused_at=None, paused_reason="", products_due_at=Now(), products_claimed_at=None, products_failures=0
    )
    products = Product.objects.filter(customer=customer_id)
    if since:
        products = products.exclude(settled_at__gte=since, failures=0)
    products.update(next_sync_at=Now(), claimed_at=None, failures=0)
