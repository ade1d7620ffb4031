"""What was asked of a sandbox: counts, calls in flight, and the latest requests."""

from collections import Counter, deque
from dataclasses import asdict, dataclass
from threading import Lock

from sync.sandbox.records import Json


@dataclass(slots=True)
class Seen:
    """One request. ``address`` is path and query below the base path; ``fault`` names what was done to it, if any."""

    number: int
    kind: str
    address: str
    status: int | None = None  # None while it is being answered, and when it never was
    fault: str | None = None


class Stats:
    """Counts of API calls (the control address is not counted). Safe to use from many threads.

    A call is in flight from the arrival of its request until just before its answer is sent, so that a client that
    keeps to a limit is never seen above it.
    """

    def __init__(self, keep: int = 2_000) -> None:
        self._lock = Lock()
        self._keep = keep
        self._in_flight = 0
        self.reset()

    def reset(self) -> None:
        """Begin to count anew; calls in flight stay in flight."""
        with self._lock:
            self.total = 0
            self.max_in_flight = self._in_flight
            self.by_kind: Counter[str] = Counter()
            self.by_status: Counter[str] = Counter()
            self.by_fault: Counter[str] = Counter()
            self._recent: deque[Seen] = deque(maxlen=self._keep)

    @property
    def in_flight(self) -> int:
        return self._in_flight

    @property
    def recent(self) -> list[Seen]:
        """The latest requests, oldest first, at most ``keep``."""
        with self._lock:
            return list(self._recent)

    def begin(self, kind: str, address: str) -> Seen:
        with self._lock:
            self.total += 1
            self.by_kind[kind] += 1
            self._in_flight += 1
            self.max_in_flight = max(self.max_in_flight, self._in_flight)
            seen = Seen(self.total, kind, address)
            self._recent.append(seen)
            return seen

    def end(self, seen: Seen, status: int | None, fault: str | None) -> None:
        with self._lock:
            self._in_flight -= 1
            seen.status, seen.fault = status, fault
            self.by_status[str(status or "dropped")] += 1
            if fault:
                self.by_fault[fault] += 1

    def summary(self, recent: int = 50) -> Json:
        """As plain JSON: ``total, in_flight, max_in_flight, by_kind, by_status, by_fault, recent``."""
        with self._lock:
            latest = list(self._recent)[-recent:] if recent else []
            return {
                "total": self.total,
                "in_flight": self._in_flight,
                "max_in_flight": self.max_in_flight,
                "by_kind": dict(self.by_kind),
                "by_status": dict(self.by_status),
                "by_fault": dict(self.by_fault),
                "recent": [asdict(seen) for seen in latest],
            }
