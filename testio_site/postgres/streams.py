"""Rows read in parts: the cursors on the server behind `QuerySet.iterator()`, none of which outlives its transaction.

Django closes such a cursor when its rows are read to the end, and otherwise when its iterator is freed: whenever that
is, perhaps by the garbage collector in the middle of another statement. Closing it then names a cursor that the
transaction of that moment does not have, which aborts it, or waits for a lock that its own thread holds, for ever.
"""

import os
from collections.abc import Callable, Collection
from typing import Any
from weakref import WeakSet

import psycopg
from django.db.backends.postgresql.base import ServerSideCursor

_all: "WeakSet[Streams]" = WeakSet()
_inherited: list[object] = []


class Stream(ServerSideCursor, psycopg.ServerCursor[Any]):
    """One such cursor. ``savepoints``: those it was opened in."""

    savepoints: Collection[str] = ()

    def close(self) -> None:
        """Never waits: while its connection is at work, closing is left to the end of the transaction."""
        if self.connection.lock.acquire(blocking=False):
            self.connection.lock.release()
            super().close()


class Streams:
    """What one connection has open."""

    def __init__(self) -> None:
        self._open: list[Stream] = []
        _all.add(self)

    def add(self, stream: Stream) -> None:
        self._close(lambda each: each.closed)
        self._open.append(stream)

    def close_within(self, savepoint: str) -> None:
        """Before a savepoint is rolled back to, which takes them away."""
        self._close(lambda each: savepoint in each.savepoints)

    def close_ended(self) -> None:
        """After a transaction, which took away all but those that were opened before it."""
        self._close(lambda each: not each.withhold)

    def close_all(self) -> None:
        """Before somebody else gets the connection."""
        self._close(lambda _: True)

    def forget(self) -> None:
        """In a forked child: they are the parent's. Kept, because freeing an open one warns."""
        _inherited.extend(self._open)
        self._open = []

    def _close(self, is_over: Callable[[Stream], bool]) -> None:
        for each in filter(is_over, self._open):
            each.close()
        self._open = [each for each in self._open if not is_over(each)]


def _forget_inherited() -> None:
    for streams in list(_all):
        streams.forget()


os.register_at_fork(after_in_child=_forget_inherited)
