"""Other processes and other connections, for tests of what happens when several work at once."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

import django
from django.apps import apps
from django.db import connection

PATIENCE = 60.0  # seconds after which a test gives up on what should have happened long ago

# A server that has everything imported forks the processes: they are there soon and share nothing with the test's own.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload([__name__, "pytest", "tests.factories", "sync.leases", "sync.runs"])

if not apps.ready:
    django.setup()


def until(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


def waiting_for_a_lock() -> int:
    """How many connections to this database wait for a row or a key that another transaction holds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # or a transaction would see the first answer again
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return int(cursor.fetchone()[0])


class Another:
    """A process that runs `function(line, *arguments)`, a function of a test module, on the test's database.

    It begins when `begin` is called and talks over the line. Leaving the `with` block ends it.
    """

    def __init__(self, database_url: str, function: Callable[..., None], *arguments: object) -> None:
        os.environ["DATABASE_URL"] = database_url  # for the server, when this starts it
        try:
            self._line, theirs = _processes.Pipe()
            self._process = _processes.Process(target=_work, args=(theirs, function, arguments))
            self._process.start()
            theirs.close()
        finally:
            del os.environ["DATABASE_URL"]
        assert self.hear() == "ready"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._line.close()

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    def tell(self) -> Self:
        """Let it go on: begin, or whatever it listens for."""
        self._line.send("go on")
        return self

    begin = tell

    def hear(self) -> Any:
        """The next thing it says."""
        assert self._line.poll(PATIENCE), "it says nothing"
        return self._line.recv()

    def signal(self, what: signal.Signals) -> None:
        os.kill(self.pid, what)

    def kill(self) -> None:
        """SIGKILL; nothing is left of it when this returns."""
        self._process.kill()
        self._process.join(PATIENCE)

    def end(self, seconds: float = PATIENCE) -> int | None:
        """The exit code, once it has ended by itself."""
        self._process.join(seconds)
        return self._process.exitcode


def _work(line: Connection, function: Callable[..., None], arguments: tuple[object, ...]) -> None:
    connection.ensure_connection()
    line.send("ready")
    line.recv()
    try:
        function(line, *arguments)
    finally:
        connection.close()
