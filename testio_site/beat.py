"""Beat's scheduler: django-celery-beat's, which reads the schedule from the database, and patient."""

import logging
import time
from typing import Any

from celery.schedules import schedule
from django.db import InterfaceError, OperationalError, connection
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

log = logging.getLogger(__name__)

#: Seconds. Ticks that follow one another so soon need not all be kept for a worker that is at something else...
SHORTEST_PATIENCE = 60
#: ...and one of a task whose next is so far away is always kept.
RARE = 3600


class Entry(ModelEntry):
    """Where the operator has set no expiry it follows from the interval, also after that has been changed."""

    def __init__(self, model: PeriodicTask, app: Any = None) -> None:
        super().__init__(model, app=app)
        if "expires" in self.options or not isinstance(self.schedule, schedule):
            return
        seconds = self.schedule.run_every.total_seconds()
        if seconds < RARE:
            self.options["expires"] = max(SHORTEST_PATIENCE, seconds)


class Scheduler(DatabaseScheduler):
    """A database that is away while the schedule is read is waited for; as it comes, beat would end."""

    Entry = Entry

    def all_as_schedule(self) -> dict[str, ModelEntry]:
        while True:
            try:
                entries: dict[str, ModelEntry] = super().all_as_schedule()
            except (OperationalError, InterfaceError) as error:
                log.warning("Beat cannot read its schedule and tries again: %s", " ".join(str(error).split()))
                connection.close()
                time.sleep(1)
            else:
                return entries
