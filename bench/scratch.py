"""A data folder of its own for each measurement: a fresh built-in PostgreSQL with its normal durability."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testio_site.environment import Environment
from testio_site.postgres import caretaker

LEAVE_SECONDS = 30


@contextmanager
def surroundings() -> Iterator[dict[str, str]]:
    """The environment for a child process with a fresh data folder, which is removed in the end, server and all.

    Nothing of our own configuration, and no `.env`, reaches the child.
    """
    folder = Path(tempfile.mkdtemp(prefix="testio-desk-bench-"))
    ours = {name.upper() for name in Environment.model_fields}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    try:
        yield kept | {"DATA_DIR": str(folder), "ENV_FILE": ""}
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    home = folder / "postgres"
    if home.is_dir():
        users = caretaker.lock_file(home / "users.lock")
        deadline = time.monotonic() + LEAVE_SECONDS
        while not caretaker.try_lock(users) and time.monotonic() < deadline:
            time.sleep(0.05)  # the last user, or the caretaker, is still stopping the server
        caretaker.stop_server(home)
        os.close(users)
    shutil.rmtree(folder, ignore_errors=True)
