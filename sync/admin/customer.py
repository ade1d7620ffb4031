"""Customers: the one thing of this app that people set up. The API token can be given, and never read again."""

from functools import partial
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from sync import customers, schedule
from sync.admin import display
from sync.admin.base import OfCustomers
from sync.admin.steps import Steps
from sync.admin.theme import ModelForm
from sync.leases import LeaseLost
from sync.models import Bug, Customer, Product, SyncEvent, Test
from sync.pipeline import SyncBusy

SET_UP = (
    "name", "api_base_url", "product_ids", "sync_since", "is_active", "is_default", "encrypted_token",
    "refresh_interval",
)  # fmt: skip


class CustomerForm(ModelForm):
    api_token = forms.CharField(
        label="API token",
        required=False,
        strip=True,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Stored encrypted and never shown again. Leave it empty to keep the one that is stored.",
    )
    # Not the model's field: its constraint allows one default, and here choosing another one just moves the mark.
    is_default = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=Customer._meta.get_field("is_default").help_text,
    )

    class Meta:
        model = Customer
        exclude = ("is_default",)
        help_texts: ClassVar[dict[str, Any]] = {
            "product_ids": "The only products to keep, as ids separated by commas; empty means all."
        }
        widgets: ClassVar[dict[str, Any]] = {"product_ids": UnfoldAdminTextInputWidget}
        field_classes: ClassVar[dict[str, Any]] = {"api_base_url": partial(forms.URLField, assume_scheme="https")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("is_default", self.instance.is_default)

    def clean_api_token(self) -> str:
        token: str = self.cleaned_data["api_token"]
        if any(character.isspace() for character in token):
            raise ValidationError("A token has no blanks or line breaks in it. Copy it again from TestIO.")
        if not token and self.instance.pk is None:
            raise ValidationError("A new customer needs its token: nothing can be read without it.")
        return token

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("is_default") and not cleaned.get("is_active"):
            self.add_error("is_default", "A customer that is switched off cannot be the default. Switch it on as well.")
        # Otherwise whoever may edit a customer could have the stored token sent to an address of their choice.
        moved = "api_base_url" in self.changed_data and self.instance.has_token
        if moved and "api_token" not in self.errors and not cleaned.get("api_token"):
            self.add_error("api_token", "The address has changed. Enter the token that belongs to the new one.")
        return cleaned


@admin.register(Customer)
class CustomerAdmin(Steps, OfCustomers):
    customer_path = "pk"
    form = CustomerForm
    list_display = (
        "name",
        "is_active",
        "is_default",
        "token",
        "refreshes",
        "api_base_url",
        "product_ids_shown",
        "sync_since",
    )
    search_fields = ("name",)
    readonly_fields = (
        "token", "api_paused_until", "paused_at", "paused_reason", "products_due_at", "products_failures",
        "created_at", "lists",
    )  # fmt: skip
    change_form_outer_before_template = "admin/sync/customer/paused.html"
    autocomplete_fields = ("members",)
    actions = None  # customers are deleted one at a time: each deletion takes leases and may find a sync in its way
    compressed_fields = True
    fieldsets = (
        (None, {"fields": ("name", "is_active", "is_default")}),
        ("TestIO API", {"fields": ("api_base_url", "api_token")}),
        ("What to keep", {"fields": ("product_ids", "sync_since")}),
        ("Background refresh", {"fields": ("refresh_interval",)}),
        ("Who sees its data", {"fields": ("members",)}),
    )
    state = (
        "State",
        {"fields": ("token", "api_paused_until", "products_due_at", "products_failures", "created_at", "lists")},
    )

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Nothing: through the address the sealed token could be guessed byte by byte."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who may see what is decided by those who manage users; to them, others' names are offered too."""
        fields = super().get_readonly_fields(request, obj)
        user: Any = request.user
        return fields if user.has_perm("auth.change_user") else (*fields, "members")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fieldsets if obj is None else (*self.fieldsets, self.state)

    @method_decorator(sensitive_post_parameters("api_token"))
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        context = {
            "may_resume": self.has_change_permission(request),
            "resume_url": self.address("resume", object_id) if object_id and object_id.isdecimal() else "",
        }
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), **context})

    def save_model(self, request: HttpRequest, obj: Customer, form: Any, change: bool) -> None:
        if token := form.cleaned_data["api_token"]:
            obj.set_token(token)
        obj.is_default = obj.is_default and form.cleaned_data["is_default"]
        # Not ``api_paused_until``: a sync may have been asked to wait since this page was loaded.
        obj.save(update_fields=SET_UP if change else None)
        if token and change:
            schedule.resume(obj.pk)
        if change and "refresh_interval" in form.changed_data:
            schedule.shorten(obj)
        if form.cleaned_data["is_default"]:
            customers.set_default(obj)

    def get_urls(self) -> list[URLPattern]:
        resume = self.admin_site.admin_view(self.resume_view)
        return [path("<int:customer_id>/resume/", resume, name=self.url_name("resume")), *super().get_urls()]

    def resume_view(self, request: HttpRequest, customer_id: int) -> HttpResponse:
        """Only POST resumes; whoever comes by GET is led to the page with the button."""
        customer = get_object_or_404(self.get_queryset(request), pk=customer_id)
        self.require(self.has_change_permission(request, customer))
        if request.method == "POST":
            schedule.resume(customer.pk)
            self.log_change(request, customer, "Resumed its background refresh.")
            said = f"Customer {customer} is refreshed in the background again; all its products are due at once."
            self.message_user(request, said, messages.SUCCESS)
        return HttpResponseRedirect(display.detail_url(Customer, customer.pk))

    @admin.display(description="Refreshed")
    def refreshes(self, customer: Customer) -> str:
        if customer.paused_at:
            return display.label("paused", "warning")
        return display.label("yes", "success") if customer.is_active and customer.has_token else display.label("no")

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What a deletion takes along, as numbers: Django would load every bug to list them one by one."""
        of_customers = {"customer__in": objs}
        counts = {
            "products": Product.objects.filter(**of_customers).count(),
            "tests": Test.objects.filter(product__customer__in=objs).count(),
            "bugs": Bug.objects.filter(product__customer__in=objs).count(),
            "sync runs": SyncEvent.objects.filter(**of_customers).count(),
        }
        return [str(customer) for customer in objs], counts, set(), []

    def delete_model(self, request: HttpRequest, obj: Customer) -> None:
        customers.remove(obj)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """As Django's; a sync that is in the way is said in a message, and nothing is deleted."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except (SyncBusy, LeaseLost) as error:
            self.message_user(request, f"The customer was not deleted. {error}", messages.ERROR)
            return HttpResponseRedirect(display.detail_url(Customer, object_id))

    @admin.display(description="Token", boolean=True)
    def token(self, customer: Customer) -> bool:
        return customer.has_token

    @admin.display(description="Products")
    def product_ids_shown(self, customer: Customer) -> str:
        return ", ".join(map(str, customer.product_ids)) or "all"

    @admin.display(description="Show its")
    def lists(self, customer: Customer) -> str:
        of_customer = {"customer__id__exact": customer.pk}
        return display.links(
            (display.list_url(Product, **of_customer), "products"),
            (display.list_url(SyncEvent, **of_customer), "sync runs"),
        )
