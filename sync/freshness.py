"""How old the data is that we answer with: the one place that says what "stale" means.

Used by the refresh cycle, the lists, the pages and the API. Reads answer from our tables whatever this says; a stale
one may ask for a refresh, which happens in the background.

(It knows no model at import: models offer ``.stale()`` by what stands here.)
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

if TYPE_CHECKING:
    from sync.models import Product

#: What a product consists of, each with a time of its own.
PARTS = ("features", "tests", "bugs")


@dataclass(frozen=True, slots=True)
class Freshness:
    """``data_as_of``: since when nothing was read, None when something never was. ``stale``: older than allowed."""

    data_as_of: datetime | None
    stale: bool


def of(product: "Product", *parts: str, now: datetime | None = None) -> Freshness:
    """How fresh these parts of a product are (of ``PARTS``; default: all). The oldest of them counts."""
    return oldest((getattr(product, _column(part)) for part in parts or PARTS), now=now)


def oldest(moments: Iterable[datetime | None], *, now: datetime | None = None) -> Freshness:
    """How fresh data is that was read at these moments: as fresh as the oldest; of nothing at all, stale."""
    times = list(moments)
    known = [moment for moment in times if moment is not None]
    data_as_of = min(known) if known and len(known) == len(times) else None
    return Freshness(data_as_of, data_as_of is None or data_as_of < _limit(now or timezone.now()))


def when_stale(parts: Collection[str], now: datetime) -> Q:
    """The same as a condition on products."""
    stale = Q()
    for part in parts or PARTS:
        stale |= Q((_column(part), None)) | Q((f"{_column(part)}__lt", _limit(now)))
    return stale


def request_refresh(*product_ids: int) -> int:
    """Ask for products to be refreshed soon, in the background; for how many anything had to be done for that.

    Answers at once, and may be called by every read of stale data: see ``sync.schedule.bring_forward``.
    """
    from sync import schedule  # needs the models, which need this module

    return schedule.bring_forward(product_ids) if product_ids else 0


def time_to_live() -> timedelta:
    return timedelta(seconds=settings.TESTIO_CACHE_TTL_SECONDS)


def _limit(now: datetime) -> datetime:
    """Data read at this moment is just not stale yet."""
    return now - time_to_live()


def _column(part: str) -> str:
    if part not in PARTS:
        raise ValueError(f"{part} is no part of a product; known are {', '.join(PARTS)}")
    return f"{part}_synced_at"
