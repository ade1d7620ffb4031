"""Beat's scheduler: django-celery-beat's, which reads the schedule from the database, and patient."""

import logging
import time

from django.db import InterfaceError, OperationalError, connection
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

log = logging.getLogger(__name__)


class Scheduler(DatabaseScheduler):
    """A database that is away while the schedule is read is waited for; as it comes, beat would end."""

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
