"""Runs and data as plain figures, for every doorway that shows them."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, TypedDict

from django.db.models import Count, QuerySet

from sync import leases, refresh
from sync.models import Bug, Customer, Product, SyncEvent, SyncPhase, Test
from sync.models.status import Status


class Result(TypedDict):
    """What a run came to. ``event_id`` is the run's UUID; ``gaps`` counts positions that could not be read."""

    event_id: str
    customer: str
    status: str
    products: int
    features: int
    tests_new: int
    tests_updated: int
    bugs_new: int
    bugs_updated: int
    missing: int
    gaps: int
    api_calls: int
    seconds: float
    warnings: list[str]
    error: str


def result(event: SyncEvent) -> Result:
    phases = SyncPhase.objects.filter(event=event).select_related("product").order_by("pk")
    ended = event.finished_at or event.heartbeat_at
    return Result(
        event_id=str(event.event_id),
        customer=event.customer.name,
        status=event.status,
        products=event.products,
        features=event.features,
        tests_new=event.tests_new,
        tests_updated=event.tests_updated,
        bugs_new=event.bugs_new,
        bugs_updated=event.bugs_updated,
        missing=event.missing,
        gaps=event.gaps,
        api_calls=event.api_calls,
        seconds=round((ended - event.started_at).total_seconds(), 3),
        warnings=[sentence for phase in phases for sentence in _said_of(phase, event)],
        error=event.error,
    )


def _said_of(phase: SyncPhase, event: SyncEvent) -> Iterator[str]:
    """Its warnings, and why it failed where that is not the reason for the end of the whole run."""
    yield from phase.warnings
    if phase.status == Status.FAILED and phase.error and phase.error not in event.error:
        yield f"{phase.product or event.customer}: {phase.get_name_display()} failed. {phase.error}"


def plan(customer: Customer, steps: Iterable[tuple[Product, str]]) -> dict[str, Any]:
    return {
        "customer": customer.name,
        "products": [
            {"id": product.pk, "name": product.name, "last_sync": product.tests_synced_at, "action": action}
            for product, action in steps
        ],
    }


def standing(customers: Sequence[Customer], product_ids: Collection[int] = ()) -> list[dict[str, Any]]:
    """How the data of each customer stands: rows and freshness per product, who is writing it, and the last run.

    As many statements for all customers as for one. A run whose process died counts as running until somebody calls
    ``runs.interrupt_dead``.
    """
    products = Product.objects.filter(customer__in=customers)
    if product_ids:
        products = products.filter(pk__in=product_ids)
    tests = _counts(Test.objects.filter(product__in=products, missing_since=None))
    bugs = _counts(Bug.objects.filter(product__in=products, missing_since=None))
    held = {each.product_id: each for each in leases.busy(products.values_list("pk", flat=True))}
    due = set(products.filter(pk__in=Product.objects.due()).values_list("pk", flat=True))
    last = {run.customer_id: run for run in _last_runs(customers)}
    rows: dict[int, list[dict[str, Any]]] = {customer.pk: [] for customer in customers}
    for product in products:
        rows[product.customer_id].append(
            {
                "id": product.pk,
                "name": str(product),
                "tests": tests.get(product.pk, 0),
                "bugs": bugs.get(product.pk, 0),
                "features_synced_at": product.features_synced_at,
                "tests_synced_at": product.tests_synced_at,
                "bugs_synced_at": product.bugs_synced_at,
                "missing_since": product.missing_since,
                "next_sync_at": product.next_sync_at,
                "due": product.pk in due,
                "claimed_at": product.claimed_at,
                "failures": product.failures,
                "last_outcome": product.last_outcome,
                "last_error": product.last_error,
                "lease": f"syncing, retry in {held[product.pk].retry_after} seconds" if product.pk in held else "",
            }
        )
    return [
        {
            "customer": customer.name,
            "paused_at": customer.paused_at,
            "paused_reason": customer.paused_reason,
            "left_alone": _why_left_alone(customer),
            "products": rows[customer.pk],
            "last_run": _said_of_run(last.get(customer.pk)),
        }
        for customer in customers
    ]


def _why_left_alone(customer: Customer) -> str:
    """Why nothing of it is refreshed in the background; empty where it is."""
    if not customer.is_active:
        return "It is switched off."
    if not customer.has_token:
        return "It has no API token. Set one with `manage.py customer set-token`."
    return customer.paused_reason


def _last_runs(customers: Sequence[Customer]) -> "QuerySet[SyncEvent]":
    of_each = SyncEvent.objects.filter(customer__in=customers).order_by("customer_id", "-started_at")
    return of_each.distinct("customer_id")


def _said_of_run(run: SyncEvent | None) -> str | None:
    return f"{run.public_id}, {run.status}, {when(run.started_at)}" if run else None


class Watching(TypedDict):
    """Which process refreshes in the background where no task queue does."""

    host: str
    pid: int | None
    started_at: datetime
    last_cycle_at: datetime | None
    cycles: int


def watching() -> Watching | None:
    """The living watcher, if there is one."""
    watcher = refresh.watching()
    if watcher is None:
        return None
    return Watching(
        host=watcher.host,
        pid=watcher.pid,
        started_at=watcher.started_at,
        last_cycle_at=watcher.last_cycle_at,
        cycles=watcher.cycles,
    )


def next_refresh(row: dict[str, Any]) -> str:
    """How a product of ``standing`` stands with its background refresh, in a few words."""
    later = f"handed to a worker {when(row['claimed_at'])}" if row["claimed_at"] else when(row["next_sync_at"])
    soon = "due" if row["due"] else later
    if row["missing_since"]:
        return "none: missing from TestIO"
    return f"{soon}, {row['failures']} failed" if row["failures"] else soon


def when(moment: datetime | None) -> str:
    """A time in the one stable form people see: UTC to the minute."""
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "never"


def _counts(rows: Any) -> dict[int, int]:
    return dict(rows.order_by().values_list("product_id").annotate(Count("pk")))
