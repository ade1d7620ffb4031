import logging
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from multiprocessing.connection import Connection
from uuid import UUID, uuid4

import psutil
import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.db.transaction import TransactionManagementError
from pytest_django import Settings

from sync.leases import Busy, Heartbeat, Lease, LeaseLost, acquire, busy
from sync.models import Product, SyncLease
from sync.models.process import this_host
from sync.models.run import Status
from tests.factories import ProductFactory, SyncEventFactory, SyncLeaseFactory, SyncPhaseFactory
from tests.sync.races import Another, until, waiting_for_a_lock

pytestmark = pytest.mark.django_db

#: For what other connections have to see.
committed = pytest.mark.django_db(transaction=True)

RUN, ANOTHER_RUN = UUID(int=1), UUID(int=2)


@pytest.fixture
def product() -> Product:
    return ProductFactory.create()


@pytest.fixture
def taken(product: Product) -> Lease:
    return take(product)


def take(product: Product, holder: UUID = RUN) -> Lease:
    [lease], refused = acquire([product.pk], holder)
    assert refused == []
    return lease


def is_busy(product: Product) -> Busy:
    held, [refused] = acquire([product.pk], ANOTHER_RUN)
    assert held == []
    return refused


def change(lease: Lease, **values: object) -> None:
    SyncLease.objects.filter(pk=lease.product_id).update(**values)


def age(lease: Lease, **spans: timedelta) -> None:
    """Move times of the lease's row into the past."""
    change(lease, **{column: Now() - span for column, span in spans.items()})


def prove(lease: Lease) -> None:
    with transaction.atomic():
        lease.prove()


# Acquiring, proving, releasing ---------------------------------------------------------------------------------------


def test_a_free_product_is_taken_proven_and_released(product: Product) -> None:
    lease = take(product)
    row = SyncLease.objects.get()
    assert (row.holder, row.token, row.host, row.pid) == (RUN, 1, this_host(), os.getpid())
    prove(lease)
    lease.release()
    row.refresh_from_db()
    assert (row.holder, row.acquired_at, row.heartbeat_at, row.token) == (None, None, None, 1)
    with pytest.raises(LeaseLost):
        prove(lease)


def test_the_token_rises_with_every_holder(product: Product) -> None:
    tokens = []
    for _ in range(3):
        lease = take(product)
        tokens.append(lease.token)
        lease.release()
    assert tokens == [1, 2, 3]


def test_a_held_product_is_busy_and_says_who_writes_it(product: Product, taken: Lease, settings: Settings) -> None:
    refused = is_busy(product)
    assert (refused.product_id, refused.holder, refused.pid) == (product.pk, RUN, os.getpid())
    assert str(refused) == (
        f"Sync in progress. Retry in {settings.TESTIO_LOCK_TIMEOUT} seconds. "
        f"(Product {product.pk} is being written by process {os.getpid()} on {this_host()}.)"
    )
    assert busy([product.pk]) == [refused]


def test_of_several_products_the_free_ones_are_taken_and_the_others_are_busy(taken: Lease) -> None:
    others = [ProductFactory.create().pk for _ in range(2)]
    held, refused = acquire([*others, taken.product_id], ANOTHER_RUN)
    assert [lease.product_id for lease in held] == sorted(others)
    assert [each.product_id for each in refused] == [taken.product_id]
    assert [each.product_id for each in busy([*others, taken.product_id])] == sorted([*others, taken.product_id])
    assert (acquire([], RUN), busy([])) == (([], []), [])


@pytest.mark.parametrize(
    "row", [{"token": F("token") + 1}, {"holder": ANOTHER_RUN}, {"holder": None, "acquired_at": None}]
)
def test_who_is_not_the_row_any_more_has_lost_the_lease(taken: Lease, row: dict[str, object]) -> None:
    change(taken, **row)
    with pytest.raises(LeaseLost) as lost:
        prove(taken)
    assert str(lost.value) == (
        f"Product {taken.product_id} was taken over by another sync while this one did not answer. "
        "Nothing is lost: that sync reads what this one had not stored."
    )


def test_a_product_that_was_deleted_is_lost_too(product: Product, taken: Lease) -> None:
    product.delete()
    with pytest.raises(LeaseLost):
        prove(taken)
    taken.release()


