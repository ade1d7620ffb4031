"""What beat does when, and how it gets there: rows of django-celery-beat, made once and then the operator's.

Intervals only: a crontab would mean another hour twice a year. Beat on two machines ticks twice, which harms nothing,
because what a tick finds due is claimed by one of them. How long a tick may wait for a worker is in
``testio_site.beat``.
"""

from dataclasses import dataclass

from django_celery_beat.models import IntervalSchedule, PeriodicTask, PeriodicTasks

MINUTE, HOUR, DAY = 60, 3600, 86_400


@dataclass(frozen=True, slots=True)
class Entry:
    """A task and the seconds between two of its ticks."""

    name: str
    task: str
    seconds: int
    description: str


ENTRIES = (
    Entry(
        "Refresh what is due",
        "sync.tasks.claim_due_products",
        10,
        "Claims customers and products whose next sync has come and gives each to a worker. How often each comes due "
        "is set per customer; this only looks.",
    ),
    Entry(
        "Read products completely",
        "sync.tasks.full_sweep",
        5 * MINUTE,
        "Claims products whose nightly complete reading has come, which finds what disappeared in TestIO.",
    ),
    Entry(
        "Retry mapped tests",
        "problematic.tasks.retry_due_mappings",
        MINUTE,
        "Tries to get back mapped tests whose next attempt has come.",
    ),
    Entry(
        "Release what dead processes held",
        "sync.tasks.release_stale",
        10,
        "Marks runs of dead processes interrupted, and makes their products due again at once.",
    ),
    Entry(
        "Mail scheduled reports",
        "reports.tasks.claim_due_reports",
        MINUTE,
        "Claims saved reports whose time has come and gives each to a worker, who makes and mails it.",
    ),
    Entry("Remove expired files", "reports.tasks.prune_exports", HOUR, "Removes reports after DESK_EXPORT_DAYS days."),
    Entry("Forget old runs", "sync.tasks.prune_history", DAY, "Removes ended runs after TESTIO_HISTORY_DAYS days."),
    Entry("Forget old audit entries", "testio_site.tasks.prune_audit", DAY, "Removes them after DESK_AUDIT_DAYS days."),
)


def create_missing() -> None:
    """After each migration: creates an entry for each task that has none, and leaves the others as they are.

    Whatever they are called by now, however rare they are, and whether they are enabled or not.
    """
    known = set(PeriodicTask.objects.values_list("task", flat=True))
    missing = [entry for entry in ENTRIES if entry.task not in known]
    PeriodicTask.objects.bulk_create(
        [
            PeriodicTask(
                name=entry.name,
                task=entry.task,
                interval=_interval(entry.seconds),
                description=entry.description,
            )
            for entry in missing
        ],
        ignore_conflicts=True,
    )
    if missing:
        PeriodicTasks.update_changed()


def _interval(seconds: int) -> IntervalSchedule:
    units = ((DAY, "days"), (HOUR, "hours"), (MINUTE, "minutes"), (1, "seconds"))
    every, period = next((seconds // length, name) for length, name in units if seconds % length == 0)
    known = IntervalSchedule.objects.filter(every=every, period=period).first()
    return known or IntervalSchedule.objects.create(every=every, period=period)
