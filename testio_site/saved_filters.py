"""Filters of the admin's lists, kept under names: which there are for somebody, and what may be kept at all."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.apps import apps
from django.contrib import admin
from django.contrib.admin.views.main import ORDER_VAR, SEARCH_VAR
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse

from sync import access
from sync.admin.base import ReadOnlyAdmin
from sync.admin.filters import parameters
from testio_site.models import SavedFilter

#: A longer address is no filter that somebody chose.
LONGEST = 2_000
MOST_FIELDS = 30
#: The parameter of filters by a customer's name.
_CUSTOMER = "customer"


def page_of(place: str) -> ReadOnlyAdmin | None:
    """The list of that name, when filters of it can be kept."""
    app_label, _, model_name = place.partition(".")
    model = apps.all_models.get(app_label, {}).get(model_name)
    page = admin.site.get_model_admin(model) if model and admin.site.is_registered(model) else None
    return page if isinstance(page, ReadOnlyAdmin) else None


def place_of(page: Any) -> str:
    return f"{page.opts.app_label}.{page.opts.model_name}"


def cleaned(page: ReadOnlyAdmin, query: str) -> str:
    """What of a query string filters, searches or sorts this list, in its order; the rest is left out, the page too."""
    if len(query) > LONGEST:
        return ""
    try:
        pairs = parse_qsl(query, max_num_fields=MOST_FIELDS)
    except ValueError:
        return ""
    known = {*parameters(page.model, page.list_filter), SEARCH_VAR, ORDER_VAR}
    return urlencode([(name, value) for name, value in pairs if name in known and "\x00" not in value])


def address(saved: SavedFilter) -> str:
    """Always a list of this site: what was stored only ever stands behind its question mark."""
    page = page_of(saved.place)
    return f"{_list(page)}?{cleaned(page, saved.query)}" if page else reverse("admin:index")


def back_to(page: ReadOnlyAdmin, query: str) -> str:
    kept = cleaned(page, query)
    return f"{_list(page)}?{kept}" if kept else _list(page)


def _list(page: ReadOnlyAdmin) -> str:
    return reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist")


def of(user: User) -> "QuerySet[SavedFilter]":
    """One's own, and those for everybody."""
    return SavedFilter.objects.filter(Q(owner=user) | Q(is_shared=True)).select_related("owner")


def shown(page: ReadOnlyAdmin, request: HttpRequest) -> Iterator[SavedFilter]:
    """Those of a list that the user gets a link to: not those that name a row which they may not see."""
    user = request.user
    if not isinstance(user, User) or not page.has_view_permission(request):
        return
    for saved in of(user).filter(place=place_of(page)).order_by("name", "pk"):
        if saved.owner_id == user.pk or names_only_seen(page, request, cleaned(page, saved.query)):
            yield saved


def names_only_seen(page: ReadOnlyAdmin, request: HttpRequest, query: str) -> bool:
    """Whether the user sees each customer and each row the query filters by."""
    return all(_sees(page, request, name, value) for name, value in parse_qsl(query, max_num_fields=MOST_FIELDS))


def _sees(page: ReadOnlyAdmin, request: HttpRequest, name: str, value: str) -> bool:
    if name == _CUSTOMER:
        return access.customers(access.of_request(request)).filter(name=value).exists()
    field, _, rest = name.partition("__")
    if not rest:
        return True
    related = page.model._meta.get_field(field).related_model
    rows = admin.site.get_model_admin(related).get_queryset(request)
    return bool(value.isdecimal() and len(value) < 19 and rows.filter(pk=int(value)).exists())
