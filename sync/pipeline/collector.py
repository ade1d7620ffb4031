"""The garbage collector while syncs run."""

import gc
import threading


class CalmCollector:
    """Lets the garbage collector look less often: a sync makes and drops millions of objects, none in cycles, and by
    default a third of its time would go into looking for some. Several syncs may share a process: the last one out
    puts things back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._usual = gc.get_threshold()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._usual = gc.get_threshold()
                gc.set_threshold(100_000, 20, 50)
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                gc.set_threshold(*self._usual)


calm_collector = CalmCollector()
