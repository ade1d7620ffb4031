"""A wish to stop that one run has for itself."""

import threading
import time

_LOOK_UP = 0.1  # seconds


class OwnStop(threading.Event):
    """Set together with the one above it, if any; set by itself, it leaves that one alone.

    So that a run which is cancelled, or refused by TestIO, does not stop the others its caller has begun.
    """

    def __init__(self, above: threading.Event | None = None) -> None:
        super().__init__()
        self._above = above

    def is_set(self) -> bool:
        return super().is_set() or (self._above is not None and self._above.is_set())

    def wait(self, timeout: float | None = None) -> bool:
        if self._above is None:
            return super().wait(timeout)
        end = None if timeout is None else time.monotonic() + timeout
        while not self.is_set():
            left = _LOOK_UP if end is None else min(_LOOK_UP, end - time.monotonic())
            if left <= 0:
                return False
            super().wait(left)
        return True
