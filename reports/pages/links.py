"""Addresses. A page's whole state is in its address, so a link shares exactly what is seen."""

from django.contrib.admin.utils import quote
from django.db.models import Model
from django.http import QueryDict
from django.urls import reverse
from django.utils.http import urlencode

from sync.access import Access
from sync.models import Customer


def changed(path: str, query: QueryDict, **changes: object) -> str:
    """The same page with some parameters changed; ``None`` or an empty text takes one away."""
    kept = {name: str(value) for name, value in query.items() if value and name not in changes}
    asked = kept | {name: str(value) for name, value in changes.items() if value not in (None, "")}
    return f"{path}?{urlencode(asked)}" if asked else path


def may_see_in_admin(access: Access, model: type[Model]) -> bool:
    """Whether the admin would show them this table."""
    options = model._meta
    return access.user.is_staff and access.may(f"{options.app_label}.view_{options.model_name}")


def admin_row(access: Access, row: Model) -> str:
    """A row's page in the admin; empty for those who may not see it there."""
    if not may_see_in_admin(access, type(row)):
        return ""
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[quote(row.pk)])


def admin_list(access: Access, model: type[Model], **filters: str | int) -> str:
    """A table in the admin, filtered; empty for those who may not see it there."""
    if not may_see_in_admin(access, model):
        return ""
    path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{path}?{urlencode(filters)}" if filters else path


def thresholds_page(access: Access, customer: Customer) -> str:
    """Where the thresholds of a customer are changed; empty for those who may not."""
    if not (access.user.is_staff and access.may("sync.change_customer")):
        return ""
    if hasattr(customer, "thresholds"):
        return reverse("admin:reports_customerthresholds_change", args=[customer.pk])
    return f"{reverse('admin:reports_customerthresholds_add')}?{urlencode({'customer': customer.pk})}"
