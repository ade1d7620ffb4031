"""How often somebody may call: exact over all processes, and cheap.

Each caller has a bucket that holds as many calls as a minute allows and fills evenly: whoever comes back after a pause
may call that often at once, and on the average nobody calls more often. A bucket is one row with the time at which it
will be full again; a call moves that time on, in one statement, if it does not move beyond a minute from now. The
table is unlogged, so nothing waits for a disk.
"""

import math
from typing import Final

from django.conf import settings
from django.db import connection

#: What is refused at the door from one address, each minute: enough for a mistake, too little to keep at it.
FAILURES_PER_MINUTE: Final = 60

#: Logins tried from one address in a quarter of an hour, by whatever names: an office's morning, not a guesser's night.
LOGINS: Final = 100
LOGINS_WINDOW: Final = 900.0

_MINUTE: Final = 60.0

# The clock and not the transaction's time: a statement may have waited for another one on the same row. The first call
# of somebody new is a good time to forget those who have not come back; for all other calls that part is not run.
_TAKE = """
    WITH taken AS (
        INSERT INTO testio_site_callallowance AS mine (caller, free_at)
        VALUES (%(caller)s, clock_timestamp() + %(step)s * interval '1 second')
        ON CONFLICT (caller) DO UPDATE
        SET free_at = greatest(mine.free_at, clock_timestamp()) + %(step)s * interval '1 second'
        WHERE mine.free_at <= clock_timestamp() + %(room)s * interval '1 second'
        RETURNING xmax = 0 AS is_new
    ), forgotten AS (
        DELETE FROM testio_site_callallowance WHERE (SELECT is_new FROM taken) AND caller IN (
            SELECT caller FROM testio_site_callallowance WHERE free_at < clock_timestamp() - interval '1 hour'
            FOR UPDATE SKIP LOCKED
        )
    )
    SELECT count(*) FROM taken
"""
_WAIT = """
    SELECT extract(epoch FROM free_at - clock_timestamp()) - %(room)s
    FROM testio_site_callallowance WHERE caller = %(caller)s
"""


class TooManyCalls(Exception):
    """The caller has used up what they may call for now; ``retry_after`` whole seconds from now they may again."""

    def __init__(self, sentence: str, retry_after: int) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


def admit(caller: str) -> None:
    """Count a call of a token or a user. Raises ``TooManyCalls``."""
    allowed = settings.DESK_API_REQUESTS_PER_MINUTE
    if allowed and (seconds := _take(caller, allowed)):
        raise TooManyCalls(f"At most {allowed} calls a minute are answered. Try again in {seconds} seconds.", seconds)


def count_failure(address: str) -> None:
    """Count a log-in that failed. Raises ``TooManyCalls`` when there were too many from this address."""
    if settings.DESK_API_REQUESTS_PER_MINUTE and (seconds := _take(f"failed {address}", FAILURES_PER_MINUTE)):
        sentence = f"Too many calls with an API token that opens nothing. Correct it; try again in {seconds} seconds."
        raise TooManyCalls(sentence, seconds)


def admit_login(address: str) -> None:
    """Count a login that is tried. Raises ``TooManyCalls``."""
    if seconds := _take(f"login {address}", LOGINS, LOGINS_WINDOW):
        raise TooManyCalls(f"Too many logins from this address. Try again in {seconds} seconds.", seconds)


def _take(caller: str, allowed: int, window: float = _MINUTE) -> int:
    """0 when the call may go ahead, or else the seconds until it may. ``allowed`` in ``window`` seconds."""
    step = window / allowed
    values: dict[str, str | float] = {"caller": caller, "step": step, "room": window - step}
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, values)
        if cursor.fetchone() == (1,):
            return 0
        cursor.execute(_WAIT, values)
        wait = cursor.fetchone()
    return max(1, math.ceil(wait[0])) if wait else 1
