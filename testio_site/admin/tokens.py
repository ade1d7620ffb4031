"""API tokens: made here and shown once, seen with their last use, revoked. Everybody sees their own."""

from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget

from sync import access
from sync.access import Request
from sync.admin import display
from sync.admin.steps import Steps
from sync.admin.theme import ModelAdmin, ModelForm
from sync.models import Customer
from testio_site import tokens
from testio_site.admin.looking import OnlyOfferedLookups
from testio_site.models import ApiToken
from testio_site.roles import Scope
from testio_site.tokens import TokenError

MANAGE = "testio_site.manage_tokens"
TEMPLATES = "admin/testio_site/apitoken"

NEVER = "never"
LIVES = {"30": "30 days", str(tokens.DAYS): f"{tokens.DAYS} days", "365": "A year", NEVER: "Until it is revoked"}


class TokenForm(ModelForm):
    """What a new token is to be. ``reader``, who fills it in, is set by the admin."""

    reader: ClassVar[Request]

    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, initial=[Scope.READ.value], widget=UnfoldAdminCheckboxSelectMultipleWidget
    )
    customers = forms.ModelMultipleChoiceField(
        Customer.objects.none(),
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=ApiToken._meta.get_field("customers").help_text,
    )
    life = forms.ChoiceField(
        label="Expires after", choices=LIVES, initial=str(tokens.DAYS), widget=UnfoldAdminSelectWidget
    )

    class Meta:
        model = ApiToken
        fields = ("name", "owner", "scopes", "all_customers", "customers")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choosable = cast("forms.ModelMultipleChoiceField[Customer]", self.fields["customers"])
        choosable.queryset = access.customers(access.of_request(self.reader))
        if "owner" not in self.fields:
            self.instance.owner = self.reader.user

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("all_customers") and cleaned.get("customers"):
            self.add_error("customers", "Choose either all customers of the owner or some of them.")
        if self.errors:
            return cleaned
        token, life = self.instance, cleaned["life"]
        token.owner, token.name = cleaned.get("owner", self.reader.user), cleaned["name"]
        token.scopes, token.expires_at = cleaned["scopes"], None if life == NEVER else tokens.expiry(int(life))
        chosen = None if cleaned.get("all_customers") else [customer.pk for customer in cleaned["customers"]]
        try:
            tokens.check(token, chosen)
        except TokenError as error:
            raise ValidationError(str(error)) from None
        return cleaned


@admin.register(ApiToken)
class ApiTokenAdmin(OnlyOfferedLookups, Steps, ModelAdmin):
    form = TokenForm
    list_display = ("name", "beginning", "owner", "scopes_shown", "customers_shown", "state", "expires_at", "used")
    list_select_related = ("owner",)
    search_fields = ("name", "owner__username", "beginning")
    search_help_text = "Name, owner, or how the secret begins"
    sortable_by = ()
    list_per_page = 50
    show_full_result_count = False
    actions = ("revoke_selected",)
    change_form_outer_before_template = f"{TEMPLATES}/revoke.html"
    fieldsets = (
        (None, {"fields": ("name", "beginning", "owner", "state")}),
        ("What it may do", {"fields": ("scopes_shown", "customers_shown")}),
        ("Its life", {"fields": ("created_at", "expires_at", "last_used_at", "revoked_at")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """One's own, or all for those who manage them; with no more customers than the reader sees."""
        shown = Prefetch("customers", access.customers(access.of_request(request)), to_attr="shown_customers")
        rows = super().get_queryset(request).prefetch_related(shown)
        return rows if self._manages(request) else rows.filter(owner=cast("Request", request).user)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None:
            return self.fieldsets
        whose = ("owner",) if self._manages(request) else ()
        return ((None, {"fields": ("name", *whose, "scopes", "all_customers", "customers", "life")}),)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"reader": request})

    def get_actions(self, request: HttpRequest) -> Any:
        """Revoked tokens stay to be seen; they go with their owner."""
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        tokens.seal(obj)
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None) -> HttpResponse:
        """The secret, in this answer and nowhere else: a message would be kept with the session."""
        context = {
            "title": f"API token {obj.name}",
            "token": obj,
            "opts": self.opts,
            "list_url": self.address("changelist"),
        }
        return TemplateResponse(
            request, f"{TEMPLATES}/created.html", {**self.admin_site.each_context(request), **context}
        )

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        url = self.address("revoke", object_id) if object_id and object_id.isdecimal() else ""
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), "revoke_url": url})

    def get_urls(self) -> list[URLPattern]:
        revoke = self.admin_site.admin_view(self.revoke_view)
        return [path("<int:token_id>/revoke/", revoke, name=self.url_name("revoke")), *super().get_urls()]

    def revoke_view(self, request: HttpRequest, token_id: int) -> HttpResponse:
        """GET asks, POST revokes."""
        self.require(self.has_view_permission(request))
        token = get_object_or_404(self.get_queryset(request), pk=token_id)
        back = display.detail_url(ApiToken, token.pk)
        if request.method != "POST":
            sentence = f"Whatever uses the API token {token} will be refused from now on. This cannot be taken back."
            return self.ask(request, f"Revoke {token.name}?", sentence=sentence, yes="Yes, revoke it", back=back)
        self._revoke(request, [token])
        return HttpResponseRedirect(back)

    @admin.action(description="Revoke selected tokens", permissions=["view"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        self._revoke(request, list(queryset))

    def _revoke(self, request: HttpRequest, chosen: list[ApiToken]) -> None:
        revoked = [token for token in chosen if tokens.revoke(token)]
        for token in revoked:
            self.log_change(request, token, "Revoked.")
        if revoked:
            self.message_user(request, f"Revoked {', '.join(map(str, revoked))}.", messages.SUCCESS)
        else:
            self.message_user(request, "What you chose was revoked before.", messages.INFO)

    def _manages(self, request: HttpRequest) -> bool:
        return cast("Request", request).user.has_perm(MANAGE)

    @admin.display(description="May")
    def scopes_shown(self, token: ApiToken) -> str:
        return ", ".join(token.scopes)

    @admin.display(description="Customers")
    def customers_shown(self, token: ApiToken) -> str:
        if token.all_customers:
            return "all of its owner's"
        return ", ".join(map(str, getattr(token, "shown_customers", ()))) or display.EMPTY

    @admin.display(description="State")
    def state(self, token: ApiToken) -> str:
        if token.revoked_at:
            return display.label("revoked")
        if token.expires_at and token.expires_at <= timezone.now():
            return display.label("expired", "warning")
        return display.label("valid", "success") if token.owner.is_active else display.label("owner is off", "warning")

    @admin.display(description="Last used")
    def used(self, token: ApiToken) -> str:
        return display.ago(token.last_used_at, timezone.now()) if token.last_used_at else "never"
