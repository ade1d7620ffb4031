"""The race of everybody who writes: workers with beats of their own, and somebody who syncs by hand again and again."""

import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from django.db.models import Max, QuerySet
from django.utils import timezone

from sync.models import Customer, SyncEvent, SyncLease
from sync.sandbox import SandboxServer
from tests.background.states import all_settled, longest_wait, overlaps
from tests.background.workers import Worker
from tests.sync.support import finish, free_leases, start, wait_until

#: Calls at once, far fewer than all processes together would make.
LIMIT = 3


def race(
    customer: Customer,
    sandbox: SandboxServer,
    database_url: str,
    home: Path,
    *,
    workers: int,
    seconds: int,
    interval: int,
) -> None:
    """For so long, with every product due each ``interval`` seconds; then look at what is left of it."""
    Customer.objects.filter(pk=customer.pk).update(refresh_interval=interval)
    sandbox.faults.set(latency_ms=20)
    limit = {"TESTIO_MAX_CONCURRENT_REQUESTS": str(LIMIT), "TESTIO_PAGE_SIZE": "5"}
    background = SyncEvent.objects.filter(trigger=SyncEvent.Trigger.BACKGROUND)
    with ExitStack() as crowd:
        for number in range(workers):
            crowd.enter_context(Worker(database_url, home, limit, beat=number < 2, processes=2))
        wait_until(lambda: all_known(customer, sandbox), "a first sync")
        until = time.monotonic() + seconds
        by_hand = []
        while time.monotonic() < until:
            by_hand.append(finish(start(database_url, "sync", "--json", **limit)).code)
            # It has put off what the workers were to do, so let them do something before the next one.
            wait_for_workers(background, customer.products.count(), 3 * interval + 20)
        nothing_more_is_due(customer)
        # Nothing is killed while it runs: what is claimed begins yet, and what runs no longer begins another.
        wait_until(lambda: not claimed(customer) and all_settled(customer), "the last runs")
    assert set(by_hand) <= {0, 3, 75}  # done, done but for products others were writing, or all of them
    assert overlaps() == []
    assert sandbox.stats.max_in_flight <= LIMIT
    # Nobody was forgotten: due after the interval, seen at the next tick, and its turn comes.
    assert longest_wait(customer) < 3 * interval + 10
    assert list(background.exclude(status__in=("succeeded", "partial")).values_list("status", "error")) == []
    assert set(customer.products.values_list("failures", flat=True)) == {0}
    assert free_leases()
    tokens = SyncLease.objects.aggregate(most=Max("token"))["most"]
    assert tokens >= seconds / (3 * interval)


def wait_for_workers(background: "QuerySet[SyncEvent]", runs: int, seconds: float) -> None:
    enough = background.count() + runs
    wait_until(lambda: background.count() >= enough, "so many runs of the workers", seconds)


def nothing_more_is_due(customer: Customer) -> None:
    later = timezone.now() + timedelta(hours=1)
    Customer.objects.filter(pk=customer.pk).update(refresh_interval=3600, products_due_at=later)
    customer.products.update(next_sync_at=later, next_full_sync_at=later)


def claimed(customer: Customer) -> bool:
    """Any of its products, or the list of them, was handed to a worker."""
    lists = Customer.objects.filter(pk=customer.pk).exclude(products_claimed_at=None)
    return lists.exists() or customer.products.exclude(claimed_at=None).exists()


def all_known(customer: Customer, sandbox: SandboxServer) -> bool:
    settled = customer.products.exclude(settled_at=None).count()
    return settled == len(sandbox.world.product_ids())
