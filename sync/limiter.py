"""One limiter: at most so many calls to TestIO per customer at once, over all threads and processes on all hosts.

A slot is a PostgreSQL session advisory lock, held on one connection per process and customer that is used for nothing
else. That makes the database the only referee, and frees the slots of a killed process without anybody's help: they
end with its connection. A pause (HTTP 429) is a time on the customer's row, by the database's clock.

The SQL is written out because neither half has an ORM form: advisory locks are functions with an effect, and taking
one together with reading the pause in a single round trip is what keeps a slot far cheaper than the call it guards.
The connection is our own, not Django's, because a session lock must stay with one session, whereas Django's pool
hands sessions around. For the same reason DATABASE_URL must not lead through a pooler in transaction mode.
"""

import logging
import math
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any, Self
from weakref import WeakSet

import psycopg
from django.db import OperationalError, connection

from sync.disk import has_no_room
from sync.testio import errors

log = logging.getLogger(__name__)

NAMESPACE = 0x7E57  # the top 16 bits of our lock numbers; nothing else in this database uses advisory locks like them
POLL = (0.010, 0.030)  # seconds between looks for a slot that other processes hold; random, so that they take turns
LONGEST_NAP = 1.0  # seconds; a pause may be lengthened, or lifted by hand, while we wait for its end
GIVE_UP_AFTER = 60.0  # seconds without the database
LONGEST_BACKOFF = 2.0  # seconds between attempts to reach it again

APPLICATION_NAME = "testio-desk limiter"

