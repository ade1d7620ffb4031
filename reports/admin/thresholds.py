"""What a customer calls healthy, where that differs from the site. Whoever may change a customer may change this."""

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest

from reports.models import CustomerThresholds
from reports.thresholds import DIRECTIONS, Thresholds
from sync.admin.base import OfCustomers

CHANGE = "sync.change_customer"


def _title(rate: str) -> str:
    return rate.replace("_", " ").capitalize()


@admin.register(CustomerThresholds)
class CustomerThresholdsAdmin(OfCustomers):
    customer_path = "customer"
    list_display = ("customer", "own_ones", "changed_at")
    list_select_related = ("customer",)
    search_fields = ("customer__name",)
    autocomplete_fields = ("customer",)
    sortable_by = ()
    actions = None  # one at a time: what was read of the customer has to be asked for again
    compressed_fields = True
    fieldsets: ClassVar[Any] = (
        (None, {"fields": ("customer",)}),
        *((_title(rate), {"fields": ((f"{rate}_warning", f"{rate}_critical"),)}) for rate in DIRECTIONS),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("customer",) if obj else ()

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Each field shows what holds without it."""
        form = super().get_form(request, obj, change, **kwargs)
        site = Thresholds.from_settings()
        for name, field in form.base_fields.items():
            rate, _, level = name.rpartition("_")
            if rate in DIRECTIONS:
                field.widget.attrs["placeholder"] = f"{getattr(getattr(site, rate), level):g}"
        return form

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._may_change(request)

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self._may_change(request)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self._may_change(request)

    @admin.display(description="Its own")
    def own_ones(self, row: CustomerThresholds) -> str:
        told = (
            f"{rate.replace('_', ' ')} {own['warning']:.0%}, {own['critical']:.0%}" for rate, own in row.own.items()
        )
        return "; ".join(told) or "none"

    def _may_change(self, request: HttpRequest) -> bool:
        user: Any = request.user
        return bool(user.has_perm(CHANGE))
