"""Whoever asks: what they may do, and whose data they may see.

A person acts with their own permissions and sees the customers they are a member of; a token never has more than its
owner (see ``testio_site.tokens``). What somebody may not see does not exist for them: it is left out of lists and
counts, and asking for it by its number is answered as for a number that does not exist.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest

from sync.models import Customer, Product

Rows = TypeVar("Rows", bound="models.QuerySet[Any]")

#: Whoever has this sees the data of all customers; others see those they are a member of.
SEE_ALL = "sync.see_all_customers"


@dataclass(frozen=True, slots=True)
class Access:
    """What one caller may do and see. ``permissions`` as ``app.name``, ``None``: whatever the user may;
    ``customers`` as ids, ``None``: all."""

    user: User
    permissions: frozenset[str] | None = None
    customers: frozenset[int] | None = None

    def may(self, permission: str) -> bool:
        granted = self.permissions is None or permission in self.permissions
        return granted and self.user.has_perm(permission)

    def sees(self, customer_id: int) -> bool:
        return self.customers is None or customer_id in self.customers

    def limited_to(self, permissions: frozenset[str], customers: Iterable[int] | None = None) -> "Access":
        """The same caller with less: no more than these permissions, and these customers (``None``: no fewer)."""
        kept = permissions if self.permissions is None else self.permissions & permissions
        if customers is None:
            return Access(self.user, kept, self.customers)
        chosen = frozenset(customers)
        return Access(self.user, kept, chosen if self.customers is None else self.customers & chosen)


class NotHere(Exception):
    """A request names something, in a parameter or its body, that is not there or not for this caller to see.

    ``places`` says why by the field that names it, ``product_ids.0`` like.
    """

    def __init__(self, places: dict[str, str]) -> None:
        super().__init__(" ".join(places.values()))
        self.places = places


class Request(HttpRequest):
    """A request that has come through a login, of the API or of the admin."""

    user: User
    access: Access


def of_user(user: User, member_of: Iterable[int] | None = None) -> Access:
    """Whatever this user may do and see. ``member_of``: their customers' ids, where they are known already."""
    if user.has_perm(SEE_ALL):
        return Access(user)
    if member_of is None:
        member_of = Customer.members.through.objects.filter(user=user).values_list("customer_id", flat=True)
    return Access(user, customers=frozenset(member_of))


def of_request(request: HttpRequest) -> Access:
    """What the logged-in user may do and see; worked out once for each request."""
    known = cast("Request", request)
    if not hasattr(request, "access"):
        known.access = of_user(known.user)
    return known.access


def require(request: Request, permission: str) -> None:
    """Raises ``PermissionDenied`` for a caller without ``permission`` (``app.name``), which it names."""
    access = request.access
    if access.may(permission):
        return
    if access.user.has_perm(permission):
        raise PermissionDenied(f"Your token's scopes leave out the permission {permission}. Create one with more.")
    raise PermissionDenied(f"Your account lacks the permission {permission}. Ask an administrator for it.")


def customers(access: Access) -> "models.QuerySet[Customer]":
    """The customers the caller may see."""
    return seen(Customer.objects.all(), access, "pk")


def products(access: Access) -> "models.QuerySet[Product]":
    """The products the caller may see."""
    return seen(Product.objects.all(), access, "customer")


def seen(rows: Rows, access: Access, customer: str) -> Rows:
    """Those of ``rows`` whose ``customer`` (the path to it, like ``product__customer``) the caller may see."""
    return rows if access.customers is None else rows.filter(**{f"{customer}__in": access.customers})
