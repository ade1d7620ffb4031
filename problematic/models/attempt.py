"""What came of each try to fetch a mapped test."""

from django.db import models
from django.db.models.functions import Now

from problematic.models.event import ProblematicEvent
from problematic.models.mapping import ProblematicMapping


class RetryAttempt(models.Model):
    """One try to fetch a mapped test, as it ended. It belongs to the event: taking the mapping back loses nothing."""

    class Outcome(models.TextChoices):
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        ABANDONED = "abandoned", "worker died"

    event = models.ForeignKey(ProblematicEvent, on_delete=models.CASCADE, related_name="attempts")
    test_id = models.BigIntegerField()
    mapping = models.ForeignKey(
        ProblematicMapping, on_delete=models.SET_NULL, null=True, blank=True, related_name="history"
    )
    number = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(db_default=Now())
    worker = models.TextField(blank=True, default="")
    outcome = models.CharField(max_length=9, choices=Outcome)
    detail = models.TextField(blank=True, default="")

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"attempt {self.number}: {self.outcome}"
