"""What workers do for ``sync``: ids in, one call out. Every task may come twice, late, or not at all.

A tick claims in the database first and sends after: what it claimed and could not send is due again by itself.
"""

from celery import shared_task
from django.conf import settings

from sync import refresh
from sync.stopping import stop

#: Seconds after which a tick that hangs is killed.
TICK_LIMIT = 120


@shared_task(soft_time_limit=TICK_LIMIT, time_limit=TICK_LIMIT)
def claim_due_products() -> None:
    for customer_id in refresh.all_due(refresh.claim_due_customers):
        refresh_customer.apply_async([customer_id], expires=refresh.CLAIM_SECONDS)
    for product_id in refresh.all_due(refresh.claim_due_products):
        refresh_product.apply_async([product_id], expires=refresh.CLAIM_SECONDS)


@shared_task(soft_time_limit=TICK_LIMIT, time_limit=TICK_LIMIT)
def full_sweep() -> None:
    for product_id in refresh.all_due(refresh.claim_due_sweeps):
        refresh_product.apply_async([product_id], {"full": True}, expires=refresh.CLAIM_SECONDS)


@shared_task
def refresh_customer(customer_id: int) -> str:
    return str(refresh.refresh_customer(customer_id, stop=stop))


@shared_task
def refresh_product(product_id: int, *, full: bool = False) -> str:
    return str(refresh.refresh_product(product_id, full=full, stop=stop))


@shared_task(soft_time_limit=TICK_LIMIT, time_limit=TICK_LIMIT)
def release_stale() -> None:
    if refresh.release_stale().products:
        claim_due_products.delay()  # the next tick would find them too, only later


@shared_task
def prune_history() -> int:
    return refresh.prune_history(settings.TESTIO_HISTORY_DAYS)
