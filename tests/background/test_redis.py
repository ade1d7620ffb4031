"""Workers with a real Redis between them."""

import signal
from pathlib import Path

from django.db.models.functions import Now

from sync.models import Customer, Product, SyncEvent
from sync.sandbox import SandboxServer
from sync.sandbox.comparison import compare
from tests.background.redis import running_redis
from tests.background.states import all_settled, overlaps
from tests.background.workers import Worker
from tests.sync.support import free_leases, wait_until


def test_two_workers_share_the_work_and_lose_nothing_with_their_redis(
    customer: Customer, sandbox: SandboxServer, database_url: str, home: Path, every_second: None
) -> None:
    with running_redis() as redis:
        at = {"CELERY_BROKER_URL": redis.url}
        with Worker(database_url, home, at, beat=True) as first, Worker(database_url, home, at) as second:
            wait_until(lambda: all_settled(customer), "a first sync")
            assert compare(sandbox.world, customer).is_complete
            redis.stop()
            sandbox.world.insert_tests(customer.products.order_by("pk")[0].pk, 2, bugs=1)
            Product.objects.update(next_sync_at=Now())
            redis.start()
            wait_until(lambda: compare(sandbox.world, customer).is_complete, "the new tests")
            wait_until(lambda: all_settled(customer), "the end of the runs")
            assert first.is_alive
            assert second.is_alive
            assert (first.terminate(), second.terminate()) == (0, 0)
    assert overlaps() == []
    # What was under way when the connection broke stopped after its page; others went on with it.
    assert set(SyncEvent.objects.values_list("status", flat=True)) <= {"succeeded", "cancelled"}
    assert free_leases()


def test_a_task_is_taken_over_from_a_worker_killed_under_redis(
    customer: Customer, sandbox: SandboxServer, database_url: str, home: Path, every_second: None
) -> None:
    sandbox.faults.set(latency_ms=200)
    with running_redis() as redis:
        at = {"CELERY_BROKER_URL": redis.url, "TESTIO_PAGE_SIZE": "3"}
        with Worker(database_url, home, at, beat=True) as first:
            wait_until(lambda: sandbox.stats.by_kind["tests"] > 2, "the middle of a product")
            first.signal(signal.SIGKILL)
            sandbox.faults.clear()
            with Worker(database_url, home, at, beat=True, processes=2):
                wait_until(lambda: all_settled(customer), "the end of all products")
    assert compare(sandbox.world, customer).is_complete
    assert SyncEvent.objects.filter(status="interrupted").count() == 1
    assert overlaps() == []
