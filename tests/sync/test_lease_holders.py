"""Who holds a lease: dead or suspended holders, living ones, and many that want it at once. Real processes."""

import logging
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from multiprocessing.connection import Connection
from uuid import uuid4

import psutil
import pytest
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from pytest_django import Settings

from sync.leases import Lease, LeaseLost, acquire, busy, kept_alive
from sync.models import Product, SyncLease
from sync.models.process import this_host
from tests.factories import ProductFactory, SyncEventFactory
from tests.sync.leasing import ANOTHER_RUN, RUN, age, change, is_busy, prove, take
from tests.sync.races import Another, until

pytestmark = pytest.mark.django_db

#: For what other connections have to see.
committed = pytest.mark.django_db(transaction=True)


@pytest.fixture
def product() -> Product:
    return ProductFactory.create()


@pytest.fixture
def taken(product: Product) -> Lease:
    return take(product)


# Who is gone, and who only works long --------------------------------------------------------------------------------


def hold(line: Connection, product_id: int) -> None:
    """In another process: take the product and keep it."""
    acquire([product_id], RUN)
    line.send("holding")
    line.recv()


@committed
def test_a_holder_that_was_killed_is_replaced_at_once(
    product: Product, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Another(database_url, hold, product.pk) as holder:
        assert holder.begin().hear() == "holding"
        assert is_busy(product).pid == holder.pid
        holder.kill()
        assert busy([product.pk]) == []
        with caplog.at_level(logging.WARNING):
            assert take(product, ANOTHER_RUN).token == 2
    [sentence] = caplog.messages
    assert sentence == (
        f"Taking over the lease of product {product.pk}: its holder (run {RUN}, process {holder.pid} "
        f"on {this_host()}) is gone."
    )


def test_a_dead_process_whose_parent_has_not_noticed_is_gone(product: Product, taken: Lease) -> None:
    with subprocess.Popen(["true"]) as child:  # noqa: S607  # wherever it is
        process = psutil.Process(child.pid)
        change(taken, pid=child.pid, process_started=process.create_time())
        until(lambda: process.status() == psutil.STATUS_ZOMBIE)
        assert take(product, ANOTHER_RUN).token == 2


def test_another_process_with_the_same_number_is_not_the_holder(product: Product, taken: Lease) -> None:
    change(taken, process_started=F("process_started") - 3600)
    assert take(product, ANOTHER_RUN).token == 2


def test_a_clock_that_was_set_does_not_make_a_living_holder_another_process(product: Product, taken: Lease) -> None:
    for seconds in (-1, 2):
        change(taken, process_started=F("process_started") + seconds)
        assert is_busy(product).holder == RUN


@pytest.mark.parametrize(("silent", "is_free"), [(0, False), (590, False), (610, True), (None, True)])
@pytest.mark.parametrize("host", ["another host", "this host"])
def test_a_silent_holder_is_replaced_after_the_time_out_on_any_host(
    product: Product, taken: Lease, host: str, silent: int | None, is_free: bool
) -> None:
    if host == "another host":
        change(taken, host=host, pid=2**22)
    if silent is None:
        change(taken, heartbeat_at=None)
    else:
        age(taken, heartbeat_at=timedelta(seconds=silent), acquired_at=timedelta(days=3))
    assert [each.product_id for each in busy([product.pk])] == ([] if is_free else [product.pk])
    held, refused = acquire([product.pk], ANOTHER_RUN)
    assert (len(held), len(refused)) == ((1, 0) if is_free else (0, 1))


@committed
def test_a_heartbeat_keeps_a_run_and_its_leases_alive(product: Product, settings: Settings) -> None:
    settings.TESTIO_LOCK_TIMEOUT = 1
    run = SyncEventFactory.create(customer=product.customer)
    lease, foreign = take(product, run.pk), take(ProductFactory.create(), ANOTHER_RUN)
    for each in (lease, foreign):
        age(each, heartbeat_at=timedelta(days=1))
    type(run).objects.update(heartbeat_at=Now() - timedelta(days=1))

    def beats() -> bool:
        run.refresh_from_db()
        beat = SyncLease.objects.get(pk=product.pk).heartbeat_at
        assert beat
        return run.started_at - beat < timedelta(minutes=1) and run.started_at - run.heartbeat_at < timedelta(minutes=1)

    with kept_alive(run.pk):
        until(beats)
    assert [each.product_id for each in busy([product.pk, foreign.product_id])] == [product.pk]


@committed
def test_a_heartbeat_outlives_a_database_that_was_away(
    product: Product, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.TESTIO_LOCK_TIMEOUT = 1
    lease = take(product)

    def cut() -> bool:
        """Cut the heartbeat's connection until it has noticed."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%%heartbeat_at%%'"
            )
        return any("could not be stored and is tried again" in message for message in caplog.messages)

    with caplog.at_level(logging.WARNING, "sync.heartbeat"), kept_alive(RUN):
        until(cut)
        age(lease, heartbeat_at=timedelta(days=1))
        until(lambda: len(busy([product.pk])) == 1)


def write_when_told(line: Connection, product_id: int) -> None:
    """In another process: take the product, and write it when told, as a sync does."""
    [lease], _ = acquire([product_id], RUN)
    with kept_alive(RUN):
        line.send("holding")
        line.recv()
        try:
            with transaction.atomic():
                lease.prove()
                Product.objects.filter(pk=product_id).update(name="written")
        except LeaseLost as lost:
            line.send(str(lost))
        else:
            line.send("written")


@committed
def test_a_suspended_holder_that_was_replaced_writes_nothing_more(product: Product, database_url: str) -> None:
    with Another(database_url, write_when_told, product.pk) as holder:
        assert holder.begin().hear() == "holding"
        holder.signal(signal.SIGSTOP)
        age(Lease(product.pk, RUN, 1), heartbeat_at=timedelta(seconds=590))
        assert is_busy(product).holder == RUN
        age(Lease(product.pk, RUN, 1), heartbeat_at=timedelta(seconds=610))
        replacement = take(product, ANOTHER_RUN)
        holder.signal(signal.SIGCONT)
        holder.tell()
        assert holder.hear().startswith(f"Product {product.pk} was taken over by another sync")
    product.refresh_from_db()
    assert product.name != "written"
    assert replacement.token == 2
    prove(replacement)


# Many at once --------------------------------------------------------------------------------------------------------


def try_once(line: Connection, product_id: int) -> None:
    held, refused = acquire([product_id], uuid4())
    line.send(([lease.token for lease in held], [each.retry_after for each in refused]))
    line.recv()  # who is gone holds nothing: nobody leaves before everybody tried


@committed
def test_of_ten_processes_at_once_exactly_one_wins(product: Product, database_url: str) -> None:
    with ExitStack() as running:
        crowd = [running.enter_context(Another(database_url, try_once, product.pk)) for _ in range(10)]
        for each in crowd:
            each.begin()
        answers = [each.hear() for each in crowd]
    assert [tokens for tokens, _ in answers if tokens] == [[1]]
    assert sorted(len(refused) for _, refused in answers) == [0] + [1] * 9
    assert [seconds for _, refused in answers for seconds in refused if not 110 <= seconds <= 120] == []


def take_turns(line: Connection, product_id: int, turns: int, pause: float) -> None:
    dice = random.Random(os.getpid())
    while turns:
        held, _ = acquire([product_id], uuid4())
        for lease in held:
            turns -= 1
            with transaction.atomic(), connection.cursor() as cursor:
                lease.prove()
                cursor.execute("INSERT INTO turn VALUES (%s, clock_timestamp(), NULL)", [lease.token])
            time.sleep(dice.random() / 1000)
            with transaction.atomic(), connection.cursor() as cursor:
                lease.prove()
                cursor.execute("UPDATE turn SET ended = clock_timestamp() WHERE token = %s", [lease.token])
            lease.release()
        time.sleep(dice.random() * pause)  # those who wait must leave the holder some of the machine


@pytest.fixture
def turns() -> Iterator[None]:
    """A table that is only written under the lease: one row per holder, with when it began and ended."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE turn (token bigint PRIMARY KEY, began timestamptz, ended timestamptz)")
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE turn")


@committed
@pytest.mark.parametrize(
    ("processes", "each", "pause"),
    [(6, 5, 0.05), pytest.param(50, 20, 1.0, marks=pytest.mark.stress)],
    ids=["few", "many"],
)
def test_there_are_never_two_holders_at_once(
    product: Product, turns: None, database_url: str, processes: int, each: int, pause: float
) -> None:
    with ExitStack() as running:
        arguments = (product.pk, each, pause)
        crowd = [running.enter_context(Another(database_url, take_turns, *arguments)) for _ in range(processes)]
        for process in crowd:
            process.begin()
        assert {process.end(600) for process in crowd} == {0}
    with connection.cursor() as cursor:
        cursor.execute("SELECT array_agg(token ORDER BY token) FROM turn WHERE ended IS NOT NULL")
        assert cursor.fetchone() == (list(range(1, processes * each + 1)),)
        cursor.execute("SELECT count(*) FROM turn a JOIN turn b ON a.token < b.token AND b.began < a.ended")
        assert cursor.fetchone() == (0,)
    assert SyncLease.objects.get().holder is None
