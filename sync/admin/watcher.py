"""Which process refreshes everything where no task queue does."""

from django.contrib import admin
from django.utils import timezone

from sync.admin import display
from sync.admin.base import ReadOnlyAdmin
from sync.models import Watcher


@admin.register(Watcher)
class WatcherAdmin(ReadOnlyAdmin):
    customer_path = None
    list_display = ("name", "state", "host", "pid", "started_at", "sign_of_life", "last_cycle_at", "cycles")
    list_only = ("name", "host", "pid", "process_started", "started_at", "heartbeat_at", "last_cycle_at", "cycles")
    sortable_by = ()
    ordering = ("name",)
    fieldsets = (
        (None, {"fields": ("name", "state", "started_at", "sign_of_life", "last_cycle_at", "cycles")}),
        ("Process", {"fields": ("host", "pid")}),
    )

    @admin.display(description="State")
    def state(self, watcher: Watcher) -> str:
        return display.label("gone", "danger") if watcher.process_is_gone else display.label("watching", "success")

    @admin.display(description="Sign of life")
    def sign_of_life(self, watcher: Watcher) -> str:
        return display.ago(watcher.heartbeat_at, timezone.now())
