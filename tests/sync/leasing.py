"""Leases as the tests handle them: taken, found busy, made older than they are."""

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from sync.leases import Busy, Lease, acquire
from sync.models import Product, SyncLease

RUN, ANOTHER_RUN = UUID(int=1), UUID(int=2)


def take(product: Product, holder: UUID = RUN) -> Lease:
    [lease], refused = acquire([product.pk], holder)
    assert refused == []
    return lease


def is_busy(product: Product) -> Busy:
    held, [refused] = acquire([product.pk], ANOTHER_RUN)
    assert held == []
    return refused


def change(lease: Lease, **values: object) -> None:
    SyncLease.objects.filter(pk=lease.product_id).update(**values)


def age(lease: Lease, **spans: timedelta) -> None:
    """Move times of the lease's row into the past."""
    change(lease, **{column: Now() - span for column, span in spans.items()})


def prove(lease: Lease) -> None:
    with transaction.atomic():
        lease.prove()
