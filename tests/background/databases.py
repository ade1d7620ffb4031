"""A PostgreSQL of its own for tests that stop it: the built-in one, without the caretaker that looks after it."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg

from testio_site.embedded import DATABASE
from testio_site.postgres import caretaker, launcher
from testio_site.postgres.account import server_account
from tests.sync.support import finish, start, wait_until


class Database:
    """Started and stopped by hand."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._launcher = launcher.Launcher(home, server_account(home))

    def create(self) -> None:
        for name in ("users.lock", "start.lock", "caretaker.lock"):
            (self._home / name).touch(mode=0o600)
        self._launcher.create()
        self.start()
        with psycopg.connect(f"{self._address}/postgres{self._options}", autocommit=True) as session:
            session.execute(f"CREATE DATABASE {DATABASE}")
        assert finish(start(self.url, "migrate")).code == 0

    def start(self) -> None:
        self._launcher.launch()

    def stop(self) -> None:
        """At once, with everybody connected."""
        process = caretaker.running_server(self._home)
        assert process is not None
        process.send_signal(signal.SIGINT)
        wait_until(lambda: caretaker.running_server(self._home) is None, "the end of the database")
        caretaker.forget_dead_server(self._home)

    @property
    def url(self) -> str:
        return f"{self._address}/{DATABASE}{self._options}"

    @property
    def _address(self) -> str:
        return f"postgresql://{launcher.USER}@"

    @property
    def _options(self) -> str:
        return f"?host={quote(str(caretaker.socket_folder(self._home)), safe='')}&port={launcher.PORT}"


@contextmanager
def own_database() -> Iterator[Database]:
    """Migrated and empty; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="testio-desk-"))
    (folder / launcher.THROW_AWAY).touch()
    home = folder / "postgres"
    home.mkdir(mode=0o700)
    database = Database(home)
    try:
        database.create()
        yield database
    finally:
        if caretaker.running_server(home):
            database.stop()
        shutil.rmtree(folder)
