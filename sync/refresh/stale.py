"""Taking back what processes held that are gone, so that others go on where they stopped."""

from dataclasses import dataclass, field

from django.db.models.functions import Now

from sync import leases, runs
from sync.models import Product, SyncLease


@dataclass(frozen=True, slots=True)
class Released:
    """How many runs were marked interrupted, how many leases freed, and the products that are due at once for it."""

    runs: int = 0
    leases: int = 0
    products: list[int] = field(default_factory=list)


def stale() -> Released:
    """What ``release_stale`` would find. Changes nothing."""
    held = set(SyncLease.objects.exclude(holder=None).values_list("pk", flat=True))
    dead = sorted(held - {each.product_id for each in leases.busy(held)})
    return Released(len(runs.dead()), len(dead), dead)


def release_stale() -> Released:
    """Mark dead runs interrupted, free their leases, and make the products they were writing due at once.

    Dead is a process of this host that is gone, or any other that has given no sign of life for
    ``TESTIO_LOCK_TIMEOUT`` seconds. Safe to call at any time, from anywhere, by several at once.
    """
    interrupted = runs.interrupt_dead()
    freed = leases.release_dead()
    # Theirs are not written to an end. (A lease that another sync has taken over is in good hands.)
    Product.objects.filter(pk__in=freed, missing_since=None).update(next_sync_at=Now(), claimed_at=None)
    return Released(interrupted, len(freed), freed)
