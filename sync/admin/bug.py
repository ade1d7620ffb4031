"""Bugs, their devices and custom reports."""

from typing import Any

from django.contrib import admin

from sync import wording
from sync.admin import display
from sync.admin.base import ReadOnlyAdmin, ReadOnlyStack, ReadOnlyTable, SyncedAdmin, missing
from sync.admin.filters import BugStatusFilter, MissingFilter, RelatedFilter, SeverityFilter
from sync.admin.searching import WINDOW
from sync.models import Bug, BugDevice, CustomReport, Test

STATUS_COLOURS = {"forwarded": "warning", "accepted": "success", "auto_accepted": "info", "rejected": "danger"}
SEVERITY_COLOURS = {"critical": "danger", "high": "warning"}


@admin.display(description="Fields")
def report_fields(report: CustomReport) -> str:
    """The form's fields, one below the other. They are kept as TestIO sent them, so may hold oddities."""
    fields = [field for field in report.data if isinstance(field, dict)] if isinstance(report.data, list) else []
    return display.lines(f"{field.get('key', '')}: {field.get('value', '')}" for field in fields)


class BugDeviceTable(ReadOnlyTable):
    model = BugDevice
    fields = ("device", "operating_system", "browsers", "category")
    ordering = ("position",)


class CustomReportStack(ReadOnlyStack):
    model = CustomReport
    fields = ("configuration_id", "fields_shown", "plain_text_interactions")
    readonly_preprocess_fields = display.multiline("plain_text_interactions")

    @admin.display(description="Fields")
    def fields_shown(self, report: CustomReport) -> str:
        return report_fields(report)


@admin.register(Bug)
class BugAdmin(SyncedAdmin):
    customer_path = "product__customer"
    list_display = (
        "id", "short_title", "product", "test_link", "severity_shown", "status_shown", "reported_at", missing,
    )  # fmt: skip
    list_display_links = ("id", "short_title")
    list_select_related = ("product",)
    list_only = (
        "title", "product__name", "test_id", "mentioned_test_id", "severity", "status", "reported_at", "missing_since",
    )  # fmt: skip
    list_filter = (
        ("product", RelatedFilter), BugStatusFilter, SeverityFilter, ("test", RelatedFilter),
        ("feature", RelatedFilter), ("author", RelatedFilter), MissingFilter,
    )  # fmt: skip
    sortable_by = ("id",)
    search_numbers = ("pk", "test_id")
    search_texts = ("title",)
    search_help_text = f"Id, test id, or words (newest {WINDOW:,} titles)"
    inlines = (BugDeviceTable, CustomReportStack)
    readonly_preprocess_fields = display.multiline("location", "expected_result", "actual_result")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "id", "title", "product", "test", "mentioned_test_id", "test_feature", "feature",
                    "severity_shown", "status_shown", "rejection_reason", "known", "author", "language",
                    "reported_at", "exported_at",
                )
            },
        ),
        ("Report", {"fields": ("location", "steps_shown", "expected_result", "actual_result")}),
    )  # fmt: skip

    @admin.display(description="Title")
    def short_title(self, bug: Bug) -> str:
        return display.title(bug.title, "Untitled bug")

    @admin.display(description="Test")
    def test_link(self, bug: Bug) -> Any:
        if bug.test_id is None:
            return bug.mentioned_test_id
        return display.link(display.detail_url(Test, bug.test_id), bug.test_id)

    @admin.display(description="Severity")
    def severity_shown(self, bug: Bug) -> str:
        return display.label(bug.severity, SEVERITY_COLOURS.get(bug.severity, ""))

    @admin.display(description="Status")
    def status_shown(self, bug: Bug) -> str:
        shown = wording.shown_bug_status(bug.status)
        return display.label(shown.replace("_", " "), STATUS_COLOURS.get(bug.status, ""))

    @admin.display(description="Steps")
    def steps_shown(self, bug: Bug) -> str:
        if len(bug.steps) == 1:
            return display.lines(bug.steps)
        return display.lines(f"{number}. {step}" for number, step in enumerate(bug.steps, 1))


class OfBug(ReadOnlyAdmin):
    """For what belongs to one bug: found by the bug."""

    customer_path = "bug__product__customer"
    list_select_related = ("bug",)
    list_filter = (("bug", RelatedFilter),)
    search_numbers = ("bug_id",)
    search_help_text = "Bug id"


@admin.register(BugDevice)
class BugDeviceAdmin(OfBug):
    list_display = ("id", "bug", "device", "operating_system", "category")
    list_only = ("bug__title", "device", "operating_system", "category")
    sortable_by = ("id",)
    fieldsets = ((None, {"fields": ("bug", "position", "device", "operating_system", "browsers", "category")}),)


@admin.register(CustomReport)
class CustomReportAdmin(OfBug):
    list_display = ("bug", "configuration_id")
    list_only = ("bug__title", "configuration_id")
    sortable_by = ()
    readonly_preprocess_fields = display.multiline("plain_text_interactions")
    fieldsets = ((None, {"fields": ("bug", "configuration_id", "fields_shown", "plain_text_interactions")}),)

    @admin.display(description="Fields")
    def fields_shown(self, report: CustomReport) -> str:
        return report_fields(report)
