"""Whose data grows old: customers that nothing is read of any more, and products whose refresh does not come."""

from datetime import datetime

from django.db.models import Count, F, Window
from django.db.models.functions import Least
from django.urls import reverse

from reports.pages import cells, words
from reports.pages.links import admin_list, admin_row
from sync import access
from sync.access import Access
from sync.models import Customer, Product
from testio_site.operating.home.parts import Button, Card, Line

SHOWN = 5
RESUME, REFRESH = "sync.change_customer", "sync.refresh_products"


def left_alone(customers: list[Customer], who: Access, now: datetime) -> Card | None:
    """Active customers that are paused, or have no token to be read with."""
    found = [each for each in customers if each.is_active and (each.paused_at or not each.has_token)]
    if not found:
        return None
    return Card(
        key="paused",
        title="Paused customers",
        note="Nothing of them is refreshed in the background",
        count=words.count(len(found)),
        lines=[_left_alone(each, who, now) for each in found[:SHOWN]],
        all_url=admin_list(who, Customer),
    )


def _left_alone(customer: Customer, who: Access, now: datetime) -> Line:
    resume = Button("Resume", "play_arrow", reverse("operating:resume", args=[customer.pk]), customer.name)
    is_paused = customer.paused_at is not None
    return Line(
        title=customer.name,
        url=admin_row(who, customer),
        state="paused" if is_paused else "no token",
        tone="bad",
        more=f"since {words.ago(customer.paused_at, now)}" if is_paused else "",
        reason=customer.paused_reason if is_paused else "It has no API token. Set one on its page.",
        buttons=[resume] if is_paused and who.may(RESUME) else [],
    )


def stale(who: Access, now: datetime) -> Card | None:
    """Products that are refreshed in the background, and yet older than they should be: the oldest first."""
    if not who.may("sync.view_product"):
        return None
    rows = access.seen(Product.objects.refreshed().stale(now=now), who, "customer").select_related("customer")
    oldest = Least("features_synced_at", "tests_synced_at", "bugs_synced_at")
    found = list(
        rows.only("name", "customer__name", "failures", "last_error", "next_sync_at")
        .annotate(oldest=oldest, all=Window(Count("pk")))
        .order_by(F("failures").desc(), F("oldest").asc(nulls_first=True), "pk")[:SHOWN]
    )
    if not found:
        return None
    may = who.may(REFRESH)
    everything = Button("Refresh all", "refresh", reverse("operating:refresh_all"), "stale products")
    return Card(
        key="stale",
        title="Stale products",
        note="Their data is older than it should be",
        count=words.count(vars(found[0])["all"]),
        lines=[_stale(product, vars(product)["oldest"], now, may=may) for product in found],
        button=everything if may else None,
        all_url=admin_list(who, Product, refresh="due"),
    )


def _next(product: Product, now: datetime) -> str:
    is_due = product.next_sync_at <= now
    return "its refresh is due" if is_due else f"next refresh {words.ago(product.next_sync_at, now)}"


def _stale(product: Product, oldest: datetime | None, now: datetime, *, may: bool) -> Line:
    name = cells.product_name(product)
    refresh = Button("Refresh now", "refresh", reverse("operating:refresh", args=[product.pk]), name)
    failed = f", failed {words.plural(product.failures, 'time')} in a row" if product.failures else ""
    age = f"read {words.ago(oldest, now)}" if oldest else "never read completely"
    return Line(
        title=name,
        url=reverse("reports:product", args=[product.pk]),
        state="failing" if product.failures else "stale",
        tone="bad" if product.failures else "warn",
        more=f"{product.customer.name}, {age}{failed}; {_next(product, now)}",
        reason=product.last_error,
        buttons=[refresh] if may else [],
    )
