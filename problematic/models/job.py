"""A retry somebody asked for, of one test or of many."""

import uuid
from typing import Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from problematic.models.event import ProblematicEvent
from sync.access import Access
from sync.leases import lock_timeout
from sync.models.process import OwnedByProcess
from sync.public_ids import public_id

JOB_PREFIX = "job_"


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
