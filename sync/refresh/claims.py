"""Handing out what has come due. Row locks decide who gets what, and nobody waits: what is locked is skipped.

A claim is lent, not given: it moves the row's time on by ``CLAIM_SECONDS``, and whoever does the work settles the row.
When the work is lost, with a broker's queue or with a worker, the row comes due again by itself.
"""

from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Greatest, Now

from sync.models import Customer, Product

#: How long a claim may wait for its worker before it is due again. A task that is older may be thrown away.
CLAIM_SECONDS = 600

#: Claimed at once at most, where the caller names no limit: enough to keep every worker busy until the next tick.
DEFAULT_LIMIT = 200

_LENT = timedelta(seconds=CLAIM_SECONDS)


@transaction.atomic
def claim_due_products(limit: int | None = None) -> list[int]:
    """Claim products that are due, the longest overdue first; their ids. [] when nothing is due."""
    ids = _take(Product.objects.due().order_by("next_sync_at", "pk"), limit)
    Product.objects.filter(pk__in=ids).update(next_sync_at=Now() + _LENT, claimed_at=Now())
    return ids


@transaction.atomic
def claim_due_sweeps(limit: int | None = None) -> list[int]:
    """Claim products that are due to be read from top to bottom, as each is once a night, the longest overdue first."""
    ids = _take(Product.objects.due_in_full().order_by("next_full_sync_at", "pk"), limit)
    Product.objects.filter(pk__in=ids).update(
        # A complete reading refreshes as well: nobody needs to do that beside it.
        next_sync_at=Greatest("next_sync_at", Now() + _LENT),
        next_full_sync_at=Now() + _LENT,
        claimed_at=Now(),
    )
    return ids


@transaction.atomic
def claim_due_customers(limit: int | None = None) -> list[int]:
    """Claim customers whose list of products is due to be read, which is how new products are found; their ids."""
    ids = _take(Customer.objects.due().order_by("products_due_at", "pk"), limit)
    Customer.objects.filter(pk__in=ids).update(products_due_at=Now() + _LENT, products_claimed_at=Now())
    return ids


def _take(due: "QuerySet[Product] | QuerySet[Customer]", limit: int | None) -> list[int]:
    # "No key": rows that refer to the product are being inserted while it is synced, and do not stand in the way.
    locked = due.select_for_update(skip_locked=True, no_key=True)
    return list(locked.values_list("pk", flat=True)[: DEFAULT_LIMIT if limit is None else limit])
