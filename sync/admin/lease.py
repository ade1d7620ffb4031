"""Who writes which product now."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest

from sync import leases
from sync.admin import display
from sync.admin.base import ReadOnlyAdmin
from sync.models import SyncEvent, SyncLease


@admin.register(SyncLease)
class SyncLeaseAdmin(ReadOnlyAdmin):
    list_display = ("product", "state", "holder_link", "host", "pid", "heartbeat_age", "acquired_at")
    list_select_related = ("product",)
    list_only = (
        "product__name", "holder", "acquired_at", "heartbeat_at", "host", "pid", "process_started",
    )  # fmt: skip
    sortable_by = ()
    search_numbers = ("product_id",)
    search_texts = ("product__name",)
    search_help_text = "Product id or name"
    fieldsets = (
        (None, {"fields": ("product", "state", "holder_link", "acquired_at", "heartbeat_age")}),
        ("Process", {"fields": ("host", "pid", "token")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the heartbeat's age by the database's clock, as the leases themselves measure it."""
        runs = SyncEvent.objects.filter(pk=OuterRef("holder"))
        rows: QuerySet[SyncLease] = super().get_queryset(request)
        return rows.annotate(silent=Now() - F("heartbeat_at"), held_by_run=Exists(runs))

    @admin.display(description="State")
    def state(self, lease: SyncLease) -> str:
        if lease.holder is None:
            return display.label("free")
        if lease.process_is_gone:
            return display.label("holder is gone", "danger")
        silent: timedelta | None = getattr(lease, "silent", None)
        if silent is None or silent > leases.lock_timeout():
            return display.label("holder is silent", "danger")
        return display.label("held", "info")

    @admin.display(description="Held by")
    def holder_link(self, lease: SyncLease) -> str:
        """The run; a customer's removal holds leases too, and has no run."""
        if lease.holder is None:
            return display.EMPTY
        run = SyncEvent(event_id=lease.holder)
        if not getattr(lease, "held_by_run", False):
            return "not a sync run"
        return display.link(display.detail_url(SyncEvent, run.pk), run.public_id)

    @admin.display(description="Heartbeat")
    def heartbeat_age(self, lease: SyncLease) -> str:
        silent: timedelta | None = getattr(lease, "silent", None)
        return display.EMPTY if silent is None else f"{display.duration(silent)} ago"