def test_releasing_what_somebody_else_holds_now_frees_nothing(taken: Lease) -> None:
    change(taken, token=F("token") + 1, holder=ANOTHER_RUN)
    taken.release()
    assert SyncLease.objects.get().holder == ANOTHER_RUN


@committed
def test_a_proof_needs_the_transaction_it_protects(taken: Lease) -> None:
    with pytest.raises(TransactionManagementError):
        taken.prove()


def test_a_holder_and_its_time_are_there_together(taken: Lease) -> None:
    with pytest.raises(IntegrityError, match="lease_holder_and_time_together"):
        change(taken, acquired_at=None)


# Nobody waits --------------------------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    """A thread with a connection of its own."""
    with ThreadPoolExecutor(1) as pool:
        yield pool
        pool.submit(lambda: connection.close()).result()  # that thread's connection, not this one's


@committed
def test_a_product_whose_page_is_being_stored_is_busy_at_once(
    product: Product, taken: Lease, elsewhere: ThreadPoolExecutor
) -> None:
    age(taken, heartbeat_at=timedelta(days=1))  # the page takes long, so the heartbeat waits for it
    with transaction.atomic():
        taken.prove()
        began = time.monotonic()
        assert elsewhere.submit(is_busy, product).result(20).holder == RUN
        assert time.monotonic() - began < 2
        assert waiting_for_a_lock() == 0


@committed
def test_a_product_somebody_else_is_just_taking_is_busy_at_once(
    product: Product, elsewhere: ThreadPoolExecutor
) -> None:
    SyncLeaseFactory.create(product=product)
    with transaction.atomic():
        SyncLease.objects.select_for_update().get()
        refused = elsewhere.submit(is_busy, product).result(20)
    assert str(refused) == (
        "Sync in progress. Retry in 600 seconds. "
        f"(Product {product.pk} is being written by another sync that is just beginning.)"
    )


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

    with Heartbeat(run.pk):
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

    with caplog.at_level(logging.WARNING, "sync.leases"), Heartbeat(RUN):
        until(cut)
        age(lease, heartbeat_at=timedelta(days=1))
        until(lambda: len(busy([product.pk])) == 1)


def write_when_told(line: Connection, product_id: int) -> None:
    """In another process: take the product, and write it when told, as a sync does."""
    [lease], _ = acquire([product_id], RUN)
    with Heartbeat(RUN):
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


# When to ask again ---------------------------------------------------------------------------------------------------


def a_run_of(product: Product, days_ago: int, seconds: list[int], status: Status = Status.SUCCEEDED) -> None:
    """A run some days ago whose phases ended after so many seconds, one after the other."""
    began = Now() - timedelta(days=days_ago)
    event = SyncEventFactory.create(customer=product.customer, started_at=began)
    names = ("features", "tests", "bugs")
    for name, start, end in zip(names, [0, *seconds], seconds, strict=False):
        times = {"started_at": began + timedelta(seconds=start), "finished_at": began + timedelta(seconds=end)}
        SyncPhaseFactory.create(event=event, product=product, name=name, status=Status.SUCCEEDED, **times)
    if status != Status.RUNNING:
        type(event).objects.filter(pk=event.pk).update(status=status, finished_at=Now())


def test_it_is_worth_asking_again_when_the_last_sync_would_have_ended(product: Product, taken: Lease) -> None:
    a_run_of(product, 3, [1000])
    a_run_of(product, 2, [60, 119, 120])
    a_run_of(product, 1, [3], Status.FAILED)
    a_run_of(product, 0, [5], Status.RUNNING)
    a_run_of(ProductFactory.create(), 1, [7])
    age(taken, acquired_at=timedelta(seconds=30))
    assert 85 <= is_busy(product).retry_after <= 90
    age(taken, acquired_at=timedelta(seconds=500))
    assert is_busy(product).retry_after == 1
    assert str(is_busy(product)).startswith("Sync in progress. Retry in 1 second. ")


def test_without_an_earlier_sync_the_time_out_has_to_do(product: Product, taken: Lease) -> None:
    age(taken, acquired_at=timedelta(seconds=30))
    assert 565 <= is_busy(product).retry_after <= 570
    age(taken, acquired_at=timedelta(days=30))
    assert is_busy(product).retry_after == 1


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
    assert [seconds for _, refused in answers for seconds in refused if not 590 <= seconds <= 600] == []


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
