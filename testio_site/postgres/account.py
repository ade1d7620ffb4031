"""Which account the built-in PostgreSQL runs under. The server refuses to run as root, so root lends it another one."""

import os
import pwd
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

NAME = "pgserver"
TRAVERSE = stat.S_IXOTH
READ_AND_ENTER = stat.S_IROTH | stat.S_IXOTH


class NoAccount(Exception):
    """No account for the server could be made; the message says why."""


@dataclass(frozen=True, slots=True)
class Account:
    uid: int
    gid: int

    @property
    def is_another(self) -> bool:
        return self.uid != os.geteuid()

    def own(self, *paths: Path) -> None:
        """Give `paths` to the account, which only root can and needs to do."""
        if self.is_another:
            for path in paths:
                os.chown(path, self.uid, self.gid)

    def enter(self, path: Path) -> None:
        """Let the account pass through the folders above `path`; it may not list them."""
        if not self.is_another:
            return
        for folder in path.resolve().parents:
            status = folder.stat()
            if status.st_uid != self.uid and not status.st_mode & TRAVERSE:
                folder.chmod(stat.S_IMODE(status.st_mode) | TRAVERSE)

    def read(self, folder: Path) -> None:
        """Let the account read and run everything below `folder`, which an odd umask may have closed to it."""
        if not self.is_another or _is_open(folder / "bin" / "postgres"):
            return
        for path in [folder, *folder.rglob("*")]:
            mode = stat.S_IMODE(path.stat().st_mode)
            runs = path.is_dir() or mode & stat.S_IXUSR
            path.chmod(mode | (READ_AND_ENTER if runs else stat.S_IROTH))


def _is_open(program: Path) -> bool:
    return all(path.stat().st_mode & READ_AND_ENTER == READ_AND_ENTER for path in (program, program.parent))


def server_account(home: Path) -> Account:
    """This process's own account, or, for root: whoever owns the folder or the one above it, or else `pgserver`.

    Raises NoAccount.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid())
    for folder in (home, home.parent):
        status = folder.stat()
        if status.st_uid != 0:
            return Account(status.st_uid, status.st_gid)
    return _pgserver()


def _pgserver() -> Account:
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        _create_pgserver()
        entry = pwd.getpwnam(NAME)
    return Account(entry.pw_uid, entry.pw_gid)


def _create_pgserver() -> None:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as failure:
        raise NoAccount(
            f"PostgreSQL refuses to run as root, and the account {NAME!r} could not be created with useradd"
        ) from failure
