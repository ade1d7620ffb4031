"""Mapped tests and their attempts, over all events."""

from django.contrib import admin

from problematic.admin import looks
from problematic.admin.filters import MappingStateFilter, OutcomeFilter
from problematic.models import ProblematicMapping, RetryAttempt
from sync.admin import display
from sync.admin.base import ReadOnlyAdmin, ReadOnlyTable
from sync.admin.filters import RelatedFilter


@admin.display(description="Outcome")
def outcome(attempt: RetryAttempt) -> str:
    return looks.outcome(attempt)


class RetryAttemptTable(ReadOnlyTable):
    model = RetryAttempt
    fields = ("number", "outcome_shown", "started_at", "finished_at", "worker", "detail")
    ordering = ("-pk",)
    per_page = 50
    verbose_name_plural = "attempts"

    @admin.display(description="Outcome")
    def outcome_shown(self, attempt: RetryAttempt) -> str:
        return looks.outcome(attempt)


@admin.register(ProblematicMapping)
class ProblematicMappingAdmin(ReadOnlyAdmin):
    customer_path = "event__product__customer"
    list_display = ("test_id", "event", "product", "state_shown", "attempts", "next_attempt", "error", "mapped_by")
    list_select_related = ("event__product", "mapped_by")
    list_only = (
        "test_id", "event__event_id", "event__product__name", "state", "attempts", "next_attempt_at", "last_error",
        "mapped_by__username",
    )  # fmt: skip
    list_filter = (("event", RelatedFilter), MappingStateFilter)
    sortable_by = ("test_id", "attempts")
    search_numbers = ("test_id",)
    search_help_text = "Test id"
    inlines = (RetryAttemptTable,)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "test", "event", "product", "state_shown", "attempts", "next_attempt", "last_error", "mapped_by",
                    "mapped_at",
                )
            },
        ),
        ("Process", {"classes": ("collapse",), "fields": ("claimed_by", "claimed_at", "host", "pid")}),
    )  # fmt: skip

    @admin.display(description="Test")
    def test(self, mapping: ProblematicMapping) -> str:
        return looks.test_link(mapping.test_id, looks.titles_of(mapping.event.product, [mapping.test_id]))

    @admin.display(description="Product")
    def product(self, mapping: ProblematicMapping) -> str:
        return str(mapping.event.product)

    @admin.display(description="State")
    def state_shown(self, mapping: ProblematicMapping) -> str:
        return looks.mapping_state(mapping)

    @admin.display(description="Next attempt")
    def next_attempt(self, mapping: ProblematicMapping) -> str:
        return looks.next_attempt(mapping)

    @admin.display(description="Last error")
    def error(self, mapping: ProblematicMapping) -> str:
        return display.title(mapping.last_error, display.EMPTY)


@admin.register(RetryAttempt)
class RetryAttemptAdmin(ReadOnlyAdmin):
    customer_path = "event__product__customer"
    list_display = ("id", "test_id", "event", outcome, "number", "finished", "detail_shown")
    list_select_related = ("event",)
    list_only = ("test_id", "event__event_id", "outcome", "number", "finished_at", "detail")
    list_filter = (OutcomeFilter,)
    sortable_by = ("id",)
    search_numbers = ("test_id",)
    search_help_text = "Test id"
    fieldsets = (
        (None, {"fields": ("test_id", "event", "mapping", "number", "outcome_shown", "detail")}),
        ("Process", {"fields": ("started_at", "finished_at", "worker")}),
    )

    @admin.display(description="Outcome")
    def outcome_shown(self, attempt: RetryAttempt) -> str:
        return looks.outcome(attempt)

    @admin.display(description="Finished")
    def finished(self, attempt: RetryAttempt) -> str:
        return looks.ago(attempt.finished_at)

    @admin.display(description="Detail")
    def detail_shown(self, attempt: RetryAttempt) -> str:
        return display.title(attempt.detail, display.EMPTY)
