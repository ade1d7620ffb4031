"""What a run leaves behind for those to come: when its products are due next, and whether the token is good."""

from contextlib import suppress

from django.db import transaction

from sync import schedule
from sync.leases import Lease, LeaseLost
from sync.models import SyncEvent
from sync.models.status import Status
from sync.pipeline.context import Context


def settle(context: Context, lease: Lease, status: Status, error: str, *, full: bool) -> None:
    """Write down how a product ended; ``full``: its whole list of tests was to be read.

    A run that read less than a refresh does leaves the schedule alone, and a writer that lost its lease has no say.
    """
    if context.refused or not context.options.is_refresh:
        return
    with suppress(LeaseLost), transaction.atomic():
        lease.prove()
        if status == Status.FAILED:
            schedule.failed(lease.product_id, error, full=full)
        elif status == Status.CANCELLED and _is_unwanted(context):
            schedule.cancelled(lease.product_id)
        elif status in (Status.CANCELLED, Status.INTERRUPTED):
            schedule.give_back(lease.product_id)
        else:
            schedule.refreshed(lease.product_id, status, full=full)


def settle_customer(context: Context, status: Status, *, listed: bool) -> None:
    """Write down whether the token is good, and whether the list of products was read."""
    customer, good = context.customer, status in (Status.SUCCEEDED, Status.PARTIAL)
    if context.refused:
        schedule.pause(customer, str(context.refused))
    elif customer.paused_at and good:
        schedule.resume(customer.pk, since=customer.paused_at)
    if context.options.product_ids:
        return
    if listed:
        schedule.products_listed(customer.pk)
    elif status == Status.FAILED:
        schedule.products_not_listed(customer.pk)


def _is_unwanted(context: Context) -> bool:
    """Whether somebody cancelled a background refresh, which would begin again at once. A process that ends stops
    its runs too, but they are wanted all the same; and whoever cancels their own sync says nothing about refreshes."""
    if context.options.trigger != SyncEvent.Trigger.BACKGROUND:
        return False
    return SyncEvent.objects.filter(pk=context.event.pk).exclude(cancel_requested_at=None).exists()
