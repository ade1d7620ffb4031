"""A sign of life from whoever works: renewed from a thread of its own, so that waiting is not taken for death."""

import logging
import time
from collections.abc import Callable
from threading import Event, Thread
from types import TracebackType
from typing import Self

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

log = logging.getLogger(__name__)

#: Seconds between two looks at what somebody else may have written down.
LOOK_EACH = 1.0

Beat = Callable[[], object]


class Heartbeat:
    """Calls ``renew`` for as long as the ``with`` block lasts; each says in the database "I live".

    Several times within ``TESTIO_LOCK_TIMEOUT``, after which a holder counts as dead. ``look`` is called more often:
    for wishes that are answered within a second or so. A database that is away for a while is no reason to stop: the
    next beat tries again.
    """

    def __init__(self, name: str, *renew: Beat, look: Beat | None = None) -> None:
        self._name = name
        self._renew = renew
        self._look = look
        self._done = Event()
        self._thread = Thread(target=self._run, name=f"heartbeat of {name}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        period = min(settings.TESTIO_LOCK_TIMEOUT / 5, 15)
        renewed = time.monotonic()
        try:
            while not self._done.wait(min(period, LOOK_EACH)):
                if time.monotonic() - renewed >= period:
                    renewed = time.monotonic()
                    self._tolerantly(*self._renew)
                if self._look is not None:
                    self._tolerantly(self._look)
        finally:
            connection.close()

    def _tolerantly(self, *beats: Beat) -> None:
        try:
            for beat in beats:
                beat()
        except (OperationalError, InterfaceError) as error:
            log.warning("The heartbeat of %s could not be stored and is tried again: %s", self._name, error)
            connection.close()
