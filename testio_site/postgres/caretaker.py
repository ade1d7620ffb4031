"""Stops the built-in PostgreSQL when its last user is gone, however that user ended.

Every process that uses the server holds a shared lock on the file `users.lock`; `testio_site.embedded` takes it. This
small process waits for the exclusive lock on the same file. The kernel drops a lock with its holder, so a user that
was killed needs no clean-up, and when the wait is over nobody is left. A user that comes just then waits for its
shared lock until the server has stopped, and starts it again.

It runs as a script of its own, without Django: `python caretaker.py FOLDER` goes into the background and returns.
"""

import fcntl
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

STOP_SECONDS = 60
SOCKET = ".s.PGSQL.5432"
SOCKET_FOLDER_PREFIX = "testio-desk-"


def running_server(home: Path) -> psutil.Process | None:
    """The PostgreSQL process of the data in `home`, or None. A reused process id is not mistaken for it."""
    data = home / "data"
    try:
        process = psutil.Process(int((data / "postmaster.pid").read_text().splitlines()[0]))
        is_ours = process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == data.resolve()
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return process if is_ours else None


def is_up(home: Path) -> bool:
    """Whether a server runs on the data in `home`; also one whose processes cannot be seen from here (a container)."""
    return running_server(home) is not None or _listens(home)


def _listens(home: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(socket_folder(home) / SOCKET))
        except OSError:
            return False
    return True


def socket_folder(home: Path) -> Path:
    """Where the running server's socket is. Raises OSError when there is none."""
    try:
        return Path((home / "data" / "postmaster.pid").read_text().splitlines()[4])
    except IndexError:
        raise FileNotFoundError(0, "the server stopped while it started") from None


def stop_server(home: Path) -> None:
    """Returns when the server has stopped. Call it only under the exclusive lock on `users.lock`."""
    with suppress(OSError):
        folder = socket_folder(home)
        if not _signal_and_wait(home, signal.SIGINT):  # "fast": roll back what is open, write the data
            _signal_and_wait(home, signal.SIGQUIT)  # "immediate": the next start recovers from the log
        _remove_socket(folder)


def forget_dead_server(home: Path) -> None:
    """Remove what a killed server left behind. Its process id may be a zombie's or, by now, somebody else's, and
    PostgreSQL would take either for a running server. Call it only when none is up, under the start lock."""
    with suppress(OSError):
        _remove_socket(socket_folder(home))
        (home / "data" / "postmaster.pid").unlink()


def _remove_socket(folder: Path) -> None:
    for name in (SOCKET, f"{SOCKET}.lock"):
        (folder / name).unlink(missing_ok=True)
    if folder.name.startswith(SOCKET_FOLDER_PREFIX):
        folder.rmdir()


def _signal_and_wait(home: Path, how: signal.Signals) -> bool:
    deadline = time.monotonic() + STOP_SECONDS
    process = running_server(home)
    if process is not None:
        process.send_signal(how)
    while running_server(home) is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def lock_file(path: Path) -> int:
    """A descriptor to lock. It is closed in programs this process starts; a forked child shares it, and its lock."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def main(home: Path) -> None:
    here = lock_file(home / "caretaker.lock")
    if not try_lock(here):
        return  # one is enough
    if os.fork():
        os._exit(0)  # whoever started this goes on, and the lock stays with the child
    os.setsid()
    os.chdir("/")
    users = lock_file(home / "users.lock")
    fcntl.flock(users, fcntl.LOCK_EX)
    stop_server(home)
    # In this order: whoever gets in after us must find that no caretaker is left.
    os.close(here)
    os.close(users)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
