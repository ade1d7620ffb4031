"""One process per database that refreshes for ever: a row says which, and whether it lives.

The same rules as for leases: a watcher of this host whose process is gone is replaced at once, any other when it has
given no sign of life for ``TESTIO_LOCK_TIMEOUT`` seconds; a living one is never robbed.
"""

import logging
import threading
from contextlib import ExitStack
from types import TracebackType
from typing import Self
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from sync.heartbeat import Heartbeat
from sync.leases import lock_timeout
from sync.models import Watcher
from sync.models.process import this_process

log = logging.getLogger(__name__)


class AlreadyWatching(Exception):
    """Another process watches; the sentence names it."""

    def __init__(self, watcher: Watcher) -> None:
        super().__init__(
            f"Process {watcher.pid} on {watcher.host} watches already, since {watcher.started_at:%Y-%m-%d %H:%M} UTC. "
            "One is enough for a database: stop that one first if this one shall take its place."
        )
        self.watcher = watcher


class Watch:
    """The right to be the watcher, for the length of a ``with`` block. Entering raises ``AlreadyWatching``.

    Sets ``stop`` should another process have taken over, which happens to one that was suspended for long.
    """

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._life = ExitStack()
        self._claim = uuid4()

    def __enter__(self) -> Self:
        self._take()
        self._life.callback(lambda: self._own().delete())
        self._life.enter_context(Heartbeat("the watcher", self._show_life))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._life.close()

    def cycled(self) -> None:
        """Note that a cycle was done."""
        self._own().update(last_cycle_at=Now(), cycles=F("cycles") + 1)

    def _take(self) -> None:
        name, owner = settings.TESTIO_WATCHER_NAME, this_process()
        with transaction.atomic():
            Watcher.objects.bulk_create([Watcher(name=name, claim=self._claim, **owner)], ignore_conflicts=True)
            row = Watcher.objects.select_for_update().annotate(silent=Now() - F("heartbeat_at")).get(name=name)
            if row.claim == self._claim:
                return
            if not is_dead(row):
                raise AlreadyWatching(row)
            log.warning("The watcher before (process %s on %s) is gone; this one takes over.", row.pid, row.host)
            Watcher.objects.filter(name=name).update(
                claim=self._claim, started_at=Now(), heartbeat_at=Now(), last_cycle_at=None, cycles=0, **owner
            )

    def _own(self) -> "QuerySet[Watcher]":
        return Watcher.objects.filter(name=settings.TESTIO_WATCHER_NAME, claim=self._claim)

    def _show_life(self) -> None:
        if not self._own().update(heartbeat_at=Now()):
            log.warning("Another watcher has taken over while this one did not answer: stopping.")
            self._stop.set()


def watching() -> Watcher | None:
    """The watcher, when one lives."""
    rows = Watcher.objects.annotate(silent=Now() - F("heartbeat_at")).filter(name=settings.TESTIO_WATCHER_NAME)
    return next((row for row in rows if not is_dead(row)), None)


def is_dead(row: Watcher) -> bool:
    """``row`` carries ``silent``, the time since its last sign of life."""
    return row.process_is_gone or getattr(row, "silent") > lock_timeout()  # noqa: B009  # an annotation, no field
