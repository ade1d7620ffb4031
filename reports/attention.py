"""What needs somebody: open problems, and how the last runs went. For the overview and a product's page."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, F, OuterRef, QuerySet, Subquery, Sum, Window
from django.db.models.functions import Coalesce

from problematic.models import ProblematicEvent, ProblematicMapping
from sync.access import Access, seen
from sync.models import SyncEvent


@dataclass(frozen=True, slots=True)
class Problems:
    """``events`` are the oldest of ``open``; ``hidden`` counts the tests that hide in all of them."""

    events: Sequence[ProblematicEvent]
    open: int
    hidden: int


def problems(who: Access, *, product_ids: Collection[int] | None = None, limit: int = 6) -> Problems:
    """The open gaps (of these products), the oldest first, each with its product and ``mapped``: how many test ids
    are mapped to it. One statement."""
    events = seen(ProblematicEvent.objects.open(), who, "product__customer")
    if product_ids is not None:
        events = events.filter(product__in=product_ids)
    counted: QuerySet[Any] = with_mapped(events.order_by("first_seen_at", "event_id")).annotate(
        open=Window(Count("pk")),
        hidden=Window(Sum(F("last_position") - F("first_position") + 1)),
    )
    found = list(counted[:limit])
    return Problems(found, found[0].open, found[0].hidden) if found else Problems([], 0, 0)


def with_mapped(events: "QuerySet[Any]") -> "QuerySet[Any]":
    """Each with its product and ``mapped``: how many test ids are mapped to it."""
    mapped = ProblematicMapping.objects.filter(event=OuterRef("pk")).order_by().values("event").annotate(n=Count("pk"))
    rows = events.select_related("product").defer("product__raw", "product__search")
    counted: QuerySet[Any] = rows.annotate(mapped=Coalesce(Subquery(mapped.values("n")), 0))
    return counted


@dataclass(frozen=True, slots=True)
class Run:
    """One run and how long it took, so far if it goes on."""

    event: SyncEvent
    seconds: float


def last_runs(who: Access, now: datetime, *, limit: int = 8) -> list[Run]:
    """The newest runs, with their customers."""
    events = seen(SyncEvent.objects.select_related("customer"), who, "customer").order_by("-started_at")[:limit]
    return [Run(event, ((event.finished_at or now) - event.started_at).total_seconds()) for event in events]
