"""Data folders that are only wanted for a while, such as a test session's or a measurement's."""

import os
import shutil
import time
from pathlib import Path

from testio_site.postgres import caretaker

LEAVE_SECONDS = 30


def remove(folder: Path) -> None:
    """Remove a data folder, with the server that runs there; its users have some time to leave by themselves."""
    home = folder / "postgres"
    if home.is_dir():
        users = caretaker.lock_file(home / "users.lock")
        deadline = time.monotonic() + LEAVE_SECONDS
        while not caretaker.try_lock(users) and time.monotonic() < deadline:
            time.sleep(0.05)  # the last user, or the caretaker, is still stopping the server
        caretaker.stop_server(home)
        os.close(users)
    shutil.rmtree(folder, ignore_errors=True)
