"""One moment for a whole answer, however many statements it takes."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def snapshot() -> Iterator[None]:
    """Everything read inside is as of one moment, so that no answer shows half of what a sync commits meanwhile.

    Nothing can be written inside. Within somebody else's transaction that one decides, and this does nothing.
    """
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        # The ORM has no word for it. Reading at this level never fails for what others write.
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield
