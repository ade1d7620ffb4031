import multiprocessing
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest
from django.db import OperationalError, connection

from sync import limiter as limiter_module
from sync.limiter import APPLICATION_NAME, LocalLimiter, PostgresLimiter
from sync.models import Customer
from sync.testio.errors import TestIOCancelled

pytestmark = pytest.mark.django_db(transaction=True)

ADDRESS = ("host", "port", "user", "password")
MakeLimiter = Callable[..., PostgresLimiter]

PATIENCE = 30.0  # seconds after which a test gives up waiting for what should have happened long ago


@pytest.fixture
def customer() -> Customer:
    return Customer.objects.create(name="acme", api_base_url="http://127.0.0.1:1/customer/v2")


@pytest.fixture
def make_limiter(customer: Customer) -> Iterator[MakeLimiter]:
    """Makes limiters of the customer, each with a connection of its own, as another process would have."""
    with ExitStack() as opened:

        def make(limit: int = 2, stop: threading.Event | None = None) -> PostgresLimiter:
            return opened.enter_context(PostgresLimiter(customer.pk, limit, stop=stop))

        yield make


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


class Gauge:
    """A loopback server that counts its connections: a shared place to measure how many calls are in flight."""

    def __init__(self, call_seconds: float) -> None:
        self.call_seconds = call_seconds
        self.calls = self.highest = 0
        self._open: dict[socket.socket, float] = {}
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> "Gauge":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join()
        for peer in self._open:
            peer.close()
        self._listener.close()

    def _run(self) -> None:
        while not self._closing.is_set():
            if select.select([self._listener], [], [], 0.001)[0]:
                self._admit()
            self._release()

    def _admit(self) -> None:
        peer, _ = self._listener.accept()
        self._open[peer] = time.monotonic() + self.call_seconds
        self.calls += 1
        self.highest = max(self.highest, len(self._open))

    def _release(self) -> None:
        now = time.monotonic()
        for peer in [peer for peer, end in self._open.items() if end <= now]:
            del self._open[peer]
            peer.close()


def call(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.recv(1)


def work(limiter: LocalLimiter | PostgresLimiter, port: int, *, threads: int, calls: int) -> None:
    """``calls`` calls in each of ``threads`` threads, each in a slot."""

    def one_after_another() -> None:
        for _ in range(calls):
            with limiter.slot():
                call(port)

    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(one_after_another) for _ in range(threads)]:
            future.result()


