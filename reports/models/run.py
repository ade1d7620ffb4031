"""Runs that write a report to a file."""

import uuid
from pathlib import Path
from typing import Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from reports.models.saved import SavedReport
from sync.access import Access
from sync.leases import lock_timeout
from sync.models.process import OwnedByProcess
from sync.public_ids import public_id

RUN_PREFIX = "rep_"


class ReportRunQuerySet(models.QuerySet["ReportRun"]):
    def seen(self, access: Access) -> Self:
        """The caller's own, without those that show customers they may not see (any more, or with this token)."""
        return self.filter(owner=access.user.pk).of_visible_customers(access)

    def of_visible_customers(self, access: Access) -> Self:
        """Anybody's that show no customers the caller may not see."""
        if access.customers is None:
            return self
        return self.filter(customer_ids__contained_by=list(access.customers))

    def expired(self) -> Self:
        """Those that ended and are not kept any longer."""
        return self.filter(expires_at__lte=Now()).exclude(status="running")

    def kept(self) -> Self:
        return self.filter(models.Q(expires_at__gt=Now()) | models.Q(status="running"))


class ReportRun(OwnedByProcess):
    """A report being written to a file, or written. Its file is at a place of our choosing, named by the id alone.

    ``permission`` is what its report needed, ``customer_ids`` whose data its caller saw then (null: all customers): who
    has the one no more, or sees these no more, finds the file no more.
    """

    class Status(models.TextChoices):
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        INTERRUPTED = "interrupted"

    run_id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    report = models.CharField(max_length=63, help_text="The name it has in the catalogue.")
    title = models.TextField()
    saved = models.ForeignKey(SavedReport, on_delete=models.SET_NULL, null=True, blank=True, related_name="runs")
    parameters = models.JSONField(default=dict, blank=True)
    format = models.CharField(max_length=20)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="report_runs")
    permission = models.CharField(max_length=100, editable=False)
    customer_ids = ArrayField(models.BigIntegerField(), null=True, blank=True, editable=False)
    status = models.CharField(max_length=11, choices=Status, default=Status.RUNNING)
    rows_written = models.PositiveBigIntegerField(default=0)
    rows_expected = models.PositiveBigIntegerField(null=True, blank=True)
    extension = models.CharField(max_length=10, blank=True, default="", editable=False)
    size = models.PositiveBigIntegerField(null=True, blank=True, help_text="Bytes.")
    error = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(db_default=Now())
    heartbeat_at = models.DateTimeField(db_default=Now(), editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(help_text="When the file is removed.")

    objects = ReportRunQuerySet.as_manager()

    class Meta:
        ordering = ("-created_at", "run_id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(status="running", finished_at=None)
                | (~models.Q(status="running") & models.Q(finished_at__isnull=False)),
                name="report_run_finished_when_ended",
            ),
            models.CheckConstraint(
                condition=~models.Q(status="succeeded") | (models.Q(size__isnull=False) & ~models.Q(extension="")),
                name="report_run_has_file_when_succeeded",
            ),
        )
        indexes = (
            models.Index(fields=["owner", "-created_at", "run_id"], name="report_run_of_owner"),
            models.Index(fields=["expires_at"], name="report_run_expiry"),
        )

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        return public_id(RUN_PREFIX, self.run_id)

    @property
    def path(self) -> Path:
        """Where its file is once it has succeeded."""
        return exports_folder() / f"{self.run_id.hex}.{self.extension}"

    @property
    def progress(self) -> float | None:
        """From 0 to 1; None while nobody knows how much there is to write."""
        if self.status == self.Status.SUCCEEDED:
            return 1.0
        if self.rows_expected is None:
            return None
        return min(1.0, self.rows_written / self.rows_expected) if self.rows_expected else 0.0

    @property
    def is_expired(self) -> bool:
        """Ended and not kept any longer: its file is gone, or is about to go."""
        return self.status != self.Status.RUNNING and self.expires_at <= timezone.now()

    @property
    def has_file(self) -> bool:
        return self.status == self.Status.SUCCEEDED and not self.is_expired

    @property
    def is_abandoned(self) -> bool:
        """Running by its status only: its process is gone, or was not heard of for too long by this host's clock."""
        silent = timezone.now() - self.heartbeat_at > lock_timeout()
        return self.status == self.Status.RUNNING and (silent or self.process_is_gone)


def exports_folder() -> Path:
    return Path(settings.DATA_DIR) / "exports"