# Each end notices within half a minute that the other's host is gone, and with it whoever held slots there.
_KEEPALIVE = {"keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3, "connect_timeout": 5}
_SESSION_SETTINGS = """
    SELECT set_config('tcp_keepalives_idle', '15', false), set_config('tcp_keepalives_interval', '5', false),
        set_config('tcp_keepalives_count', '3', false), set_config('lock_timeout', '5s', false)
"""
_AWAY = (psycopg.OperationalError, psycopg.InterfaceError, OperationalError)

# No slot during a pause, else the first that is free. LIMIT ends the scan with the first lock we get, and nothing but
# the list of numbers is scanned, so no lock is taken and forgotten. Locks are re-entrant within a session: the caller
# leaves out the numbers this session holds already.
_TAKE = """
    WITH pause AS (
        SELECT coalesce((
            SELECT extract(epoch FROM api_paused_until - clock_timestamp()) FROM sync_customer WHERE id = %(customer)s
        ), 0)::float8 AS seconds
    )
    SELECT pause.seconds, ARRAY(
        SELECT number FROM unnest(%(free)s::int[]) AS number WHERE pg_try_advisory_lock(%(base)s + number)
        LIMIT CASE WHEN pause.seconds > 0 THEN 0 ELSE 1 END
    ) FROM pause
"""
_GIVE = "SELECT pg_advisory_unlock(%(base)s + %(number)s)"
_PAUSE = """
    UPDATE sync_customer
    SET api_paused_until = greatest(api_paused_until, clock_timestamp() + %(seconds)s * interval '1 second')
    WHERE id = %(customer)s
"""

_dice = random.SystemRandom()
_limiters: "WeakSet[PostgresLimiter]" = WeakSet()
_inherited: list[object] = []


class LocalLimiter:
    """Limits the threads of this process: for a customer that has no row yet (a token check), and within a slot."""

    def __init__(self, limit: int, *, stop: threading.Event | None = None) -> None:
        self._places = threading.BoundedSemaphore(limit)
        self._stop = stop or threading.Event()
        self._paused_until = -math.inf
        self._lock = threading.Lock()

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Waits for a free place and the end of a pause. Raises TestIOCancelled when it is stopped while it waits."""
        while not self._places.acquire(timeout=0.1):
            self.rest(0)
        try:
            while (left := self._paused_until - time.monotonic()) > 0:
                self.rest(left)
            yield
        finally:
            self._places.release()

    def pause(self, seconds: float) -> None:
        with self._lock:
            self._paused_until = max(self._paused_until, time.monotonic() + seconds)

    def rest(self, seconds: float) -> None:
        """Wait, ready to be stopped."""
        if self._stop.wait(seconds):
            raise errors.cancelled()


class PostgresLimiter:
    """Limits every process that uses this database. Threads share one instance; a forked child may go on using it.

    Waiting ends with TestIOCancelled once ``stop`` is set, and with django.db.OperationalError when the database has
    been away for GIVE_UP_AFTER seconds.
    """

    def __init__(self, customer_id: int, limit: int, *, stop: threading.Event | None = None) -> None:
        if not (0 < customer_id < 2**32 and 0 < limit <= 2**16):
            raise ValueError(f"no lock numbers for customer {customer_id} with {limit} slots")
        self._customer_id = customer_id
        self._limit = limit
        self._stop = stop
        self._begin()
        _limiters.add(self)

    def _begin(self) -> None:
        self._local = LocalLimiter(self._limit, stop=self._stop)
        self._session = _Session(self._customer_id, self._limit)
        self._turnstile = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give up the connection and with it every slot. Safe to call twice; using the limiter again connects again."""
        self._session.close()

    def forget_inherited(self) -> None:
        """In a forked child: the connection, its slots and whatever threads held locks are the parent's."""
        self._session.abandon()
        self._begin()

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Waits until a call may be made, and holds its place until the block ends."""
        session = self._session  # a child forked within the block must not give back what is the parent's
        with self._local.slot():
            with self._turnstile:  # one thread looks out for a slot, the others need not poll
                self._wait_for_slot(session)
            try:
                yield
            finally:
                session.give()

    def _wait_for_slot(self, session: "_Session") -> None:
        while True:
            try:
                taken, pause = session.take()
            except _AWAY as error:
                self._local.rest(session.next_try(error))
                continue
            if taken:
                return
            if pause:
                self._local.rest(min(pause, LONGEST_NAP))
            else:
                session.wait_for_change()
                self._local.rest(0)

    def pause(self, seconds: float) -> None:
        """Nobody begins a call for so long, in any process; a longer pause that is on already stays.

        While the database is away only this process pauses: TestIO will tell the others what it told us.
        """
        self._local.pause(seconds)
        try:
            self._session.pause(seconds)
        except _AWAY as error:
            log.warning("the pause could not be announced to other processes: %s", error)


class _Session:
    """One process's connection, the slots it holds, and the calls in flight under them.

    Those two numbers are equal, except after a lost connection: the slots went with it while the calls go on. Then
    new calls wait until every call in flight has a slot again or has ended, so the limit is not exceeded for longer
    than those calls take.
    """

    def __init__(self, customer_id: int, limit: int) -> None:
        self._customer_id = customer_id
        self._base = NAMESPACE << 48 | customer_id << 16
        self._numbers = range(limit)
        self._lock = threading.Lock()
        self._freed = threading.Event()
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None
        self._held: list[int] = []
        self._in_flight = 0
        self._failed_tries = 0
        self._away_since = math.inf

    def take(self) -> tuple[bool, float]:
        """Whether one more call may begin, and if not, the seconds that a pause still lasts (0: there is none)."""
        self._freed.clear()
        with self._lock:
            free = [number for number in self._numbers if number not in self._held]
            pause, taken = self._execute(_TAKE, free=free).fetchone() or (0, [])
            self._failed_tries, self._away_since = 0, math.inf
            self._held += taken
            if len(self._held) <= self._in_flight:  # none was free, or it goes to a call that has lost its own
                return False, max(pause, 0.0)
            self._in_flight += 1
            return True, 0.0

    def give(self) -> None:
        """A call has ended. A lost connection does not matter here: the slot went with it."""
        with self._lock:
            self._in_flight -= 1
            if len(self._held) > self._in_flight:
                number = self._held.pop()
                with suppress(*_AWAY):
                    self._execute(_GIVE, number=number)
        self._freed.set()

    def pause(self, seconds: float) -> None:
        with self._lock:
            try:
                self._execute(_PAUSE, seconds=seconds)
            except _AWAY:  # an idle connection may have ended without our noticing; a new one tells
                self._execute(_PAUSE, seconds=seconds)

    def wait_for_change(self) -> None:
        """Until a call of this process ends, or it is time to look what other processes have freed."""
        self._freed.wait(_dice.uniform(*POLL))

    def next_try(self, error: Exception) -> float:
        """The database is away: seconds until the next attempt. Raises OperationalError once that makes no sense."""
        if has_no_room(error):
            raise OperationalError(str(error)) from error
        now = time.monotonic()
        self._away_since = min(self._away_since, now)
        if now - self._away_since > GIVE_UP_AFTER:
            raise OperationalError(
                f"The database has been out of reach for {GIVE_UP_AFTER:.0f} seconds, so no call to TestIO can be "
                "admitted. What was stored is safe; start again when the database is back."
            ) from error
        self._failed_tries += 1
        return _dice.uniform(0.5, 1) * min(0.1 * 2.0 ** min(self._failed_tries, 10), LONGEST_BACKOFF)

    def close(self) -> None:
        with self._lock:
            self._disconnect()

    def abandon(self) -> None:
        """In a forked child: all this is the parent's, the lock too, which one of its threads may hold. Our copy of its
        socket is let go of without a word to the server, so that the server sees the parent's end when that comes."""
        inherited, self._connection = self._connection, None
        self._held.clear()
        self._lock = threading.Lock()
        if inherited is not None and not inherited.closed:
            _inherited.append(inherited)  # kept, not freed: it would complain about not being closed
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, inherited.fileno(), inheritable=False)
            os.close(nowhere)

    def _execute(self, sql: str, **values: object) -> psycopg.Cursor[tuple[Any, ...]]:
        """Call it with the lock. However it fails, the connection is given up: no lock stays behind unnoticed."""
        with ExitStack() as undo:
            undo.callback(self._disconnect)
            if self._connection is None:
                self._connection = _connect()
                self._connection.execute(_SESSION_SETTINGS)
            cursor = self._connection.execute(sql, {"customer": self._customer_id, "base": self._base, **values})
            undo.pop_all()
        return cursor

    def _disconnect(self) -> None:
        self._held.clear()
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _connect() -> psycopg.Connection[tuple[Any, ...]]:
    parameters = {**_KEEPALIVE, **connection.get_connection_params(), "application_name": APPLICATION_NAME}
    for name in ("context", "cursor_factory", "prepare_threshold"):  # Django's way of using psycopg, not addresses
        parameters.pop(name, None)
    return psycopg.connect(**parameters, autocommit=True)


def _forget_inherited() -> None:
    for limiter in _limiters:
        limiter.forget_inherited()


os.register_at_fork(after_in_child=_forget_inherited)
