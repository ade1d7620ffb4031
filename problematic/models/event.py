"""A gap as an event a person can triage."""

import uuid
from typing import Self

from django.db import models
from django.db.models.functions import Now

from sync.models import Product, SyncEvent
from sync.public_ids import public_id

EVENT_PREFIX = "evt_"


class EventStatus(models.TextChoices):
    OPEN = "open"
    RESOLVED = "resolved"
    CLEARED = "cleared"


class EventQuerySet(models.QuerySet["ProblematicEvent"]):
    def open(self) -> Self:
        return self.filter(status=EventStatus.OPEN)


class ProblematicEvent(models.Model):
    """Consecutive positions of a product's test list that could not be read, between two readable neighbours.

    Positions count from 0, newest test first, as of the last time the gap was seen. A missing neighbour means the
    top or the end of the list. ``recovery_attempts`` counts every try to read what is hidden: walks and retries.
    """

    event_id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="problematic_events")
    sync_event = models.ForeignKey(
        SyncEvent, on_delete=models.SET_NULL, null=True, related_name="problematic_events", help_text="Last seen by."
    )
    first_position = models.PositiveIntegerField()
    last_position = models.PositiveIntegerField()
    boundary_before_id = models.BigIntegerField(null=True, blank=True)
    boundary_before_end_at = models.DateTimeField(null=True, blank=True)
    boundary_after_id = models.BigIntegerField(null=True, blank=True)
    boundary_after_end_at = models.DateTimeField(null=True, blank=True)
    recovery_attempts = models.PositiveIntegerField(default=1)
    occurrences = models.PositiveIntegerField(default=1)
    first_seen_at = models.DateTimeField(db_default=Now())
    last_seen_at = models.DateTimeField(db_default=Now())
    status = models.CharField(max_length=8, choices=EventStatus, default=EventStatus.OPEN)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolution = models.TextField(null=True, blank=True)  # noqa: DJ001  # null together with resolved_at

    objects = EventQuerySet.as_manager()

    class Meta:
        ordering = ("-last_seen_at", "event_id")
        verbose_name = "problematic event"
        constraints = (
            models.CheckConstraint(
                condition=models.Q(status=EventStatus.OPEN, resolved_at=None, resolution=None)
                | (~models.Q(status=EventStatus.OPEN) & models.Q(resolved_at__isnull=False, resolution__isnull=False)),
                name="event_end_and_reason_together",
            ),
            models.CheckConstraint(
                condition=models.Q(first_position__lte=models.F("last_position")), name="event_positions_in_order"
            ),
            models.UniqueConstraint(
                fields=["product", "boundary_before_id", "boundary_after_id"],
                condition=models.Q(status=EventStatus.OPEN),
                nulls_distinct=False,
                name="event_one_open_per_gap",
            ),
        )
        indexes = (
            models.Index(fields=["status", "-last_seen_at"], name="event_by_status"),
            models.Index(fields=["status", "-first_seen_at", "-event_id"], name="event_by_age"),
            models.Index(fields=["product", "status"], name="event_by_product"),
        )
        permissions = (
            ("map_tests", "Can map test ids to problematic events"),
            ("retry_tests", "Can retry mapped tests"),
            ("clear_events", "Can clear problematic events"),
        )

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        return public_id(EVENT_PREFIX, self.event_id)

    @property
    def is_open(self) -> bool:
        return self.status == EventStatus.OPEN

    @property
    def size(self) -> int:
        """How many tests are hidden."""
        return self.last_position - self.first_position + 1

    @property
    def position_range(self) -> str:
        if self.first_position == self.last_position:
            return str(self.first_position)
        return f"{self.first_position}-{self.last_position}"
