"""Sync runs and their phases."""

from django.contrib import admin

from sync.admin import display, pasted
from sync.admin.base import ReadOnlyAdmin, ReadOnlyTable
from sync.admin.filters import PhaseNameFilter, RelatedFilter, RunStatusFilter, TriggerFilter
from sync.admin.running import TEMPLATES, RunSteps, run_duration, run_status
from sync.models import SyncEvent, SyncPhase
from sync.models.run import RUN_PREFIX


@admin.display(description="Warnings")
def warnings(phase: SyncPhase) -> str:
    return display.folded(str(len(phase.warnings)), phase.warnings)


class SyncPhaseTable(ReadOnlyTable):
    model = SyncPhase
    fields = (
        "page", "product", "name", "status_shown", "seen", "created", "updated", "missing", "gaps", "api_calls",
        "warnings_shown", "error",
    )  # fmt: skip
    list_select_related = ("product",)
    list_only = (
        "event", "product__name", "name", "status", "seen", "created", "updated", "missing", "gaps", "api_calls",
        "warnings", "error",
    )  # fmt: skip
    ordering = ("pk",)
    per_page = 100
    verbose_name_plural = "phases"

    @admin.display(description="Status")
    def status_shown(self, phase: SyncPhase) -> str:
        return run_status(phase)

    @admin.display(description="Warnings")
    def warnings_shown(self, phase: SyncPhase) -> str:
        return warnings(phase)


@admin.register(SyncEvent)
class SyncEventAdmin(RunSteps, ReadOnlyAdmin):
    customer_path = "customer"
    list_display = ("run", "customer", run_status, "started_at", run_duration, "tests", "bugs", "gaps", "trigger")
    list_select_related = ("customer",)
    list_only = (
        "customer__name", "trigger", "mode", "status", "started_at", "finished_at", "tests_new", "tests_updated",
        "bugs_new", "bugs_updated", "gaps", "missing", "api_calls",
    )  # fmt: skip
    list_filter = (RunStatusFilter, ("customer", RelatedFilter), TriggerFilter)
    sortable_by = ("started_at",)
    ordering = ("-started_at",)
    search_numbers = ("pk",)
    search_help_text = "Run id, or its beginning"
    inlines = (SyncPhaseTable,)
    change_form_outer_before_template = f"{TEMPLATES}/progress.html"
    readonly_preprocess_fields = display.multiline("error")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "run", "customer", "status_shown", "error", "trigger", "mode", "started_at", "finished_at",
                    "duration",
                )
            },
        ),
        ("Counts", {"fields": ("products", "features", "tests", "bugs", "gaps", "missing", "api_calls")}),
        ("Process", {"classes": ("collapse",), "fields": ("event_id", "host", "pid", "heartbeat_at")}),
    )  # fmt: skip

    @property
    def id_search(self) -> pasted.Keys:
        return pasted.Keys(RUN_PREFIX)

    @admin.display(description="Run")
    def run(self, event: SyncEvent) -> str:
        return event.public_id

    @admin.display(description="Status")
    def status_shown(self, event: SyncEvent) -> str:
        return run_status(event)

    @admin.display(description="Duration")
    def duration(self, event: SyncEvent) -> str:
        return run_duration(event)

    @admin.display(description="Tests new/upd.")
    def tests(self, event: SyncEvent) -> str:
        return f"{event.tests_new:,} / {event.tests_updated:,}"

    @admin.display(description="Bugs new/upd.")
    def bugs(self, event: SyncEvent) -> str:
        return f"{event.bugs_new:,} / {event.bugs_updated:,}"


@admin.register(SyncPhase)
class SyncPhaseAdmin(ReadOnlyAdmin):
    customer_path = "event__customer"
    list_display = (
        "id", "event", "product", "name", run_status, "started_at", run_duration, "seen", "created", "updated",
        "missing", "gaps", "api_calls",
    )  # fmt: skip
    list_select_related = ("event", "product")
    list_only = (
        "event__event_id", "product__name", "name", "status", "started_at", "finished_at", "seen", "created",
        "updated", "missing", "gaps", "api_calls",
    )  # fmt: skip
    list_filter = (("product", RelatedFilter), PhaseNameFilter, RunStatusFilter)
    sortable_by = ("id",)
    readonly_preprocess_fields = display.multiline("error")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "event", "product", "name", "status_shown", "error", "started_at", "finished_at", "duration",
                    "seen", "created", "updated", "missing", "gaps", "api_calls", "warnings_shown",
                )
            },
        ),
    )  # fmt: skip

    @admin.display(description="Status")
    def status_shown(self, phase: SyncPhase) -> str:
        return run_status(phase)

    @admin.display(description="Duration")
    def duration(self, phase: SyncPhase) -> str:
        return run_duration(phase)

    @admin.display(description="Warnings")
    def warnings_shown(self, phase: SyncPhase) -> str:
        return display.lines(phase.warnings)
