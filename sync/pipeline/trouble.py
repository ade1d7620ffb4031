"""What a database that fails us means for the operator, and how to live through it."""

from collections.abc import Callable

import stamina
from django.db import InterfaceError, OperationalError, connection, connections

from sync.disk import has_no_room

#: Seconds for which the database may be away when a sync wants to write down how it ended.
PATIENCE = 60.0


def about_database(error: Exception) -> str:
    """What happened and what to do, in one sentence; ``error`` is Django's, whose cause is the driver's."""
    said = str(error).strip().partition("\n")[0]  # what follows are details for people who know PostgreSQL
    if said.endswith("."):  # our own sentence, which says what to do; PostgreSQL and its driver write no full stop
        return said
    if has_no_room(error):
        return f"The database has no room left ({said}). Free disk space and run this again; what was stored stays."
    return f"The database did not do its part: {said}. Check DATABASE_URL and that the server runs, then try again."


def patiently(do: Callable[[], object]) -> None:
    """Do it on a connection that works; a database that is away is waited for, up to ``PATIENCE`` seconds.

    ``do`` must be safe to repeat. Raises what the database said last. A full disk is not waited for.
    """
    connection.close_if_unusable_or_obsolete()
    for attempt in stamina.retry_context(on=is_away, attempts=None, timeout=PATIENCE, wait_max=2.0):
        if attempt.num > 1:
            connections.close_all()
        with attempt:
            do()


def is_away(error: Exception) -> bool:
    """Whether it is the connection or the server that failed, not what was asked of it."""
    return isinstance(error, OperationalError | InterfaceError) and not has_no_room(error)
