"""The engine's pools across forks and threads, and what a user sees when there is no database."""

import json
import os
import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Thread
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection, connections, transaction

from testio_site.postgres import pools
from testio_site.postgres.base import DatabaseWrapper

pytestmark = [
    pytest.mark.django_db(transaction=True),
    # Later Pythons warn of any fork beside threads; that it works here is what these tests show.
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


def backend() -> int:
    """The process id of the server's end of this thread's connection."""
    return int(ask("SELECT pg_backend_pid()"))


def ask(query: str, *parameters: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchone()[0]


def in_forked_child(work: Callable[[], object]) -> object:
    """What `work` returns in a forked child, by way of JSON."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, json.dumps(work()).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return json.loads(text)


def in_threads(number: int, work: Callable[[], object]) -> list[object]:
    def and_close() -> object:
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(number) as threads:
        return [future.result() for future in [threads.submit(and_close) for _ in range(number)]]


def test_a_forked_child_gets_its_own_connection_and_its_parent_keeps_the_old_one() -> None:
    before = backend()
    child = in_forked_child(backend)
    assert child != before
    assert backend() == before


def test_idle_connections_of_the_parent_survive_a_child_that_fills_and_closes_its_own_pool() -> None:
    meet = Barrier(4)

    def meet_and_ask() -> object:
        answer = backend()
        meet.wait(10)  # four connections at once
        return answer

    before = in_threads(4, meet_and_ask)

    def child() -> object:
        answers = in_threads(4, meet_and_ask)
        pools.close_pools()
        return answers

    theirs = in_forked_child(child)
    assert isinstance(theirs, list)
    assert len(set(theirs)) == 4
    assert set(before) & set(theirs) == set()
    assert ask("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(%s)", before) == 4


def test_a_fork_inside_a_transaction_leaves_the_transaction_to_the_parent() -> None:
    with transaction.atomic():
        ask("SELECT set_config('testio.note', 'ours', true)")
        note = "SELECT current_setting('testio.note', true)"
        theirs = in_forked_child(lambda: [connection.in_atomic_block, ask(note)])
        assert theirs == [False, None]
        assert ask(note) == "ours"


def test_a_forked_child_lets_go_of_its_copy_of_the_socket() -> None:
    """Else the server would not notice the end of a parent whose child lives on."""
    backend()
    descriptor = connection.connection.fileno()
    assert stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    assert in_forked_child(lambda: stat.S_ISSOCK(os.fstat(descriptor).st_mode)) is False


def test_threads_that_connect_first_at_the_same_moment_share_one_pool() -> None:
    connection.close()
    pools.close_pools()
    start = Barrier(8)

    def pool_after_a_query() -> object:
        start.wait(10)
        backend()
        ours = connections["default"]
        assert isinstance(ours, DatabaseWrapper)
        return id(ours.pool)

    assert len(set(in_threads(8, pool_after_a_query))) == 1


def test_more_threads_than_connections_wait_for_their_turn() -> None:
    answers = in_threads(40, lambda: ask("SELECT 1 FROM pg_sleep(0.01)"))
    assert answers == [1] * 40
    assert pools.lost() == 0


def test_a_connection_that_its_thread_did_not_close_is_counted_as_lost() -> None:
    thread = Thread(target=backend)
    thread.start()
    thread.join()
    assert pools.lost() == 1
    pools.close_pools()


def test_an_idle_connection_that_the_server_ended_is_replaced() -> None:
    idle = backend()
    connection.close()
    with psycopg.connect(**connection.get_connection_params()) as session:
        session.execute("SELECT pg_terminate_backend(%s)", [idle])
    assert backend() != idle


def test_texts_are_folded_and_compared_the_same_on_every_machine() -> None:
    assert ask("SELECT lower('ÄÉŁ')") == "äéł"
    assert ask("SELECT 'Z' < 'a'") is True
    assert ask("SELECT datlocprovider FROM pg_database WHERE datname = current_database()") == "b"


def _begun(number: int = 1) -> Iterator[Any]:
    """Rows read in parts, of which one was read and others are left."""
    User.objects.bulk_create(User(username=f"somebody {number} {n}") for n in range(5))
    rows = User.objects.iterator(1)
    next(rows)
    return rows


def test_rows_that_nobody_read_to_their_end_do_no_harm_to_a_later_transaction() -> None:
    with transaction.atomic():
        rows = _begun()
        assert ask("SELECT count(*) FROM pg_cursors") == 1
    with transaction.atomic():
        rows.close()  # type: ignore[attr-defined]
        assert (ask("SELECT count(*) FROM pg_cursors"), User.objects.count()) == (0, 5)


def test_rows_freed_while_their_connection_is_at_work_wait_for_nothing() -> None:
    with transaction.atomic():
        rows = _begun()
        with connection.connection.lock:  # as any statement holds it, in which the garbage collector may run
            closing = Thread(target=rows.close, daemon=True)  # type: ignore[attr-defined]
            closing.start()
            closing.join(5)
            assert not closing.is_alive()
    with transaction.atomic():
        assert (ask("SELECT count(*) FROM pg_cursors"), User.objects.count()) == (0, 5)


def test_rows_begun_in_a_savepoint_that_is_rolled_back_do_no_harm_after_it() -> None:
    with transaction.atomic():
        kept = _begun()
        with transaction.atomic():
            lost = _begun(2)
            transaction.set_rollback(True)
        lost.close()  # type: ignore[attr-defined]
        assert (ask("SELECT count(*) FROM pg_cursors"), len(list(kept))) == (1, 4)


def test_rows_begun_outside_of_transactions_end_when_the_connection_is_given_back() -> None:
    rows, session = _begun(), connection.connection
    with transaction.atomic():
        assert next(rows)
    assert next(rows)
    connection.close()
    assert session.execute("SELECT count(*) FROM pg_cursors").fetchone() == (0,)
    rows.close()  # type: ignore[attr-defined]


def test_a_forked_child_leaves_its_parents_rows_alone() -> None:
    with transaction.atomic():
        rows = _begun()
        assert in_forked_child(User.objects.count) == 0
        assert len(list(rows)) == 4
