"""How old the data of every product is."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from pydantic import Field

from problematic.models import EventStatus
from reports.builtin.scope import OfProducts, of_tables
from reports.catalogue import Report
from reports.documents import Column, Document, Kind, StoredRows, Table, Value
from reports.limits import limits
from sync import freshness
from sync.access import Access
from sync.models import Product


class FreshnessParameters(OfProducts):
    stale: bool | None = Field(None, description="Only products whose data is (true), or is not (false), too old.")


_COLUMNS = (
    Column("id", "Product id", Kind.ID, 10),
    Column("product", "Product", width=30),
    Column("customer", "Customer", width=14),
    Column("stale", "Too old", Kind.YES_NO),
    Column("data_as_of", "Data as of (UTC)", Kind.DATETIME),
    Column("features_synced_at", "Features read (UTC)", Kind.DATETIME),
    Column("tests_synced_at", "Tests read (UTC)", Kind.DATETIME),
    Column("bugs_synced_at", "Bugs read (UTC)", Kind.DATETIME),
    Column("next_sync_at", "Next refresh (UTC)", Kind.DATETIME),
    Column("open_gaps", "Open gaps", Kind.INTEGER),
    Column("failures", "Failures since the last success", Kind.INTEGER),
    Column("last_error", "Last error", width=50),
    Column("missing_since", "Missing since (UTC)", Kind.DATETIME),
)


def run(access: Access, asked: FreshnessParameters) -> Document:
    now = timezone.now()
    products = asked.products(access)
    limited = limits(products)
    if asked.stale is not None:
        stale = freshness.when_stale((), now)
        products = products.filter(stale if asked.stale else ~stale)
    table = Table(
        "freshness",
        "Products",
        _COLUMNS,
        StoredRows(_with_gaps(products), partial(_shown, now=now), 500),
        expected=products.count(),
        empty="No product is like that.",
    )
    return of_tables(
        REPORT,
        asked,
        table,
        limits=limited,
        subtitle=f"Data counts as too old {freshness.time_to_live()} (h:mm:ss) after it was read.",
    )


def _with_gaps(products: "QuerySet[Product]") -> "QuerySet[Any]":
    gaps = Count("problematic_events", filter=Q(problematic_events__status=EventStatus.OPEN))
    return products.select_related("customer").annotate(gaps=gaps).order_by("name", "pk")


def _shown(products: Iterable[Any], now: datetime) -> Iterator[list[Value]]:
    for product in products:
        age = freshness.of(product, now=now)
        yield [
            product.pk, product.name, product.customer.name, age.stale, age.data_as_of, product.features_synced_at,
            product.tests_synced_at, product.bugs_synced_at, product.next_sync_at, product.gaps, product.failures,
            product.last_error or None, product.missing_since,
        ]  # fmt: skip


REPORT = Report(
    "freshness",
    "Freshness",
    "How old the data of every product is, when it is read next, and what stands in the way.",
    FreshnessParameters,
    "sync.view_product",
    run,
    ("products", "freshness", "quality of data"),
)
