"""Saved reports, each with the page that shows it."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.urls import reverse

from reports.admin.owned import OwnedAdmin
from reports.models import SavedReport
from sync.access import Access
from sync.admin import display


@admin.register(SavedReport)
class SavedReportAdmin(OwnedAdmin):
    list_display = ("title", "name", "report", "owner", "is_shared", "created_at")
    list_select_related = ("owner",)
    list_only = ("title", "name", "report", "owner__username", "is_shared", "created_at")
    search_texts = ("title", "name", "owner__username")
    search_help_text = "Title, name, or owner"
    ordering: ClassVar[tuple[str, ...]] = ("name", "pk")
    sortable_by = ()
    fieldsets = (
        (None, {"fields": ("title", "name", "owner", "page")}),
        ("What it tells", {"fields": ("report", "parameters_shown", "customers_shown", "description", "tags")}),
        ("Who finds it", {"fields": ("is_shared", "mailed", "created_at")}),
    )
    readonly_fields = ("page", "parameters_shown", "customers_shown", "mailed", "created_at")

    def of_visible_customers(self, rows: Any, who: Access) -> QuerySet[Any]:
        found: QuerySet[Any] = rows.about_visible(who)
        return found

    def of_owner(self, rows: Any, who: Access) -> QuerySet[Any]:
        """What is shared too, as everywhere."""
        found: QuerySet[Any] = rows.seen(who)
        return found

    @admin.display(description="Page")
    def page(self, saved: SavedReport) -> str:
        return display.link(reverse("reports:report", args=[saved.public_id]), saved.public_id)

    @admin.display(description="Parameters")
    def parameters_shown(self, saved: SavedReport) -> str:
        return display.pretty_json(saved.parameters)

    @admin.display(description="Only about")
    def customers_shown(self, saved: SavedReport) -> str:
        return ", ".join(customer.name for customer in saved.customers.all()) or "all that its reader may see"

    @admin.display(description="Mailed")
    def mailed(self, saved: SavedReport) -> str:
        return display.lines(
            f"{row.get_every_display()} to {', '.join(row.recipients)}" for row in saved.schedules.all()
        )
