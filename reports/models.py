"""Reports people saved, runs that write one to a file, and schedules that mail one."""

import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from sync.access import Access
from sync.leases import lock_timeout
from sync.models import Customer
from sync.models.claim import unclaimed
from sync.models.process import OwnedByProcess
from sync.public_ids import public_id

SAVED_PREFIX = "sav_"
RUN_PREFIX = "rep_"
SCHEDULE_PREFIX = "sch_"


class SavedReportQuerySet(models.QuerySet["SavedReport"]):
    def seen(self, access: Access) -> Self:
        """One's own and those shared with everybody, as far as the caller sees all customers they are about."""
        rows = self.filter(models.Q(owner=access.user.pk) | models.Q(is_shared=True))
        if access.user.is_superuser and access.permissions is None:
            rows = self.all()
        if access.customers is None:
            return rows
        through = SavedReport.customers.through.objects.filter(savedreport=models.OuterRef("pk"))
        return rows.filter(~models.Exists(through.exclude(customer__in=access.customers)))


class SavedReport(models.Model):
    """A report with parameters of its own, under a name of its own. Phrases like "last month" are kept as they are."""

    saved_id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.SlugField(max_length=63, help_text="What commands call it.")
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True, default="")
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_reports")
    is_shared = models.BooleanField(
        "shared", default=False, help_text="Others may run it too; each sees only what they may see."
    )
    report = models.CharField(max_length=63, help_text="The built-in report it is made of.")
    parameters = models.JSONField(default=dict, blank=True)
    customers = models.ManyToManyField(
        Customer, blank=True, related_name="saved_reports", help_text="Only about these; none means all one may see."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = SavedReportQuerySet.as_manager()

    class Meta:
        ordering = ("name", "owner")
        constraints = (models.UniqueConstraint(fields=["owner", "name"], name="saved_report_once_per_owner"),)

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        return public_id(SAVED_PREFIX, self.saved_id)


class ReportRunQuerySet(models.QuerySet["ReportRun"]):
    def seen(self, access: Access) -> Self:
        """The caller's own, without those that show customers they may not see (any more, or with this token)."""
        rows = self.filter(owner=access.user.pk)
        if access.customers is None:
            return rows
        return rows.filter(customer_ids__contained_by=list(access.customers))

    def expired(self) -> Self:
        return self.filter(expires_at__lte=Now())


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
    def has_file(self) -> bool:
        return self.status == self.Status.SUCCEEDED and self.expires_at > timezone.now()

    @property
    def is_abandoned(self) -> bool:
        """Running by its status only: its process is gone, or was not heard of for too long by this host's clock."""
        silent = timezone.now() - self.heartbeat_at > lock_timeout()
        return self.status == self.Status.RUNNING and (silent or self.process_is_gone)


def exports_folder() -> Path:
    return Path(settings.DATA_DIR) / "exports"


class ReportScheduleQuerySet(models.QuerySet["ReportSchedule"]):
    def due(self) -> Self:
        """Those whose time has come, by the database's clock, and that nobody has claimed."""
        return self.filter(unclaimed("claimed_at"), is_enabled=True, next_run_at__lte=Now())


class ReportSchedule(models.Model):
    """When a saved report is made and mailed: with its owner's eyes, as they are then. Times are UTC."""

    class Every(models.TextChoices):
        WEEK = "week", "weekly"
        MONTH = "month", "monthly"

    class Weekday(models.IntegerChoices):
        MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = range(7)

    class Outcome(models.TextChoices):
        MAILED = "mailed"
        FAILED = "failed"

    schedule_id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    saved = models.ForeignKey(SavedReport, on_delete=models.CASCADE, related_name="schedules")
    every = models.CharField(max_length=5, choices=Every)
    weekday = models.PositiveSmallIntegerField(null=True, blank=True, choices=Weekday, help_text="Of a weekly one.")
    day = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(31)],
        help_text="Of a monthly one; in a shorter month its last day.",
    )
    hour = models.PositiveSmallIntegerField(default=6, validators=[MaxValueValidator(23)], help_text="UTC.")
    format = models.CharField(max_length=20, default="xlsx")
    recipients = ArrayField(models.EmailField(), help_text="E-mail addresses, separated by commas.")
    is_enabled = models.BooleanField("enabled", default=True)
    next_run_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True, blank=True, editable=False)
    begun_at = models.DateTimeField(null=True, blank=True, editable=False)
    failures = models.PositiveSmallIntegerField(default=0, editable=False)
    last_run_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_outcome = models.CharField(max_length=6, choices=Outcome, blank=True, default="", editable=False)
    last_error = models.TextField(blank=True, default="", editable=False)

    objects = ReportScheduleQuerySet.as_manager()

    class Meta:
        ordering = ("next_run_at", "schedule_id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(every="week", weekday__range=(0, 6), day=None)
                | models.Q(every="month", day__range=(1, 31), weekday=None),
                name="report_schedule_has_its_day",
            ),
            models.CheckConstraint(condition=models.Q(hour__range=(0, 23)), name="report_schedule_hour"),
        )
        indexes = (
            models.Index(fields=["next_run_at"], name="report_schedule_due", condition=models.Q(is_enabled=True)),
        )

    def __str__(self) -> str:
        return f"{self.saved}, {self.get_every_display()}"

    @property
    def public_id(self) -> str:
        return public_id(SCHEDULE_PREFIX, self.schedule_id)

    def next_after(self, moment: datetime) -> datetime:
        """The first time after ``moment`` that this schedule names."""
        from reports.schedules import next_after

        return next_after(moment.astimezone(UTC), self.hour, weekday=self.weekday, day=self.day)
