"""Runs that failed and that nobody has made good since: what the badge counts and the home of operators shows."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, QuerySet

from sync.access import Access, seen
from sync.models import SyncEvent, SyncPhase
from sync.models.status import Status

#: What failed longer ago is history, or happens again anyway.
RECENT = timedelta(days=1)
BAD = (Status.FAILED, Status.INTERRUPTED)
GOOD = (Status.SUCCEEDED, Status.PARTIAL)

if TYPE_CHECKING:
    Runs = QuerySet[SyncEvent]


def of(who: Access, now: datetime) -> "Runs":
    """Of the last day, those after which no run of the same customer went well.

    Runs that read products are made good by one that has read one of the same products, all others by any.
    """
    failed = seen(SyncEvent.objects.filter(status__in=BAD, finished_at__gte=now - RECENT), who, "customer")
    later = SyncEvent.objects.filter(
        customer=OuterRef("customer"), status__in=GOOD, started_at__gt=OuterRef("started_at")
    )
    products = SyncPhase.objects.filter(event=OuterRef("pk"), product__isnull=False)
    same = SyncPhase.objects.filter(event=OuterRef("pk"), product__in=_products_of(OuterRef(OuterRef(OuterRef("pk")))))
    about_the_same = Exists(later.filter(Exists(same)))
    return failed.exclude(about_the_same).exclude(~Exists(products) & Exists(later))


def _products_of(run: OuterRef) -> "QuerySet[SyncPhase, int | None]":
    return SyncPhase.objects.filter(event=run, product__isnull=False).values_list("product", flat=True)
