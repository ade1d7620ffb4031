"""A test id somebody mapped to an event, and how far its retry is."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from problematic.models.event import ProblematicEvent
from sync.models.process import OwnedByProcess


class MappingState(models.TextChoices):
    """Queued → running → succeeded, or failed and queued again by its time; ``dead`` after too many failures.

    "Failed" is queued with a failure behind it: waiting for ``next_attempt_at``, claimable like any queued one.
    """

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DEAD = "dead"


#: States a mapping may be claimed from.
CLAIMABLE = (MappingState.QUEUED, MappingState.FAILED)
#: States in which something is still to be done.
PENDING = (MappingState.QUEUED, MappingState.RUNNING, MappingState.FAILED, MappingState.DEAD)


class ProblematicMapping(OwnedByProcess):
    """A test id an operator says is hidden in an event; the queue entry of its retry.

    ``claimed_by`` names the worker while it runs; host, pid and process start tell whether that worker lives, and so
    does ``heartbeat_at``, which is null until the first beat after the claim.
    """

    event = models.ForeignKey(ProblematicEvent, on_delete=models.CASCADE, related_name="mappings", db_index=False)
    test_id = models.BigIntegerField()
    state = models.CharField(max_length=9, choices=MappingState, default=MappingState.QUEUED)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(db_default=Now())
    last_error = models.TextField(blank=True, default="")
    claimed_by = models.TextField(blank=True, default="")
    claimed_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True, editable=False)
    mapped_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    mapped_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ("event", "test_id")
        constraints = (
            models.UniqueConstraint(fields=["event", "test_id"], name="mapping_once_per_event"),
            models.CheckConstraint(condition=models.Q(test_id__gt=0), name="mapping_test_id_positive"),
            models.CheckConstraint(
                condition=models.Q(state=MappingState.RUNNING, claimed_at__isnull=False)
                | (~models.Q(state=MappingState.RUNNING) & models.Q(claimed_at=None, claimed_by="")),
                name="mapping_claimed_while_running",
            ),
        )
        indexes = (
            models.Index(fields=["next_attempt_at", "id"], name="mapping_due", condition=models.Q(state__in=CLAIMABLE)),
            models.Index(fields=["claimed_at"], name="mapping_running", condition=models.Q(state=MappingState.RUNNING)),
        )

    def __str__(self) -> str:
        return f"test {self.test_id} in {self.event_id}"
