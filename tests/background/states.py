"""What tests begin with, and what they wait for."""

from datetime import datetime

from django.db.models import Max
from django.db.models.functions import Now

from sync.models import Customer, SyncEvent, SyncPhase
from sync.sandbox import SandboxServer
from tests.sync.support import content, forget_everything, sync


def about_to_be_read_slowly(customer: Customer, sandbox: SandboxServer) -> dict[str, list[str]]:
    """All products are due for their first sync, and TestIO takes its time: somebody can be met in the middle of it.

    Returns what the tables hold when nothing disturbs it.
    """
    sync(customer)
    undisturbed = content(customer)
    forget_everything(customer)
    Customer.objects.filter(pk=customer.pk).update(products_due_at=Now())
    sandbox.stats.reset()
    sandbox.faults.set(latency_ms=300)
    return undisturbed


def all_settled(customer: Customer) -> bool:
    """Every product, and there is one, was refreshed, and nobody is at work."""
    products = customer.products.all()
    known = products.exists() and not products.filter(settled_at=None).exists()
    return known and not SyncEvent.objects.running().exists()


def overlaps() -> list[tuple[int, object, object]]:
    """Products that two runs wrote at the same time, with both runs: each run from its first phase to its last."""
    spans: dict[int, list[tuple[datetime, datetime, object]]] = {}
    phases = SyncPhase.objects.exclude(product=None).order_by("started_at").select_related("event")
    for phase in phases:
        ended = phase.finished_at or phase.event.finished_at
        assert ended is not None
        assert phase.product_id is not None
        spans.setdefault(phase.product_id, []).append((phase.started_at, ended, phase.event_id))
    return [
        (product_id, first[2], second[2])
        for product_id, its in spans.items()
        for number, first in enumerate(its)
        for second in its[number + 1 :]
        if second[0] < first[1] and second[2] != first[2]
    ]


def longest_wait(customer: Customer) -> float:
    """Seconds between the ends of two runs of the same product, the longest there was, up to the last run of all."""
    ends: dict[int, list[datetime]] = {}
    ended = SyncPhase.objects.filter(product__customer=customer).exclude(finished_at=None)
    runs = ended.values("product", "event").annotate(end=Max("finished_at"))
    for product_id, end in runs.values_list("product", "end"):
        ends.setdefault(product_id, []).append(end)
    last = max(end for its in ends.values() for end in its)
    waits = [
        (later - earlier).total_seconds()
        for its in ends.values()
        for earlier, later in zip(sorted(its), [*sorted(its)[1:], last], strict=True)
    ]
    return max(waits)
