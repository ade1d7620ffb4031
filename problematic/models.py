"""A gap as an event a person can triage, the test ids mapped to it, and everything that was done about it."""

import uuid
from typing import Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from sync.access import Access
from sync.leases import lock_timeout
from sync.models import Product, SyncEvent
from sync.models.process import OwnedByProcess
from sync.public_ids import public_id

EVENT_PREFIX = "evt_"
JOB_PREFIX = "job_"


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


class RetryJobQuerySet(models.QuerySet["RetryJob"]):
    def seen(self, access: Access) -> Self:
        """Those the caller may see: whoever sees a job sees all its errors, so all its tests must be of customers
        they see."""
        if access.customers is None:
            return self
        return self.filter(customer_ids__contained_by=list(access.customers)).exclude(customer_ids=[])


class RetryJob(OwnedByProcess):
    """A retry an operator asked for, with its progress: what the API answers 202 with and the admin shows moving."""

    class Status(models.TextChoices):
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        PARTIAL = "partial", "not all stored"
        FAILED = "failed"
        INTERRUPTED = "interrupted"

    job_id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    mapping_ids = ArrayField(models.BigIntegerField(), default=list, help_text="What is to be retried, in order.")
    customer_ids = ArrayField(
        models.BigIntegerField(),
        default=list,
        editable=False,
        help_text="Whose tests these are. Kept here: a mapping may be gone before the job, and errors name its test.",
    )
    event = models.ForeignKey(
        ProblematicEvent, on_delete=models.CASCADE, null=True, blank=True, related_name="retry_jobs"
    )
    status = models.CharField(max_length=11, choices=Status, default=Status.RUNNING)
    started_at = models.DateTimeField(db_default=Now())
    heartbeat_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)
    tests_retried = models.PositiveIntegerField(default=0)
    tests_succeeded = models.PositiveIntegerField(default=0)
    tests_failed = models.PositiveIntegerField(default=0)
    errors = ArrayField(models.TextField(), default=list, blank=True)
    notes = ArrayField(models.TextField(), default=list, blank=True, help_text="What else to know; no failures.")

    objects = RetryJobQuerySet.as_manager()

    class Meta:
        ordering = ("-started_at",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(status="running", finished_at=None)
                | (~models.Q(status="running") & models.Q(finished_at__isnull=False)),
                name="retryjob_finished_when_ended",
            ),
        )

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        return public_id(JOB_PREFIX, self.job_id)

    @property
    def total(self) -> int:
        return len(self.mapping_ids)

    @property
    def is_abandoned(self) -> bool:
        """Running by its status only: its process is gone, or was not heard of for too long by this host's clock."""
        silent = timezone.now() - self.heartbeat_at > lock_timeout()
        return self.status == self.Status.RUNNING and (silent or self.process_is_gone)
