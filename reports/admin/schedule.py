"""What is mailed regularly, how it went, and ending it."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from reports.admin.owned import OwnedAdmin, coloured
from reports.models import ReportSchedule, SavedReport
from sync.access import Access
from sync.admin import display


@admin.register(ReportSchedule)
class ReportScheduleAdmin(OwnedAdmin):
    list_display = ("report", "owner", "when", "format", "to", "next", "outcome")
    list_select_related = ("saved__owner",)
    list_only = (
        "saved__title", "saved__owner__username", "every", "weekday", "day", "hour", "format", "recipients",
        "next_run_at", "last_outcome",
    )  # fmt: skip
    search_texts = ("saved__title", "saved__owner__username")
    search_help_text = "Title or owner of the report"
    ordering: ClassVar[tuple[str, ...]] = ("next_run_at", "pk")
    sortable_by = ()
    actions = ("end_selected",)
    fieldsets = (
        (None, {"fields": ("report", "owner", "when", "format", "to_all")}),
        ("How it goes", {"fields": ("next_run_at", "outcome", "last_run_at", "last_error")}),
    )
    readonly_fields = ("report", "owner", "when", "to_all", "outcome", "last_run_at", "last_error")

    def of_visible_customers(self, rows: Any, who: Access) -> QuerySet[Any]:
        found: QuerySet[Any] = rows.filter(saved__in=SavedReport.objects.about_visible(who).order_by())
        return found

    def of_owner(self, rows: Any, who: Access) -> QuerySet[Any]:
        found: QuerySet[Any] = rows.filter(saved__owner=who.user.pk)
        return found

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Deleting is ending."""
        found: dict[str, Any] = super().get_actions(request)
        return {name: action for name, action in found.items() if name != "delete_selected"}

    @admin.action(description="End selected schedules")
    def end_selected(self, request: HttpRequest, queryset: "QuerySet[ReportSchedule]") -> None:
        """One's own, or all of those shown for who manages them."""
        ended = list(queryset)
        self.log_deletions(request, queryset)
        self.get_queryset(request).filter(pk__in=[row.pk for row in ended]).delete()
        said = "1 report is" if len(ended) == 1 else f"{len(ended)} reports are"
        self.message_user(request, f"{said} mailed no more.", messages.SUCCESS)

    @admin.display(description="Report")
    def report(self, row: ReportSchedule) -> str:
        return display.link(display.detail_url(SavedReport, row.saved_id), row.saved.title)

    @admin.display(description="Owner")
    def owner(self, row: ReportSchedule) -> str:
        return row.saved.owner.get_username()

    @admin.display(description="When")
    def when(self, row: ReportSchedule) -> str:
        return row.when

    @admin.display(description="To")
    def to(self, row: ReportSchedule) -> str:
        return row.recipients[0] + (f" and {len(row.recipients) - 1} more" if len(row.recipients) > 1 else "")

    @admin.display(description="To")
    def to_all(self, row: ReportSchedule) -> str:
        return display.lines(row.recipients)

    @admin.display(description="Next")
    def next(self, row: ReportSchedule) -> str:
        return display.ago(row.next_run_at, timezone.now())

    @admin.display(description="Last time")
    def outcome(self, row: ReportSchedule) -> str:
        return coloured(row.last_outcome)
