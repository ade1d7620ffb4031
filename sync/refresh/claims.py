"""Handing out what has come due. Row locks decide who gets what, and nobody waits: what is locked is skipped.

A claim is lent, not given: it marks the row for ``CLAIM_SECONDS``, and whoever does the work settles the row. When the
work is lost, with a broker's queue or with a worker, the row comes due again by itself.
"""

from collections.abc import Callable, Iterator

from django.db import connection
from django.db.models import QuerySet

from sync.models import Customer, Product
from sync.models.claim import CLAIM_SECONDS

__all__ = ["CLAIM_SECONDS", "all_due", "claim_due_customers", "claim_due_products", "claim_due_sweeps"]

#: Claimed at once at most, where the caller names no limit: more than comes due between two ticks, as a rule, and few
#: enough that little is delayed when whoever claimed them dies before it has passed them on.
MOST_AT_ONCE = 1_000

# Written out because choosing, marking and reading in one statement has no ORM form (UPDATE ... RETURNING). No index
# has the mark in it, so PostgreSQL need not touch one: that halves what a claim costs. "No key": rows that refer to the
# product are being inserted while it is synced, and do not stand in the way.
_CLAIM = """
    WITH claimed AS (
        UPDATE {table} SET {claimed_at} = statement_timestamp()
        WHERE id = ANY(ARRAY({due} FOR NO KEY UPDATE SKIP LOCKED))
        RETURNING id, {due_at}
    )
    SELECT id FROM claimed ORDER BY {due_at}, id
"""


def claim_due_products(limit: int = MOST_AT_ONCE) -> list[int]:
    """Claim products that are due, the longest overdue first; their ids. [] when nothing is due."""
    return _claim(Product.objects.due(), "next_sync_at", "claimed_at", limit)


def claim_due_sweeps(limit: int = MOST_AT_ONCE) -> list[int]:
    """Claim products that are due to be read from top to bottom, as each is once a night, the longest overdue first.

    Such a reading refreshes as well: nobody needs to do that beside it.
    """
    return _claim(Product.objects.due_in_full(), "next_full_sync_at", "claimed_at", limit)


def claim_due_customers(limit: int = MOST_AT_ONCE) -> list[int]:
    """Claim customers whose list of products is due to be read, which is how new products are found; their ids."""
    return _claim(Customer.objects.due(), "products_due_at", "products_claimed_at", limit)


def all_due(claim: Callable[[], list[int]]) -> Iterator[int]:
    """One short claim after the other, as long as one is full: fewer than could be claimed were all there was."""
    while claimed := claim():
        yield from claimed
        if len(claimed) < MOST_AT_ONCE:
            return


def _claim(due: "QuerySet[Product] | QuerySet[Customer]", due_at: str, claimed_at: str, limit: int) -> list[int]:
    chosen, values = due.order_by(due_at, "pk").values_list("pk")[:limit].query.sql_with_params()
    statement = _CLAIM.format(table=due.model._meta.db_table, due=chosen, due_at=due_at, claimed_at=claimed_at)
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [pk for (pk,) in cursor.fetchall()]
