"""Loaded by pytest before Django's settings (`-p tests.environment`): a world of its own for every test session.

A session gets a data folder below `var/test`, with a PostgreSQL of its own that trades durability for speed, and
removes both at its end; what a killed session left is removed by the next. The workers of a session share it. Nothing
of the surroundings, and no `.env`, reaches the tests.
"""

import atexit
import os
import shutil
import tempfile
import time
from pathlib import Path

from testio_site import embedded
from testio_site.environment import BASE_DIR, Environment
from testio_site.postgres import caretaker, launcher

SESSIONS = BASE_DIR / "var" / "test"
LEAVE_SECONDS = 20


def start_session() -> None:
    """Make this process, and the workers it starts, a session of its own."""
    for name in [*Environment.model_fields, "env_file"]:
        os.environ.pop(name.upper(), None)
    SESSIONS.mkdir(parents=True, exist_ok=True)
    with embedded.exclusive(SESSIONS / "lock"):
        for folder in SESSIONS.glob("session-*"):
            _remove_if_dead(folder)
        folder = Path(tempfile.mkdtemp(dir=SESSIONS, prefix="session-"))
        life = caretaker.lock_file(folder / "lock")
        caretaker.try_lock(life)
    (folder / launcher.THROW_AWAY).touch()
    atexit.register(_end_session, folder, os.getpid())
    os.environ |= {
        "ENV_FILE": "",
        "DATA_DIR": str(folder),
        "DJANGO_SECRET_KEY": "a key for tests, which protects nothing at all",
        "DJANGO_ALLOWED_HOSTS": "localhost,127.0.0.1,testserver",
    }


def _remove_if_dead(folder: Path) -> None:
    life = caretaker.lock_file(folder / "lock")
    if caretaker.try_lock(life):
        _remove(folder)
    os.close(life)


def _end_session(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # and not a child that a test forked
        _remove(folder)


def _remove(folder: Path) -> None:
    home = folder / "postgres"
    if home.is_dir():
        users = caretaker.lock_file(home / "users.lock")
        deadline = time.monotonic() + LEAVE_SECONDS
        while not caretaker.try_lock(users) and time.monotonic() < deadline:
            time.sleep(0.05)  # the last worker, or the caretaker, is still stopping the server
        caretaker.stop_server(home)
        os.close(users)
    shutil.rmtree(folder, ignore_errors=True)


if "PYTEST_XDIST_WORKER" not in os.environ:
    start_session()
