"""Products and their sections."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html

from sync import freshness, schedule
from sync.admin import display
from sync.admin.base import ReadOnlyAdmin, ReadOnlyTable, SyncedAdmin, missing
from sync.admin.filters import REFRESH_STANDINGS, MissingFilter, RefreshFilter, RelatedFilter
from sync.admin.running import STATUS_COLOURS
from sync.admin.steps import Steps
from sync.models import Bug, Feature, Product, Section, SyncPhase, Test
from sync.models.status import Status


class SectionTable(ReadOnlyTable):
    model = Section
    fields = ("page", "name", "missing_since")
    ordering = ("name", "pk")


@admin.register(Product)
class ProductAdmin(Steps, SyncedAdmin):
    customer_path = "customer"
    list_display = ("id", "name", "customer", "age", "next", "last_refresh", "failures", missing)
    actions = ("refresh_now",)
    list_before_template = "admin/sync/product/standings.html"
    list_display_links = ("id", "name")
    list_select_related = ("customer",)
    list_only = (
        "name", "customer__name", "customer__paused_at", "tests_synced_at", "bugs_synced_at", "features_synced_at",
        "next_sync_at", "claimed_at", "settled_at", "failures", "last_outcome", "missing_since",
    )  # fmt: skip
    list_filter = (("customer", RelatedFilter), MissingFilter, RefreshFilter)
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
                    "age", "features_synced_at", "sections_synced_at", "tests_synced_at", "bugs_synced_at", "walked_at",
                    "walked_since",
                )
            },
        ),
        (
            "Background refresh",
            {
                "fields": (
                    "next_sync_at", "next_full_sync_at", "claimed_at", "settled_at", "last_refresh", "failures",
                    "last_error",
                )
            },
        ),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Product] = super().get_queryset(request)
        return rows.annotate(is_refreshed=Exists(Product.objects.refreshed().filter(pk=OuterRef("pk"))))

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """What is asked for by how its refresh stands is shown as it comes due."""
        return ("next_sync_at", "pk") if RefreshFilter.parameter_name in request.GET else self.ordering

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        shown = request.GET.get(RefreshFilter.parameter_name, "")
        words = {"": "All", **REFRESH_STANDINGS}
        standings = [
            {
                "word": words[key],
                "url": f"?{RefreshFilter.parameter_name}={key}" if key else "?",
                "is_shown": key == shown,
            }
            for key in words
        ]
        return super().changelist_view(request, {**(extra_context or {}), "standings": standings})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """A product whose data is old is shown as it is, and refreshed in the background."""
        product = self.get_object(request, object_id)
        if product and self.has_view_permission(request, product) and freshness.of(product).stale:
            freshness.request_refresh(product.pk)
        return super().change_view(request, object_id, form_url, extra_context)

    def has_refresh_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "refresh_products")

    @admin.action(description="Refresh now", permissions=["refresh"])
    def refresh_now(self, request: HttpRequest, queryset: QuerySet[Product]) -> None:
        chosen = list(queryset)
        due = schedule.make_due([product.pk for product in chosen])
        if due:
            refreshed = [product for product in chosen if getattr(product, "is_refreshed", False)]
            self.log_steps(request, refreshed, "Asked for it to be refreshed.")
            said = f"{due} of {len(chosen)} chosen products are due at once; the background workers take them next."
            self.message_user(request, said, messages.SUCCESS)
        if due < len(chosen):
            said = (
                f"{len(chosen) - due} are not refreshed in the background: TestIO has them no more, or their customer "
                "is paused, switched off, without a token, or leaves them out."
            )
            self.message_user(request, said, messages.WARNING)

    @admin.display(description="Last refresh", ordering="settled_at")
    def last_refresh(self, product: Product) -> str:
        if not product.last_outcome:
            return display.EMPTY
        status = Status(product.last_outcome)
        when = display.ago(product.settled_at, timezone.now())
        return format_html("{} {}", display.label(status.label, STATUS_COLOURS.get(status, "")), when)

    @admin.display(description="Data as of")
    def age(self, product: Product) -> str:
        state = freshness.of(product)
        when = display.ago(state.data_as_of, timezone.now()) if state.data_as_of else "never read"
        return format_html("{} {}", when, display.label("stale", "warning")) if state.stale else when

    @admin.display(description="Next sync", ordering="next_sync_at")
    def next(self, product: Product) -> str:
        if product.customer.paused_at:
            return display.label("paused", "warning")
        if not getattr(product, "is_refreshed", False):  # missing, not followed, switched off, without a token
            return display.EMPTY
        if product.claimed_at:
            return display.label("handed to a worker", "info")
        now = timezone.now()
        return display.ago(product.next_sync_at, now) if product.next_sync_at > now else display.label("due", "info")

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
    customer_path = "product__customer"
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
