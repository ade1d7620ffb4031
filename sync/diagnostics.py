"""How an installation is doing, in numbers: what it holds, how its runs end, whether the refresh keeps up."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, Max, Min, Q, QuerySet
from django.utils import timezone

from sync import access, freshness
from sync.access import Access
from sync.models import Bug, Feature, Product, SyncEvent, Test
from sync.models.status import Status

_ENDS = (Status.SUCCEEDED, Status.PARTIAL, Status.FAILED, Status.INTERRUPTED, Status.CANCELLED)


def diagnostics(caller: Access) -> dict[str, Any]:
    """Only of what the caller may see. Records TestIO no longer has are not counted."""
    products = access.products(caller).order_by()
    ends = access.seen(Test.objects.all(), caller, "product__customer").aggregate(
        oldest=Min("end_at"), newest=Max("end_at")
    )
    runs = access.seen(SyncEvent.objects.all(), caller, "customer").order_by()
    return {
        "version": settings.VERSION,
        "counts": _counts(caller),
        "oldest_test_end_at": ends["oldest"],
        "newest_test_end_at": ends["newest"],
        "runs_last_24_hours": _last_day(runs),
        "last_run_finished_at": runs.aggregate(last=Max("finished_at"))["last"],
        "refreshing": _refreshing(caller, products) | {"runs_running": runs.running().count()},
        "database_bytes": _database_bytes() if caller.customers is None else None,
    }


def _counts(caller: Access) -> dict[str, int]:
    def present(model: type[Feature | Test | Bug]) -> int:
        return access.seen(model.objects.filter(missing_since=None), caller, "product__customer").count()

    return {
        "customers": access.customers(caller).count(),
        "products": access.products(caller).filter(missing_since=None).count(),
        "features": present(Feature),
        "tests": present(Test),
        "bugs": present(Bug),
    }


def _last_day(runs: "QuerySet[SyncEvent]") -> dict[str, Any]:
    ended = runs.filter(finished_at__gte=timezone.now() - timedelta(days=1))
    found = dict(ended.values_list("status").annotate(Count("pk")))
    counts = {str(status): found.get(status, 0) for status in _ENDS}
    total = sum(counts.values())
    return counts | {"success_rate": round(counts[Status.SUCCEEDED] / total, 4) if total else None}


def _refreshing(caller: Access, products: "QuerySet[Product]") -> dict[str, Any]:
    due = products.filter(pk__in=Product.objects.due())
    figures: dict[str, Any] = products.filter(missing_since=None).aggregate(
        products_claimed=Count("pk", filter=~Q(claimed_at=None)),
        products_failing=Count("pk", filter=Q(failures__gt=0)),
        products_stale=Count("pk", filter=freshness.when_stale((), timezone.now())),
    )
    figures |= due.aggregate(products_due=Count("pk"), oldest_due_at=Min("next_sync_at"))
    return figures | {"customers_paused": access.customers(caller).exclude(paused_at=None).count()}


def _database_bytes() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        (size,) = cursor.fetchone()
    return int(size)
