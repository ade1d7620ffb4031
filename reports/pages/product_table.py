"""Products side by side: the health table of the overview and of the page of products."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.http import QueryDict

from reports.own_thresholds import thresholds_of
from reports.pages import cells, health, words
from reports.pages.tables import DESCENDING, Cell, Column, Sorting, Table, sortable
from reports.standings import NOW, Figures, Tally
from reports.thresholds import Health
from sync import freshness
from sync.freshness import Freshness
from sync.models import Product

COLUMNS = (
    Column("Product", "name"),
    Column("Health", "health"),
    Column("Tests", "tests", is_number=True, first=DESCENDING),
    Column("Bugs", "bugs", is_number=True, first=DESCENDING),
    Column("Rejection", "rejection", is_number=True, first=DESCENDING),
    Column("Auto-accepted", "auto_acceptance", is_number=True, first=DESCENDING),
    Column("Active acceptance", "active_acceptance", is_number=True),
    Column("Review", "review", is_number=True),
    Column("Data from", "fresh"),
)
WORST_FIRST = Sorting("health", is_down=False)
_NEVER = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Standing:
    """A product and its figures of the period."""

    product: Product
    tally: Tally
    health: Health


def standings(products: Iterable[Product], figures: Figures) -> list[Standing]:
    """In the order of their names."""
    tallies = figures.by_product(NOW)
    found = [(product, tallies.get(product.pk, Tally())) for product in products]
    return [
        Standing(product, tally, thresholds_of(product).overall(tally.bugs.rates()))
        for product, tally in sorted(found, key=lambda pair: (cells.product_name(pair[0]).lower(), pair[0].pk))
    ]


def arranged(rows: Iterable[Standing], sorting: Sorting) -> list[Standing]:
    """Sorted; what has no value comes last either way, and equals stay in the order of their names."""
    valued = [(_value(row, sorting.key), row) for row in rows]
    known = [pair for pair in valued if pair[0] is not None]
    known.sort(key=lambda pair: pair[0], reverse=sorting.is_down)
    return [row for _, row in known] + [row for value, row in valued if value is None]


def table(rows: Sequence[Standing], now: datetime, *, customers: bool) -> Table:
    """``customers``: name the customer of each product."""
    return Table("Health by product", COLUMNS, [_cells(row, now, customers=customers) for row in rows])


def sortable_table(
    rows: Sequence[Standing], now: datetime, sorting: Sorting, path: str, query: QueryDict, *, customers: bool
) -> Table:
    columns = sortable(COLUMNS, sorting, path, query)
    return Table("Products", columns, [_cells(row, now, customers=customers) for row in rows])


def _value(row: Standing, key: str) -> Any:
    """What a standing is sorted by."""
    match key:
        case "name":
            return cells.product_name(row.product).lower()
        case "health":  # within a class, the more bugs, the more it matters
            return health.ORDER[row.health], -row.tally.bugs.total
        case "tests":
            return row.tally.tests
        case "bugs":
            return row.tally.bugs.total
        case "fresh":
            return freshness.of(row.product).data_as_of or _NEVER
    return getattr(row.tally.bugs, key)


def _cells(row: Standing, now: datetime, *, customers: bool) -> list[Cell]:
    bugs, thresholds = row.tally.bugs, thresholds_of(row.product)
    fresh = freshness.of(row.product, now=now)
    return [
        cells.of_product(row.product, row.product.customer.name if customers else ""),
        health.badge(row.health),
        Cell(words.count(row.tally.tests)),
        Cell(words.count(bugs.total)),
        *(
            health.rate_cell(name, bugs, thresholds)
            for name in ("rejection", "auto_acceptance", "active_acceptance", "review")
        ),
        _fresh(fresh, now),
    ]


def _fresh(fresh: Freshness, now: datetime) -> Cell:
    tone = "warn" if fresh.stale else ""
    return Cell(words.ago(fresh.data_as_of, now), tone=tone, title=words.freshness(fresh, now)[1])
