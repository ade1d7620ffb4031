"""How the last days went: products by days, each day with the outcome of its syncs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from typing import Any

from django.db.models import Count, F, Max, Q, QuerySet, Window
from django.db.models.functions import TruncDate

from reports.pages import cells, words
from reports.pages.tables import Cell
from sync import access
from sync.access import Access
from sync.models import Product, SyncPhase
from sync.models.status import Status

DAYS = 14
#: Those that went worst; the page of products has all.
PRODUCTS = 30
#: How the last refresh of a product ended where nothing is to be said of it.
_WELL = (Status.SUCCEEDED.value, "")


class Outcome(Enum):
    """What became of a day's syncs of a product: a sign (colour is never the only one), a tone, and in words."""

    GOOD = ("✓", "good", "all went well")
    GAPS = ("○", "warn", "done with gaps")
    MIXED = ("!", "warn", "some failed, the last did not")
    BAD = ("✕", "bad", "the last one failed")
    STOPPED = ("–", "none", "cancelled")
    RUNNING = ("…", "info", "running")

    def __init__(self, sign: str, tone: str, words: str) -> None:
        self.sign, self.tone, self.words = sign, tone, words


@dataclass(frozen=True, slots=True)
class Day:
    """``outcome`` is None where nothing was synced."""

    outcome: Outcome | None
    title: str


@dataclass(frozen=True, slots=True)
class Row:
    product: Cell
    days: Sequence[Day]


@dataclass(frozen=True, slots=True)
class Grid:
    days: Sequence[date]
    rows: Sequence[Row]
    more: int

    @property
    def legend(self) -> list[Outcome]:
        return list(Outcome)


def grid(who: Access, now: datetime) -> Grid | None:
    """Days are UTC, the last one is today."""
    if not (who.may("sync.view_product") and who.may("sync.view_syncphase")):
        return None
    days = [now.date() - timedelta(days=back) for back in reversed(range(DAYS))]
    products = list(_worst(who))
    if not products:
        return None
    found = _found([product.pk for product in products], days[0])
    several = len({product.customer_id for product in products}) > 1
    rows = [Row(_named(product, several=several), [_day(product, day, found) for day in days]) for product in products]
    return Grid(days, rows, vars(products[0])["number"] - len(rows))


def _worst(who: Access) -> "QuerySet[Product]":
    """What fails now comes first, then what ended badly, then what was synced least lately."""
    rows = access.products(who).filter(missing_since=None).select_related("customer")
    rows = rows.only("name", "customer__name", "failures", "last_outcome")
    ranked: QuerySet[Product] = rows.annotate(
        number=Window(Count("pk")), ended_well=Q(last_outcome__in=_WELL)
    ).order_by(F("failures").desc(), "ended_well", F("settled_at").asc(nulls_first=True), "pk")
    return ranked[:PRODUCTS]


def _named(product: Product, *, several: bool) -> Cell:
    return cells.of_product(product, product.customer.name if several else "")


def _found(products: Sequence[int], first: date) -> Mapping[tuple[int, date], Mapping[str, Any]]:
    """What the phases of each product and day came to, by the database: there may be a hundred thousand."""
    since = datetime.combine(first, time(), UTC)
    phases = SyncPhase.objects.filter(product__in=products, event__started_at__gte=since).order_by()
    failed = Q(status__in=(Status.FAILED, Status.INTERRUPTED))
    rows = phases.values("product", day=TruncDate("event__started_at", tzinfo=UTC)).annotate(
        runs=Count("event", distinct=True),
        failed=Count("event", distinct=True, filter=failed),
        gaps=Count("event", distinct=True, filter=Q(status=Status.PARTIAL)),
        good=Count("event", distinct=True, filter=Q(status=Status.SUCCEEDED)),
        running=Count("event", distinct=True, filter=Q(status=Status.RUNNING)),
        last=Max("event__started_at"),
        last_failed=Max("event__started_at", filter=failed),
    )
    return {(row["product"], row["day"]): row for row in rows}


def _day(product: Product, day: date, found: Mapping[tuple[int, date], Mapping[str, Any]]) -> Day:
    row = found.get((product.pk, day))
    if row is None:
        return Day(None, f"{words.day(day)}: no sync")
    outcome = _outcome(row)
    counted = words.plural(row["runs"], "sync", "syncs")
    failed = f", {row['failed']} failed" if row["failed"] else ""
    return Day(outcome, f"{words.day(day)}: {outcome.words} ({counted}{failed})")


def _outcome(row: Mapping[str, Any]) -> Outcome:
    if row["failed"]:
        return Outcome.BAD if row["last_failed"] == row["last"] else Outcome.MIXED
    if row["running"]:
        return Outcome.RUNNING
    if row["gaps"]:
        return Outcome.GAPS
    return Outcome.GOOD if row["good"] else Outcome.STOPPED
