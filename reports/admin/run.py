"""Reports that were written to files. The files themselves are their owners' alone."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat

from reports import runs
from reports.admin.owned import OwnedAdmin, coloured
from reports.models import ReportRun
from sync.access import Access
from sync.admin import display
from sync.admin.filters import ChoiceFilter


class StatusFilter(ChoiceFilter):
    title = "status"
    parameter_name = "status"
    vocabulary = ReportRun.Status


@admin.register(ReportRun)
class ReportRunAdmin(OwnedAdmin):
    list_display = (
        "title",
        "owner",
        "format",
        "status_shown",
        "rows_written",
        "size_shown",
        "created_at",
    )
    list_select_related = ("owner",)
    list_only = (
        "title", "owner__username", "format", "status", "rows_written", "size", "created_at", "expires_at",
    )  # fmt: skip
    list_filter = (StatusFilter,)
    search_texts = ("title", "owner__username")
    search_help_text = "Title or owner"
    ordering: ClassVar[tuple[str, ...]] = ("-created_at", "pk")
    sortable_by = ()
    fieldsets = (
        (None, {"fields": ("title", "owner", "report", "format", "parameters_shown")}),
        ("How it went", {"fields": ("status_shown", "error", "rows_written", "size_shown")}),
        ("Its life", {"fields": ("created_at", "finished_at", "expires_at", "run_id")}),
    )
    readonly_fields = ("status_shown", "size_shown", "parameters_shown", "run_id")

    def of_visible_customers(self, rows: Any, who: Access) -> QuerySet[Any]:
        found: QuerySet[Any] = rows.of_visible_customers(who)
        return found

    def of_owner(self, rows: Any, who: Access) -> QuerySet[Any]:
        found: QuerySet[Any] = rows.filter(owner=who.user.pk)
        return found

    def delete_model(self, request: HttpRequest, obj: ReportRun) -> None:
        runs.delete(obj)

    @admin.display(description="Status")
    def status_shown(self, run: ReportRun) -> str:
        return coloured("expired" if run.is_expired else run.status)

    @admin.display(description="Size")
    def size_shown(self, run: ReportRun) -> str:
        return display.EMPTY if run.size is None else filesizeformat(run.size)

    @admin.display(description="Parameters")
    def parameters_shown(self, run: ReportRun) -> str:
        return display.pretty_json(run.parameters)
