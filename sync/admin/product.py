"""Products and their sections."""

from django.contrib import admin
from django.utils import timezone

from sync.admin import display
from sync.admin.base import ReadOnlyAdmin, ReadOnlyTable, SyncedAdmin, missing
from sync.admin.filters import MissingFilter, RelatedFilter
from sync.models import Bug, Feature, Product, Section, SyncPhase, Test


class SectionTable(ReadOnlyTable):
    model = Section
    fields = ("page", "name", "missing_since")
    ordering = ("name", "pk")


@admin.register(Product)
class ProductAdmin(SyncedAdmin):
    list_display = (
        "id", "name", "customer", "product_type", "tests_read", "bugs_read", "features_read", "next", missing,
    )  # fmt: skip
    list_display_links = ("id", "name")
    list_select_related = ("customer",)
    list_only = (
        "name", "product_type", "customer__name", "tests_synced_at", "bugs_synced_at", "features_synced_at",
        "next_sync_at", "missing_since",
    )  # fmt: skip
    list_filter = (("customer", RelatedFilter), MissingFilter)
    ordering = ("name", "pk")
    search_numbers = ("pk",)
    search_texts = ("name",)
    search_help_text = "Id or name"
    inlines = (SectionTable,)
    readonly_preprocess_fields = display.multiline("description")
    fieldsets = (
        (None, {"fields": ("id", "name", "customer", "product_type", "is_sectioned", "description", "lists")}),
        (
            "Freshness",
            {
                "fields": (
                    "features_synced_at", "sections_synced_at", "tests_synced_at", "bugs_synced_at", "next_sync_at",
                    "walked_at", "walked_since",
                )
            },
        ),
    )  # fmt: skip

    @admin.display(description="Tests read", ordering="tests_synced_at")
    def tests_read(self, product: Product) -> str:
        return display.ago(product.tests_synced_at, timezone.now())

    @admin.display(description="Bugs read", ordering="bugs_synced_at")
    def bugs_read(self, product: Product) -> str:
        return display.ago(product.bugs_synced_at, timezone.now())

    @admin.display(description="Features read", ordering="features_synced_at")
    def features_read(self, product: Product) -> str:
        return display.ago(product.features_synced_at, timezone.now())

    @admin.display(description="Next sync", ordering="next_sync_at")
    def next(self, product: Product) -> str:
        return display.ago(product.next_sync_at, timezone.now())

    @admin.display(description="Show its")
    def lists(self, product: Product) -> str:
        of_product = {"product__id__exact": product.pk}
        return display.links(
            (display.list_url(Test, **of_product), "tests"),
            (display.list_url(Bug, **of_product), "bugs"),
            (display.list_url(Feature, **of_product), "features"),
            (display.list_url(SyncPhase, **of_product), "sync phases"),
        )


@admin.register(Section)
class SectionAdmin(ReadOnlyAdmin):
    list_display = ("id", "name", "product", missing)
    list_display_links = ("id", "name")
    list_select_related = ("product",)
    list_only = ("name", "product__name", "missing_since")
    list_filter = (("product", RelatedFilter), MissingFilter)
    search_numbers = ("pk",)
    search_texts = ("name",)
    search_help_text = "Id or name"
    fieldsets = ((None, {"fields": ("id", "name", "product", "tests", "missing_since")}),)

    @admin.display(description="Show its")
    def tests(self, section: Section) -> str:
        return display.links((display.list_url(Test, section__id__exact=section.pk), "tests"))
