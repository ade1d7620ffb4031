"""Which process refreshes everything in the background where no task queue does."""

import uuid

from django.db import models
from django.db.models.functions import Now

from sync.models.process import OwnedByProcess


class Watcher(OwnedByProcess):
    """The one process that watches under a name. See ``sync.refresh.watchers`` for its rules."""

    name = models.SlugField(unique=True, max_length=50)
    claim = models.UUIDField(default=uuid.uuid4, editable=False, help_text="Proves that the watcher still is the one.")
    started_at = models.DateTimeField(db_default=Now())
    heartbeat_at = models.DateTimeField(db_default=Now())
    last_cycle_at = models.DateTimeField(null=True, blank=True)
    cycles = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