@contextmanager
def another_process(statement: str) -> Iterator[subprocess.Popen[str]]:
    """A process with this project's settings and this test's database that runs ``statement`` with this module as t.

    It says "ready" when it has come to the interesting part; ``await_ready`` waits for that.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", f"import django; django.setup(); from tests.sync import test_limiter as t; {statement}"],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"DATABASE_URL": database_url(), "DJANGO_SETTINGS_MODULE": "testio_site.settings"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def database_url() -> str:
    parameters = connection.get_connection_params()
    address: dict[str, object] = {name: value for name, value in parameters.items() if name in ADDRESS}
    return f"postgresql:///{parameters['dbname']}?{urlencode(address)}"


def await_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()


def work_when_told(customer_id: int, limit: int, port: int, threads: int, calls: int) -> None:
    with PostgresLimiter(customer_id, limit) as limiter:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        work(limiter, port, threads=threads, calls=calls)


def hold_two_slots(customer_id: int) -> None:
    limiter = PostgresLimiter(customer_id, 2)
    with limiter.slot(), limiter.slot():
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()


def query(sql: str, *values: str | int) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def locks() -> int:
    """Slots taken by anybody, as the database sees it."""
    [(count,)] = query(
        "SELECT count(*) FROM pg_locks JOIN pg_database ON oid = database"
        " WHERE locktype = 'advisory' AND datname = current_database()"
    )
    return int(count)


def backends() -> set[int]:
    rows = query(
        "SELECT pid FROM pg_stat_activity WHERE application_name = %s AND datname = current_database()",
        APPLICATION_NAME,
    )
    return {pid for (pid,) in rows}


def cut_connections() -> None:
    lost = backends()
    for pid in lost:
        query("SELECT pg_terminate_backend(%s)", pid)
    until(lambda: not lost & backends())


@contextmanager
def database_away() -> Iterator[None]:
    """Nobody can connect to the test database; the connection of this thread stays."""
    name = query("SELECT current_database()")[0][0]
    parameters = {key: value for key, value in connection.get_connection_params().items() if key in ADDRESS}
    with psycopg.connect(**parameters, dbname="postgres", autocommit=True) as administrator:
        administrator.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        cut_connections()
        try:
            yield
        finally:
            administrator.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


def take_and_leave(limiter: LocalLimiter | PostgresLimiter) -> None:
    with limiter.slot():
        pass


def in_thread(action: Callable[[], None]) -> "Future[None]":
    future: Future[None] = Future()

    def run() -> None:
        try:
            action()
        except (TestIOCancelled, OperationalError) as error:
            future.set_exception(error)
        else:
            future.set_result(None)

    threading.Thread(target=run).start()
    return future


def test_calls_in_flight_never_exceed_the_limit_over_processes_and_threads(customer: Customer) -> None:
    statement = "t.work_when_told({}, limit=4, port={}, threads=5, calls=20)"
    with Gauge(call_seconds=0.01) as gauge, ExitStack() as running:
        start = statement.format(customer.pk, gauge.port)
        processes = [running.enter_context(another_process(start)) for _ in range(3)]
        for process in processes:
            await_ready(process)
        for process in processes:
            go(process)
        assert [process.wait(PATIENCE) for process in processes] == [0, 0, 0]
        assert (gauge.calls, gauge.highest) == (300, 4)


def test_every_process_gets_its_turn(make_limiter: MakeLimiter) -> None:
    limiters = [make_limiter(limit=2) for _ in range(3)]
    with Gauge(call_seconds=0.002) as gauge, ThreadPoolExecutor(3) as threads:
        jobs = [threads.submit(work, limiter, gauge.port, threads=2, calls=30) for limiter in limiters]
        for job in jobs:
            job.result(PATIENCE)
        assert (gauge.calls, gauge.highest) == (180, 2)


def test_a_slot_is_one_lock_and_leaves_none_behind(make_limiter: MakeLimiter) -> None:
    limiter = make_limiter(limit=10)
    with limiter.slot():
        assert locks() == 1
        with limiter.slot(), limiter.slot():
            assert locks() == 3
        assert locks() == 1
    assert locks() == 0


def test_a_call_that_fails_gives_its_slot_back(make_limiter: MakeLimiter) -> None:
    limiter = make_limiter(limit=1)
    for _ in range(3):
        with pytest.raises(LookupError), limiter.slot():
            raise LookupError
    assert locks() == 0


def test_customers_do_not_share_slots(make_limiter: MakeLimiter, customer: Customer) -> None:
    other = Customer.objects.create(name="other")
    with make_limiter(limit=1).slot(), PostgresLimiter(other.pk, 1) as limiter, limiter.slot():
        assert locks() == 2


def test_a_killed_process_frees_its_slots(make_limiter: MakeLimiter, customer: Customer) -> None:
    limiter = make_limiter(limit=2)
    with another_process(f"t.hold_two_slots({customer.pk})") as process:
        await_ready(process)
        waiting = in_thread(lambda: take_and_leave(limiter))
        until(lambda: bool(backends()) and locks() == 2)
        assert not waiting.done()
        process.send_signal(signal.SIGKILL)
        waiting.result(PATIENCE)
    assert locks() == 0


def test_closing_frees_everything_and_can_be_repeated(make_limiter: MakeLimiter) -> None:
    limiter = make_limiter(limit=1)
    take_and_leave(limiter)
    limiter.close()
    limiter.close()
    until(lambda: backends() == set())
    take_and_leave(limiter)


def test_a_pause_holds_back_every_process(make_limiter: MakeLimiter) -> None:
    refused, bystander = make_limiter(), make_limiter()
    take_and_leave(bystander)
    began = time.monotonic()
    refused.pause(0.4)
    for limiter in (bystander, refused):
        with limiter.slot():
            assert time.monotonic() - began >= 0.4


def test_a_shorter_pause_does_not_end_a_longer_one(make_limiter: MakeLimiter) -> None:
    limiter, other = make_limiter(), make_limiter()
    began = time.monotonic()
    other.pause(0.4)
    limiter.pause(0.01)
    with limiter.slot():
        assert time.monotonic() - began >= 0.4


def test_a_pause_is_on_the_customers_row_where_an_operator_can_lift_it(
    make_limiter: MakeLimiter, customer: Customer
) -> None:
    refused, bystander = make_limiter(), make_limiter()
    refused.pause(300)
    customer.refresh_from_db()
    assert customer.api_paused_until is not None
    assert (customer.api_paused_until - datetime.now(UTC)).total_seconds() == pytest.approx(300, abs=20)
    waiting = in_thread(lambda: take_and_leave(bystander))
    until(lambda: len(backends()) == 2)
    assert not waiting.done()
    Customer.objects.update(api_paused_until=None)
    waiting.result(PATIENCE)


def test_a_pause_needs_no_row_to_hold_back_its_own_process() -> None:
    with PostgresLimiter(2**32 - 1, 1) as limiter:
        began = time.monotonic()
        limiter.pause(0.2)
        with limiter.slot():
            assert time.monotonic() - began >= 0.2


def test_a_pause_during_an_outage_holds_back_its_own_process(make_limiter: MakeLimiter) -> None:
    limiter = make_limiter()
    with database_away():
        began = time.monotonic()
        limiter.pause(0.2)
    with limiter.slot():
        assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize("kind", ["another thread", "another process", "a pause"])
def test_a_stop_ends_the_wait_for_a_slot(make_limiter: MakeLimiter, kind: str) -> None:
    stop = threading.Event()
    limiter = make_limiter(limit=1, stop=stop)
    holder = make_limiter(limit=1) if kind == "another process" else limiter
    with ExitStack() as held:
        if kind == "a pause":
            holder.pause(300)
        else:
            held.enter_context(holder.slot())
        waiting = [in_thread(lambda: take_and_leave(limiter)) for _ in range(3)]
        assert not any(future.done() for future in waiting)
        stop.set()
        for future in waiting:
            with pytest.raises(TestIOCancelled):
                future.result(PATIENCE)


def test_a_lost_connection_is_replaced(make_limiter: MakeLimiter) -> None:
    limiter = make_limiter(limit=1)
    take_and_leave(limiter)
    cut_connections()
    take_and_leave(limiter)
    with limiter.slot():
        cut_connections()
    with limiter.slot():
        assert locks() == 1


def test_after_a_lost_connection_the_calls_in_flight_are_covered_before_new_ones_begin(
    make_limiter: MakeLimiter,
) -> None:
    limiter, other = make_limiter(limit=2), make_limiter(limit=2)
    with limiter.slot():
        cut_connections()
        with other.slot():
            assert locks() == 1
            waiting = in_thread(lambda: take_and_leave(limiter))
            until(lambda: locks() == 2)
            assert not waiting.done()
        waiting.result(PATIENCE)
        assert locks() == 1
    assert locks() == 0


def test_the_database_may_go_away_for_a_while(make_limiter: MakeLimiter) -> None:
    limiter = make_limiter()
    take_and_leave(limiter)
    with database_away():
        waiting = in_thread(lambda: take_and_leave(limiter))
        with pytest.raises(TimeoutError):
            waiting.result(0.5)
    waiting.result(PATIENCE)


def test_a_database_that_stays_away_is_reported_in_a_sentence(
    make_limiter: MakeLimiter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiter_module, "GIVE_UP_AFTER", 0.2)
    limiter = make_limiter()
    with database_away(), pytest.raises(OperationalError, match=r"^The database has been out of reach for 0 seconds,"):
        take_and_leave(limiter)
    take_and_leave(limiter)


def test_a_forked_child_has_a_connection_of_its_own(make_limiter: MakeLimiter) -> None:
    limiter = make_limiter(limit=2)
    with limiter.slot():
        parents = backends()
        child = multiprocessing.get_context("fork").Process(target=take_and_leave, args=(limiter,))
        child.start()
        child.join(PATIENCE)
        assert child.exitcode == 0
        until(lambda: backends() == parents)
        assert locks() == 1
    assert locks() == 0


def test_a_child_forked_during_a_call_does_not_give_back_the_parents_slot(make_limiter: MakeLimiter) -> None:
    call_in_flight = make_limiter(limit=1).slot()
    call_in_flight.__enter__()
    child = multiprocessing.get_context("fork").Process(target=call_in_flight.__exit__, args=(None, None, None))
    child.start()
    child.join(PATIENCE)
    assert (child.exitcode, locks()) == (0, 1)
    call_in_flight.__exit__(None, None, None)
    assert locks() == 0


@pytest.mark.parametrize(("customer_id", "limit"), [(0, 1), (2**32, 1), (1, 0), (1, 2**16 + 1)])
def test_numbers_that_fit_no_lock_are_refused(customer_id: int, limit: int) -> None:
    with pytest.raises(ValueError, match=r"^no lock numbers for customer "):
        PostgresLimiter(customer_id, limit)


def test_threads_share_the_places_of_a_local_limiter() -> None:
    limiter = LocalLimiter(3)
    with Gauge(call_seconds=0.005) as gauge:
        work(limiter, gauge.port, threads=8, calls=5)
        assert (gauge.calls, gauge.highest) == (40, 3)
