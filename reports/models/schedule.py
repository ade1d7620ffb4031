"""Schedules that mail a saved report."""

import uuid
from datetime import UTC, datetime
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

from reports.models.saved import SavedReport
from sync.models.claim import unclaimed
from sync.public_ids import public_id

SCHEDULE_PREFIX = "sch_"


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
        permissions = (("mail_outside", "Can mail reports to addresses that are no member's"),)
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

    @property
    def when(self) -> str:
        """In words."""
        if self.every == self.Every.MONTH:
            return f"On day {self.day} of every month at {self.hour:02}:00 UTC"
        return f"Every {self.get_weekday_display()} at {self.hour:02}:00 UTC"

    def next_after(self, moment: datetime) -> datetime:
        """The first time after ``moment`` that this schedule names."""
        from reports.schedules import next_after

        return next_after(moment.astimezone(UTC), self.hour, weekday=self.weekday, day=self.day)
