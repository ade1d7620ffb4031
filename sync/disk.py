"""A full disk under the database: nobody waits for it to pass, somebody has to make room."""

import errno
import os


def has_no_room(error: Exception) -> bool:
    """Whether the database's disk is full: its server says so, or the built-in one cannot start for that reason."""
    return getattr(error.__cause__, "sqlstate", None) == "53100" or os.strerror(errno.ENOSPC) in str(error)
