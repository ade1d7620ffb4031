"""Who writes which product now."""

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest

from sync import leases, schedule
from sync.admin import display
from sync.admin.base import ReadOnlyAdmin
from sync.admin.steps import Steps
from sync.models import SyncEvent, SyncLease


@admin.register(SyncLease)
class SyncLeaseAdmin(Steps, ReadOnlyAdmin):
    customer_path = "product__customer"
    list_display = ("product", "state", "holder_link", "host", "pid", "age", "heartbeat_age", "left")
    actions = ("release",)
    list_select_related = ("product",)
    list_only = (
        "product__name", "holder", "acquired_at", "heartbeat_at", "host", "pid", "process_started",
    )  # fmt: skip
    sortable_by = ()
    search_numbers = ("product_id",)
    search_texts = ("product__name",)
    search_help_text = "Product id or name"
    fieldsets = (
        (None, {"fields": ("product", "state", "holder_link", "acquired_at", "age", "heartbeat_age", "left")}),
        ("Process", {"fields": ("host", "pid", "token")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With the heartbeat's age by the database's clock, as the leases themselves measure it."""
        runs = SyncEvent.objects.filter(pk=OuterRef("holder"))
        rows: QuerySet[SyncLease] = super().get_queryset(request)
        return rows.annotate(silent=Now() - F("heartbeat_at"), held=Now() - F("acquired_at"), held_by_run=Exists(runs))

    def has_release_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "release_leases")

    @admin.action(description="Release leases of dead holders", permissions=["release"])
    def release(self, request: HttpRequest, queryset: QuerySet[SyncLease]) -> None:
        chosen = list(queryset.order_by().values_list("pk", flat=True))
        freed = leases.release_dead(chosen)
        schedule.make_due(freed)
        if freed:
            self.log_steps(request, SyncLease.objects.filter(pk__in=freed), "Released: its holder is gone.")
            said = f"Released {len(freed)} of {len(chosen)} leases; their products are due at once."
            self.message_user(request, said, messages.SUCCESS)
        for lease in leases.busy(chosen):
            self.message_user(
                request,
                f"Product {lease.product_id} was not released: process {lease.pid} on {lease.host} is writing it and "
                "lives. Cancel its run instead.",
                messages.WARNING,
            )
        if not freed and not leases.busy(chosen):
            self.message_user(request, "Nothing to release: nobody holds what you chose.", messages.INFO)

    @admin.display(description="Held for")
    def age(self, lease: SyncLease) -> str:
        held: timedelta | None = getattr(lease, "held", None)
        return display.EMPTY if held is None else display.duration(held)

    @admin.display(description="Seconds left")
    def left(self, lease: SyncLease) -> str:
        """Until a holder that stays silent counts as dead; one whose process is gone does already."""
        silent: timedelta | None = getattr(lease, "silent", None)
        if lease.holder is None or silent is None:
            return display.EMPTY
        left = leases.lock_timeout() - silent
        return "0" if lease.process_is_gone else str(max(0, round(left.total_seconds())))

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
