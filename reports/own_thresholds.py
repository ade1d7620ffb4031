"""Whose thresholds judge a figure: those of the customer it is about, where it has any, else those of this site."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import transaction

from reports.models import CustomerThresholds
from reports.thresholds import DIRECTIONS, Thresholds
from sync.models import Customer, Product

#: So many names fit into a sentence.
_NAMED = 3


def of_customer(customer: Customer) -> CustomerThresholds | None:
    """Its own, if any. One statement, unless the customer was read with ``select_related("thresholds")``."""
    row: CustomerThresholds | None = getattr(customer, "thresholds", None)
    return row if row is not None and row.own else None


def of_customers(customers: Iterable[Customer]) -> list[CustomerThresholds]:
    """Of those that have any, by name."""
    found = {customer.name: of_customer(customer) for customer in customers}
    return [row for name in sorted(found) if (row := found[name])]


def for_all(thresholds: Iterable[Thresholds]) -> Thresholds:
    """What judges everything together: what holds for every single part of it, if that is one thing."""
    different = set(thresholds)
    return different.pop() if len(different) == 1 else Thresholds.from_settings()


def thresholds_of(product: Product) -> Thresholds:
    """What judges a product and its tests. Read it with ``select_related("customer__thresholds")``."""
    row = of_customer(product.customer)
    return row.thresholds if row else Thresholds.from_settings()


def judged_by(customers: Iterable[Customer]) -> str:
    """In words, for customers whose figures stand side by side: "by the thresholds of acme"."""
    found = {customer.name: of_customer(customer) is not None for customer in customers}
    own = sorted(name for name, has_own in found.items() if has_own)
    if not own:
        return "by the thresholds of this site"
    more = len(own) - _NAMED
    names = ", ".join(own[:_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"by the thresholds of {names}" + ("" if all(found.values()) else ", others by those of this site")


@transaction.atomic
def keep(customer: Customer, own: Mapping[str, Mapping[str, float]], by: User) -> CustomerThresholds | None:
    """Make these the customer's own, and the site's hold for all other rates; None where it has none any more.

    The change is in the admin's log. Raises ``ValueError`` as ``Thresholds.with_changes`` does.
    """
    Thresholds.from_settings().with_changes(own)
    locked = Customer.objects.select_for_update(no_key=True).filter(pk=customer.pk)  # one change after the other
    row = CustomerThresholds.objects.filter(customer__in=list(locked)).first()
    before = row.own if row else {}
    if before == {rate: dict(limits) for rate, limits in own.items()}:
        return row if before else None
    row = row or CustomerThresholds(customer=customer)
    for rate in DIRECTIONS:
        for level in ("warning", "critical"):
            setattr(row, f"{rate}_{level}", own.get(rate, {}).get(level))
    row.save()
    _log(customer, row, by)
    return row if own else None


def _log(customer: Customer, row: CustomerThresholds, by: User) -> None:
    LogEntry.objects.create(
        user_id=by.pk,
        content_type=ContentType.objects.get_for_model(Customer),
        object_id=str(customer.pk),
        object_repr=str(customer)[:200],
        action_flag=CHANGE,
        change_message=f"Changed thresholds: {_told(row.own)}.",
    )


def _told(own: Mapping[str, Mapping[str, Any]]) -> str:
    told = (f"{rate} {limits['warning']:g} and {limits['critical']:g}" for rate, limits in own.items())
    return ", ".join(told) or "none of its own"
