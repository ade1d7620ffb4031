"""A sync run as a row you can read: when, how much, what failed and why."""

import uuid
from typing import Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from sync.models.customer import Customer
from sync.models.process import OwnedByProcess
from sync.models.product import Product
from sync.models.status import Status as Status
from sync.public_ids import public_id

RUN_PREFIX = "run_"


class SyncEventQuerySet(models.QuerySet["SyncEvent"]):
    def running(self) -> Self:
        return self.filter(status=Status.RUNNING)


_ENDED = models.Q(status=Status.RUNNING, finished_at=None) | (
    ~models.Q(status=Status.RUNNING) & models.Q(finished_at__isnull=False)
)


class SyncEvent(OwnedByProcess):
    """One run. Counts are kept on its phases and added up here when it ends."""

    class Trigger(models.TextChoices):
        COMMAND = "command"
        ADMIN = "admin", "browser"
        API = "api", "API"
        BACKGROUND = "background"

    class Mode(models.TextChoices):
        INCREMENTAL = "incremental"
        INCREMENTAL_ONLY = "incremental_only", "new tests only"
        FULL = "full"
        NUKE = "nuke", "emptied and read again"
        DISCOVERY = "discovery", "list of products only"

    event_id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="sync_events")
    trigger = models.CharField(max_length=16, choices=Trigger, default=Trigger.COMMAND)
    mode = models.CharField(max_length=16, choices=Mode, default=Mode.INCREMENTAL)
    status = models.CharField(max_length=16, choices=Status, default=Status.RUNNING)
    started_at = models.DateTimeField(db_default=Now())
    heartbeat_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="Who started it through a page or the API.",
    )
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    products = models.PositiveIntegerField(default=0)
    features = models.PositiveIntegerField(default=0)
    tests_new = models.PositiveIntegerField(default=0)
    tests_updated = models.PositiveIntegerField(default=0)
    bugs_new = models.PositiveIntegerField(default=0)
    bugs_updated = models.PositiveIntegerField(default=0)
    missing = models.PositiveIntegerField(default=0)
    gaps = models.PositiveIntegerField(default=0)
    api_calls = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True, default="")

    objects = SyncEventQuerySet.as_manager()

    class Meta:
        ordering = ("-started_at",)
        indexes = (
            models.Index(fields=["customer", "-started_at"], name="syncevent_by_customer"),
            models.Index(fields=["status"], name="syncevent_running", condition=models.Q(status=Status.RUNNING)),
            models.Index(fields=["finished_at"], name="syncevent_by_end"),
        )
        constraints = (models.CheckConstraint(condition=_ENDED, name="syncevent_finished_when_ended"),)
        permissions = (("run_syncs", "Can start sync runs"), ("cancel_runs", "Can cancel sync runs"))

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        return public_id(RUN_PREFIX, self.event_id)


class SyncPhase(models.Model):
    """One phase of one product within a run (the product list itself has no product)."""

    class Name(models.TextChoices):
        PRODUCTS = "products"
        FEATURES = "features"
        TESTS = "tests"
        BUGS = "bugs"
        RESULTS = "results", "test-case results"

    event = models.ForeignKey(SyncEvent, on_delete=models.CASCADE, related_name="phases", db_index=False)
    product = models.ForeignKey(Product, on_delete=models.CASCADE, null=True, blank=True, related_name="sync_phases")
    name = models.CharField(max_length=16, choices=Name)
    status = models.CharField(max_length=16, choices=Status, default=Status.RUNNING)
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)
    seen = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    missing = models.PositiveIntegerField(default=0)
    gaps = models.PositiveIntegerField(default=0)
    api_calls = models.PositiveIntegerField(default=0)
    warnings = ArrayField(models.TextField(), default=list, blank=True)
    error = models.TextField(blank=True, default="")

    class Meta:
        ordering = ("event", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["event", "product", "name"], name="syncphase_once_per_run", nulls_distinct=False
            ),
            models.CheckConstraint(condition=_ENDED, name="syncphase_finished_when_ended"),
        )

    def __str__(self) -> str:
        return f"{self.name} of {self.product_id or 'all products'}"
