"""What workers do for ``problematic``: ids in, one call out. Every task may come twice, late, or not at all."""

from celery import shared_task

from problematic import background
from sync.models import Customer
from sync.stopping import stop

#: Seconds after which a tick that hangs is killed, and after which a task that found no worker is dropped.
TICK_LIMIT, EXPIRES = 120, 300


@shared_task(soft_time_limit=TICK_LIMIT, time_limit=TICK_LIMIT)
def retry_due_mappings() -> None:
    background.tidy()
    customers = Customer.objects.refreshed().filter(products__problematic_events__mappings__in=background.due())
    for customer_id in customers.distinct().values_list("pk", flat=True):
        retry_mappings_of.apply_async([customer_id], expires=EXPIRES)


@shared_task
def retry_mappings_of(customer_id: int) -> int:
    """How many tests were stored."""
    customer = Customer.objects.refreshed().filter(pk=customer_id).first()
    if customer is None:  # removed, switched off or paused since the tick
        return 0
    return background.retry_due_of(customer, stop).tests_succeeded
