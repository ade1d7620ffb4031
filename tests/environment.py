"""Loaded by pytest before Django's settings (`-p tests.environment`): a world of its own for every test session.

A session gets a data folder below `var/test`, with a PostgreSQL of its own that trades durability for speed, and
removes both at its end; what a killed session left is removed by the next. The workers of a session share it. Nothing
of the surroundings, and no `.env`, reaches the tests.
"""

import atexit
import os
import tempfile
from pathlib import Path

from testio_site import embedded
from testio_site.environment import BASE_DIR, Environment
from testio_site.postgres import caretaker, launcher, throwaway

SESSIONS = BASE_DIR / "var" / "test"


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
        "DJANGO_SECRET_KEY": "a key for tests, and tests only: it protects nothing at all",
        "DJANGO_ALLOWED_HOSTS": "localhost,127.0.0.1,testserver",
        "DESK_PLAIN_HTTP": "true",
        "TESTIO_ALLOW_PRIVATE_ADDRESSES": "true",  # the simulated TestIO is on this machine
    }


def _remove_if_dead(folder: Path) -> None:
    life = caretaker.lock_file(folder / "lock")
    if caretaker.try_lock(life):
        throwaway.remove(folder)
    os.close(life)


def _end_session(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # and not a child that a test forked
        throwaway.remove(folder)


if "PYTEST_XDIST_WORKER" not in os.environ:
    start_session()
