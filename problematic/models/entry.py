"""The history of an event: everything that was done about it."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from problematic.models.event import ProblematicEvent


class TriageEntry(models.Model):
    """What happened to an event: one row per step, by whom and when. Rows are never changed.

    ``step`` is the same in all rows of one step, over however many events; ``before`` is what the step took away, as
    ``problematic.keepsakes`` writes it. Both are there only where the step can be undone.
    """

    class Action(models.TextChoices):
        FOUND = "found"
        SEEN = "seen", "seen again"
        MAPPED = "mapped"
        UNMAPPED = "unmapped"
        REVIVED = "revived"
        RESOLVED = "resolved"
        CLEARED = "cleared"
        UNDONE = "undone"

    event = models.ForeignKey(ProblematicEvent, on_delete=models.CASCADE, related_name="history")
    action = models.CharField(max_length=8, choices=Action)
    at = models.DateTimeField(db_default=Now())
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    test_ids = ArrayField(models.BigIntegerField(), default=list, blank=True)
    detail = models.TextField(blank=True, default="")
    step = models.UUIDField(null=True, blank=True, editable=False)
    before = models.JSONField(default=dict, blank=True, editable=False)

    class Meta:
        ordering = ("event", "id")
        verbose_name_plural = "triage entries"
        indexes = (models.Index(fields=["step"], name="entry_by_step", condition=models.Q(step__isnull=False)),)

    def __str__(self) -> str:
        return f"{self.action} at {self.at:%Y-%m-%d %H:%M}"
