"""What workers do when the database stops, TestIO has enough of them, or one of them is not heard of for a while."""

import signal
import time
from pathlib import Path
from uuid import UUID

import psycopg

from sync.models import Bug, Customer, Product, SyncEvent, SyncLease, Test
from sync.sandbox import SandboxServer
from sync.sandbox.comparison import compare
from tests.background.databases import own_database
from tests.background.states import about_to_be_read_slowly, all_settled
from tests.background.workers import Worker
from tests.sync.support import content, finish, start, versions, wait_until

#: Seconds that trouble lasts here; ``tests/stress`` has the long versions.
A_WHILE = 3


def test_workers_go_on_by_themselves_when_the_database_was_away(sandbox: SandboxServer, home: Path) -> None:
    stop_the_database_for(A_WHILE, sandbox, home)


def stop_the_database_for(seconds: float, sandbox: SandboxServer, home: Path) -> None:
    """While products are being synced; in the end everything is there."""
    sandbox.faults.set(latency_ms=150)
    with own_database() as database:
        url = database.url  # it stays the same when the server starts again
        added = start(url, "customer", "add", "--name", "acme", "--base-url", sandbox.base_url)
        assert finish(added, stdin=f"{sandbox.token}\n").code == 0
        tick_every_second(url)
        with Worker(url, home, {"TESTIO_PAGE_SIZE": "5"}, beat=True, processes=2) as worker:
            wait_until(lambda: sandbox.stats.by_kind["tests"] > 2, "the middle of a product")
            database.stop()
            time.sleep(seconds)
            database.start()
            sandbox.faults.clear()
            wait_until(lambda: is_complete(url, sandbox), "everything after all")
            assert worker.is_alive


def tick_every_second(url: str) -> None:
    with psycopg.connect(url) as session:
        session.execute("UPDATE django_celery_beat_intervalschedule SET every = 1 WHERE period = 'seconds'")
        # And who failed meanwhile tries again soon.
        session.execute("UPDATE sync_customer SET refresh_interval = 10")


def is_complete(url: str, sandbox: SandboxServer) -> bool:
    with psycopg.connect(url) as session:
        tests, *_ = session.execute("SELECT array_agg(id) FROM sync_test").fetchone() or ([],)
        bugs, *_ = session.execute("SELECT array_agg(id) FROM sync_bug").fetchone() or ([],)
        [held] = session.execute("SELECT count(*) FROM sync_synclease WHERE holder IS NOT NULL").fetchone() or (0,)
    world = sandbox.world
    return (set(tests or []), set(bugs or []), held) == (set(world.test_ids()), set(world.bug_ids()), 0)


def test_calls_pause_while_testio_has_too_many_and_nothing_fails(
    customer: Customer, sandbox: SandboxServer, database_url: str, home: Path, every_second: None
) -> None:
    answer_429_for(A_WHILE, customer, sandbox, database_url, home)


def answer_429_for(seconds: float, customer: Customer, sandbox: SandboxServer, database_url: str, home: Path) -> None:
    """To everything, in the middle of a sync."""
    with Worker(database_url, home, {"TESTIO_PAGE_SIZE": "5"}, beat=True, processes=2):
        wait_until(lambda: sandbox.stats.by_kind["tests"] > 2, "the middle of a product")
        sandbox.faults.throttle(seconds)
        until = time.monotonic() + seconds
        wait_until(lambda: sandbox.stats.by_status["429"] > 0, "the first refusal")
        wait_until(lambda: compare(sandbox.world, customer).is_complete, "everything after all", 60 + seconds)
        assert time.monotonic() > until - 0.1
        wait_until(lambda: all_settled(customer), "the end of the runs")
    # The calls under way, at most ten, are refused; everybody else waits.
    assert sandbox.stats.by_status["429"] < 30
    assert set(SyncEvent.objects.values_list("status", flat=True)) == {"succeeded"}
    assert set(Product.objects.values_list("failures", flat=True)) == {0}


def test_a_worker_that_was_suspended_past_its_lease_writes_nothing_more(
    customer: Customer, sandbox: SandboxServer, database_url: str, home: Path, every_second: None
) -> None:
    undisturbed = about_to_be_read_slowly(customer, sandbox)
    short = {"TESTIO_LOCK_TIMEOUT": "5", "TESTIO_PAGE_SIZE": "3"}
    with Worker(database_url, home, short, beat=True) as zombie:
        wait_until(lambda: sandbox.stats.by_kind["tests"] > 2, "the middle of a product")
        zombie.signal(signal.SIGSTOP)
        lease = SyncLease.objects.exclude(holder=None).get()
        run = lease.holder
        assert run is not None
        sandbox.faults.clear()
        with Worker(database_url, home, short, beat=True, processes=2):
            taken_over = SyncLease.objects.filter(pk=lease.pk, token__gt=lease.token)
            wait_until(taken_over.exists, "another that takes over")
            wait_until(lambda: everything_read(customer, run), "the end of all products")
            assert content(customer) == undisturbed
            written = versions(Test, Bug)
            zombie.signal(signal.SIGCONT)
            wait_until(lambda: "was taken over by another sync" in zombie.log, "its own insight")
            zombie.terminate()
    assert versions(Test, Bug) == written
    assert content(customer) == undisturbed
    assert SyncEvent.objects.get(event_id=run).status == "interrupted"


def everything_read(customer: Customer, apart_from: UUID) -> bool:
    running = SyncEvent.objects.running().exclude(event_id=apart_from)
    return not customer.products.filter(settled_at=None).exists() and not running.exists()
