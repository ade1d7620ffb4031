"""Tests, what they cover and when their bugs were last read."""

from typing import ClassVar

from django.contrib import admin

from sync import wording
from sync.admin import display
from sync.admin.base import ReadOnlyAdmin, ReadOnlyTable, SyncedAdmin, missing
from sync.admin.filters import MissingFilter, RelatedFilter, TestingTypeFilter, TestStatusFilter
from sync.models import Bug, Test, TestCase, TestCaseResult, TestFeature, TestFreshness, TestPlatform

STATUS_COLOURS = {"running": "info", "locked": "warning", "archived": "success", "cancelled": ""}

FRESHNESS = ("bugs_synced_at", "bugs_settled", "results_synced_at", "results_settled", "unreadable_since")


@admin.display(description="Status")
def test_status(test: Test) -> str:
    return display.label(test.status.replace("_", " "), STATUS_COLOURS.get(test.status, "primary"))


def kinds_wanted(copy: TestFeature) -> str:
    kinds = {"functional": copy.enable_default, "content": copy.enable_content, "visual": copy.enable_visual}
    return ", ".join(kind for kind, wanted in kinds.items() if wanted) or display.EMPTY


class TestFeatureTable(ReadOnlyTable):
    model = TestFeature
    fields = ("page", "title", "feature", "wanted", "missing_since")
    list_select_related = ("feature",)
    list_only = (
        "test", "title", "feature__title", "enable_default", "enable_content", "enable_visual", "missing_since",
    )  # fmt: skip
    ordering = ("pk",)
    per_page = 50

    @admin.display(description="Bugs wanted")
    def wanted(self, copy: TestFeature) -> str:
        return kinds_wanted(copy)


class TestPlatformTable(ReadOnlyTable):
    model = TestPlatform
    fields = ("operating_system", "min_version", "max_version", "category", "browsers", "devices")
    ordering = ("position",)


class TestFreshnessTable(ReadOnlyTable):
    model = TestFreshness
    fields = FRESHNESS
    verbose_name = verbose_name_plural = "When its bugs and results were read"


@admin.register(Test)
class TestAdmin(SyncedAdmin):
    customer_path = "product__customer"
    list_display = ("id", "short_title", "product", test_status, "type_shown", "end_at", missing)
    list_display_links = ("id", "short_title")
    list_select_related = ("product",)
    list_only = ("title", "product__name", "status", "testing_type", "end_at", "missing_since")
    list_filter = (
        ("product", RelatedFilter), TestStatusFilter, TestingTypeFilter, ("section", RelatedFilter),
        ("created_by", RelatedFilter), ("submitted_by", RelatedFilter), MissingFilter,
    )  # fmt: skip
    sortable_by = ("id", "end_at")
    search_numbers = ("pk",)
    search_texts = ("title",)
    search_help_text = "Id, or words of the title"
    inlines = (TestFeatureTable, TestPlatformTable, TestFreshnessTable)
    readonly_preprocess_fields = display.multiline("goal", "instructions", "out_of_scope")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "id", "title", "product", "section", "status_shown", "review_status", "type_shown", "start_at",
                    "end_at", "lists",
                )
            },
        ),
        (
            "Set-up",
            {
                "fields": (
                    "goal", "instructions", "out_of_scope", "environment_shown", "severities", "is_demo",
                    "created_by", "submitted_by",
                )
            },
        ),
    )  # fmt: skip

    @admin.display(description="Title")
    def short_title(self, test: Test) -> str:
        return display.title(test.title, "Untitled test")

    @admin.display(description="Status")
    def status_shown(self, test: Test) -> str:
        return test_status(test)

    @admin.display(description="Testing type")
    def type_shown(self, test: Test) -> str:
        return wording.shown_testing_type(test.testing_type)

    @admin.display(description="Environment")
    def environment_shown(self, test: Test) -> str:
        known = (test.environment_title, test.environment_id and f"({test.environment_id})")
        return " ".join(str(part) for part in known if part) or display.EMPTY

    @admin.display(description="Severities wanted")
    def severities(self, test: Test) -> str:
        wanted = {"low": test.enable_low, "high": test.enable_high, "critical": test.enable_critical}
        return ", ".join(word for word, enabled in wanted.items() if enabled) or display.EMPTY

    @admin.display(description="Show its")
    def lists(self, test: Test) -> str:
        of_test = {"test__id__exact": test.pk}
        return display.links(
            (display.list_url(Bug, **of_test), "bugs"),
            (display.list_url(TestCase, **of_test), "test cases"),
            (display.list_url(TestCaseResult, **of_test), "test-case results"),
        )


class OfTest(ReadOnlyAdmin):
    """For what belongs to one test: found by the test."""

    customer_path = "test__product__customer"
    list_select_related: ClassVar[tuple[str, ...]] = ("test",)
    list_filter = (("test", RelatedFilter),)
    search_numbers: ClassVar[tuple[str, ...]] = ("test_id",)
    search_help_text = "Test id"


@admin.register(TestFeature)
class TestFeatureAdmin(OfTest):
    list_display = ("id", "short_title", "test", "feature", missing)
    list_display_links = ("id", "short_title")
    list_select_related = ("test", "feature")
    list_only = ("title", "test__title", "feature__title", "missing_since")
    search_numbers = ("pk", "test_id", "feature_id")
    search_help_text = "Id, test id or feature id"
    readonly_preprocess_fields = display.multiline("description", "howtofind")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "id", "title", "test", "feature", "description", "howtofind", "stories", "wanted",
                    "missing_since",
                )
            },
        ),
    )  # fmt: skip

    @admin.display(description="Title")
    def short_title(self, copy: TestFeature) -> str:
        return display.title(copy.title, "Untitled feature")

    @admin.display(description="Bugs wanted")
    def wanted(self, copy: TestFeature) -> str:
        return kinds_wanted(copy)

    @admin.display(description="User stories")
    def stories(self, copy: TestFeature) -> str:
        return display.lines(copy.user_stories)


@admin.register(TestPlatform)
class TestPlatformAdmin(OfTest):
    list_display = ("id", "test", "operating_system", "min_version", "max_version", "category")
    list_only = ("test__title", "operating_system", "min_version", "max_version", "category")
    sortable_by = ("id",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "test", "position", "category", "category_key", "operating_system", "operating_system_id",
                    "min_version", "max_version", "browsers", "devices",
                )
            },
        ),
    )  # fmt: skip


@admin.register(TestFreshness)
class TestFreshnessAdmin(OfTest):
    list_display = ("test", *FRESHNESS)
    list_only = ("test__title", *FRESHNESS)
    sortable_by = ()
    fieldsets = ((None, {"fields": list_display}),)
