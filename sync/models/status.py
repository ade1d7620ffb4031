"""How a run, a phase or a product's last refresh stands."""

from django.db import models


class Status(models.TextChoices):
    """The one vocabulary for how a run or a phase stands, for writers and readers alike."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial", "done with gaps"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"
