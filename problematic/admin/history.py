"""What happened to events, over all of them."""

from django.contrib import admin

from problematic.admin import looks
from problematic.models import TriageEntry
from sync.admin import display
from sync.admin.base import ReadOnlyAdmin
from sync.admin.filters import RelatedFilter


@admin.register(TriageEntry)
class TriageEntryAdmin(ReadOnlyAdmin):
    customer_path = "event__product__customer"
    list_display = ("id", "event", "action", "when", "done_by", "ids", "detail_shown")
    list_select_related = ("event", "by")
    list_only = ("event__event_id", "action", "at", "by__username", "test_ids", "detail")
    list_filter = (("event", RelatedFilter),)
    sortable_by = ("id",)
    search_numbers = ("pk",)
    search_help_text = "Number of the entry"
    fieldsets = ((None, {"fields": ("event", "action", "at", "done_by", "test_ids", "detail")}),)

    @admin.display(description="When")
    def when(self, entry: TriageEntry) -> str:
        return looks.ago(entry.at)

    @admin.display(description="By")
    def done_by(self, entry: TriageEntry) -> str:
        return looks.done_by(entry)

    @admin.display(description="Test ids")
    def ids(self, entry: TriageEntry) -> str:
        return looks.some_ids(entry.test_ids) or display.EMPTY

    @admin.display(description="Detail")
    def detail_shown(self, entry: TriageEntry) -> str:
        return display.title(entry.detail, display.EMPTY)
