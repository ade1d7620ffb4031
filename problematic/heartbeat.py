"""A sign of life from whoever retries: renewed from a thread of its own, so that waiting is not taken for death."""

import logging
from collections.abc import Callable
from threading import Event, Thread
from types import TracebackType
from typing import Self

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

log = logging.getLogger(__name__)

Beat = Callable[[], object]


class Heartbeat:
    """Calls ``beats`` regularly for as long as the ``with`` block lasts; each says in the database "I live".

    A database that is away for a while is no reason to stop: the next beat tries again.
    """

    def __init__(self, name: str, *beats: Beat) -> None:
        self._name = name
        self._beats = beats
        self._done = Event()
        self._thread = Thread(target=self._run, name=f"heartbeat-{name}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._done.wait(min(settings.TESTIO_LOCK_TIMEOUT / 5, 15)):
                self._beat()
        finally:
            connection.close()

    def _beat(self) -> None:
        try:
            for beat in self._beats:
                beat()
        except (OperationalError, InterfaceError) as error:
            log.warning("The heartbeat of %s could not be stored and is tried again: %s", self._name, error)
            connection.close()
