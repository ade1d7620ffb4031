"""What happens here in a refresh cycle (``sync.refresh.cycle``), for a site without a worker: reports that are due are
mailed, and files that have expired are removed. With a worker, ``reports.tasks`` does both."""

import threading
from collections import Counter

from django.dispatch import receiver

from reports import runs, schedules
from reports.models import ReportSchedule
from sync.signals import cycle_ran


@receiver(cycle_ran, dispatch_uid="reports.background")
def deliver_in_cycle(*, stop: threading.Event, dry_run: bool, **_: object) -> dict[str, int]:
    """The part of a refresh cycle that is ours; figures for its report, where there are any."""
    due = ReportSchedule.objects.due()
    if dry_run:
        return {"reports_to_mail": count} if (count := due.count()) else {}
    runs.interrupt_dead()
    runs.prune()
    figures: Counter[str] = Counter()
    for was_mailed in schedules.deliver_due():
        figures["reports_mailed" if was_mailed else "reports_not_mailed"] += 1
        if stop.is_set():
            break
    return dict(figures)
