"""The catalogue: features and their user stories."""

from django.contrib import admin

from sync.admin import display
from sync.admin.base import ReadOnlyAdmin, ReadOnlyTable, SyncedAdmin, missing
from sync.admin.filters import MissingFilter, RelatedFilter
from sync.models import Bug, Feature, UserStory


class UserStoryTable(ReadOnlyTable):
    model = UserStory
    fields = ("title", "path", "testio_id", "missing_since")
    ordering = ("pk",)
    per_page = 50


@admin.register(Feature)
class FeatureAdmin(SyncedAdmin):
    customer_path = "product__customer"
    list_display = ("id", "short_title", "product", missing)
    list_display_links = ("id", "short_title")
    list_select_related = ("product",)
    list_only = ("title", "product__name", "missing_since")
    list_filter = (("product", RelatedFilter), MissingFilter)
    search_numbers = ("pk",)
    search_texts = ("title",)
    search_help_text = "Id or title"
    inlines = (UserStoryTable,)
    readonly_preprocess_fields = display.multiline("description", "howtofind")
    fieldsets = ((None, {"fields": ("id", "title", "product", "sections", "description", "howtofind", "bugs")}),)

    @admin.display(description="Title")
    def short_title(self, feature: Feature) -> str:
        return display.title(feature.title, "Untitled feature")

    @admin.display(description="Show its")
    def bugs(self, feature: Feature) -> str:
        return display.links((display.list_url(Bug, feature__id__exact=feature.pk), "bugs"))


@admin.register(UserStory)
class UserStoryAdmin(ReadOnlyAdmin):
    customer_path = "feature__product__customer"
    list_display = ("id", "short_title", "feature", missing)
    list_display_links = ("id", "short_title")
    list_select_related = ("feature",)
    list_only = ("title", "feature__title", "missing_since")
    list_filter = (("feature", RelatedFilter), MissingFilter)
    search_numbers = ("pk", "feature_id")
    search_texts = ("title",)
    search_help_text = "Id, feature id or title"
    fieldsets = ((None, {"fields": ("title", "feature", "testio_id", "path", "missing_since")}),)

    @admin.display(description="Title")
    def short_title(self, story: UserStory) -> str:
        return display.title(story.title, "Untitled user story")
