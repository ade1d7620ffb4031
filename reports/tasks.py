"""What workers do for ``reports``: ids in, one call out. Every task may come twice, late, or not at all."""

from uuid import UUID

from celery import shared_task

from reports import runs, schedules
from sync.models.claim import CLAIM_SECONDS

#: Seconds after which a tick that hangs is killed.
TICK_LIMIT = 120


@shared_task(soft_time_limit=TICK_LIMIT, time_limit=TICK_LIMIT)
def claim_due_reports() -> None:
    for schedule_id in schedules.claim_due():
        deliver_report.apply_async([str(schedule_id)], expires=CLAIM_SECONDS)


@shared_task
def deliver_report(schedule_id: str) -> bool:
    return schedules.deliver(UUID(schedule_id))


@shared_task(soft_time_limit=TICK_LIMIT, time_limit=TICK_LIMIT)
def prune_exports() -> int:
    runs.interrupt_dead()
    return runs.prune()
