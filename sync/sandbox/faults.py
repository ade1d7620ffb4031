"""What goes wrong in a sandbox now: settings that can change at any moment, and the draw for each request."""

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from math import ceil
from threading import Lock
from zlib import crc32

from sync.sandbox.hashing import FAULT, mix, share
from sync.sandbox.records import Json
from sync.sandbox.world import World

#: What can be done to one request. Numbers are answered as that status; ``drop`` closes the connection without an
#: answer, ``reset`` breaks it, ``truncate`` after half of the body, ``html`` sends a web page with status 200,
#: ``stall`` never answers (until the sandbox stops or ``stall_seconds`` have passed).
OUTCOMES = (
    "500",
    "429",
    "502",
    "503",
    "504",
    "524",
    "401",
    "403",
    "404",
    "413",
    "drop",
    "reset",
    "truncate",
    "html",
    "stall",
)
#: The settings that are shares of all requests, with the outcome each stands for.
RATES = {
    "random_500": "500",
    "random_429": "429",
    "random_502": "502",
    "random_503": "503",
    "random_504": "504",
    "random_524": "524",
    "drop": "drop",
    "truncate": "truncate",
    "html": "html",
    "stall": "stall",
}
LISTS = ("products", "features", "tests", "bugs")
RETRY_AFTER_FORMS = ("seconds", "date", "alternate", "none")

Action = Callable[[World], object]


@dataclass
class Settings:
    """What can be set by name: in Python, by command-line flag, and over HTTP."""

    seed: int = 1
    random_500: float = 0.0
    random_429: float = 0.0
    random_502: float = 0.0
    random_503: float = 0.0
    random_504: float = 0.0
    random_524: float = 0.0
    drop: float = 0.0  # half of them closed, half reset
    truncate: float = 0.0
    html: float = 0.0
    stall: float = 0.0
    stall_seconds: float = 120.0
    latency_ms: float = 0.0
    jitter_ms: float = 0.0  # up to so much more, hashed
    retry_after: float = 1.0  # seconds asked for with a 429
    retry_after_form: str = "seconds"
    refuse: int | None = None  # 401 or 403 to everything
    bug_query_limit: int | None = None  # a bug query for more tests than this fails ...
    bug_query_outcome: str = "524"  # ... like this: 524, 413 or stall
    per_page_cap: int | None = None  # the server silently gives at most so many
    ignore_paging: bool = False  # as staging does: the whole list, whatever page is asked for
    empty: list[str] = field(default_factory=list)  # these LISTS answer with nothing in them
    halved: list[str] = field(default_factory=list)  # these lose their second half
    shuffled: bool = False  # tests in another order on every request

    def __post_init__(self) -> None:
        self.check()

    def check(self) -> None:
        """Raise ``ValueError`` with a sentence about the first odd value."""
        for name in RATES:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is a share of all requests, from 0 to 1, not {getattr(self, name)}.")
        for name in ("stall_seconds", "latency_ms", "jitter_ms", "retry_after"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} cannot be less than nothing: {getattr(self, name)}.")
        if self.per_page_cap is not None and self.per_page_cap < 1:
            raise ValueError(f"per_page_cap leaves at least one record a page, not {self.per_page_cap}.")
        if self.refuse not in (None, 401, 403):
            raise ValueError(f"refuse is 401, 403 or nothing, not {self.refuse}.")
        if self.retry_after_form not in RETRY_AFTER_FORMS:
            raise ValueError(
                f"retry_after_form is one of {', '.join(RETRY_AFTER_FORMS)}, not {self.retry_after_form!r}."
            )
        if self.bug_query_outcome not in OUTCOMES:
            raise ValueError(f"bug_query_outcome is one of {', '.join(OUTCOMES)}, not {self.bug_query_outcome!r}.")
        for name in (*self.empty, *self.halved):
            if name not in LISTS:
                raise ValueError(f"The lists that can be emptied or halved are {', '.join(LISTS)}, not {name!r}.")


@dataclass
class _Forced:
    match: str
    outcome: str
    times: int


class Faults(Settings):
    """The settings, what is scripted for single requests, and the draw. Safe to use from many threads.

    The draw depends on the seed, the address and how often that address was asked before, not on the order in
    which parallel requests happen to arrive: the same calls meet the same trouble in every run.
    """

    def __init__(self, **settings: object) -> None:
        self._lock = Lock()
        self._asked: Counter[int] = Counter()
        self._forced: deque[_Forced] = deque()
        self._before: dict[int, list[Action]] = {}
        self._when: list[tuple[str, Action]] = []
        self._throttled_until = 0.0
        self._retries_told = 0
        super().__init__()
        self.set(**settings)

    def set(self, **settings: object) -> None:
        """Change settings by name. Raises ``ValueError`` for an unknown name or an odd value, and changes nothing."""
        known = {each.name for each in fields(Settings)}
        unknown = sorted(set(settings) - known)
        if unknown:
            raise ValueError(
                f"The sandbox has no fault called {', '.join(unknown)}; it knows {', '.join(sorted(known))}."
            )
        Settings(**(self.settings() | settings))
        for name, value in settings.items():
            setattr(self, name, value)

    def settings(self) -> Json:
        return {each.name: getattr(self, each.name) for each in fields(Settings)}

    def clear(self) -> None:
        """Everything works again: settings back to their defaults (the seed stays), scripts forgotten."""
        with self._lock:
            self._forced.clear()
            self._before.clear()
            self._when.clear()
            self._throttled_until = 0.0
        self.set(**(Settings().__dict__ | {"seed": self.seed}))

    def throttle(self, seconds: float) -> None:
        """Answer 429 to everything for so many seconds from now."""
        self._throttled_until = time.monotonic() + seconds

    def force(self, match: str, outcome: int | str, times: int = 1) -> None:
        """The next ``times`` requests whose kind is ``match`` or whose address contains it end in ``outcome``."""
        if str(outcome) not in OUTCOMES:
            raise ValueError(f"A request can end in {', '.join(OUTCOMES)}, not in {outcome!r}.")
        with self._lock:
            self._forced.append(_Forced(match, str(outcome), times))

    def before_request(self, number: int, action: Action) -> None:
        """Call ``action(world)`` just before this API request, counted from 1 since the stats were reset."""
        with self._lock:
            self._before.setdefault(number, []).append(action)

    def when(self, match: str, action: Action) -> None:
        """Call ``action(world)`` just before the next request whose kind is ``match`` or whose address contains it."""
        with self._lock:
            self._when.append((match, action))

    # -- asked by the server

    def due_actions(self, number: int, kind: str, address: str) -> list[Action]:
        if not self._before and not self._when:
            return []
        with self._lock:
            due = self._before.pop(number, [])
            due += [action for match, action in self._when if _matches(match, kind, address)]
            self._when = [entry for entry in self._when if not _matches(entry[0], kind, address)]
            return due

    def latency(self, number: int) -> float:
        """Seconds that the request of this number takes."""
        jitter = share(mix(self.seed, FAULT, -number)) * self.jitter_ms if self.jitter_ms else 0.0
        return (self.latency_ms + jitter) / 1000

    def outcome(self, kind: str, address: str) -> str | None:
        """One of ``OUTCOMES``, or None when all is well: throttled, forced or drawn, in this order."""
        if time.monotonic() < self._throttled_until:
            return "429"
        forced = self._next_forced(kind, address) if self._forced else None
        if forced is not None:
            return forced
        return self._draw(address) if any(getattr(self, name) for name in RATES) else None

    def _next_forced(self, kind: str, address: str) -> str | None:
        with self._lock:
            for entry in self._forced:
                if _matches(entry.match, kind, address):
                    entry.times -= 1
                    if entry.times <= 0:
                        self._forced.remove(entry)
                    return entry.outcome
        return None

    def _draw(self, address: str) -> str | None:
        key = crc32(address.encode())
        with self._lock:
            self._asked[key] += 1
            again = self._asked[key]
        drawn = share(mix(self.seed, FAULT, key * 1_000 + again))
        for name, outcome in RATES.items():
            drawn -= getattr(self, name)
            if drawn < 0:
                return "reset" if outcome == "drop" and (key + again) % 2 else outcome
        return None

    def retry_after_header(self) -> str | None:
        """The value of ``Retry-After`` for a 429 sent now: whole seconds or an HTTP date, as RFC 9110 has it."""
        seconds = ceil(max(self.retry_after, self._throttled_until - time.monotonic()))
        form = self.retry_after_form
        if form == "alternate":
            self._retries_told += 1
            form = RETRY_AFTER_FORMS[self._retries_told % 2]
        if form == "date":
            moment = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds + (1 if seconds else 0))
            return format_datetime(moment, usegmt=True)
        return None if form == "none" else str(seconds)


def _matches(match: str, kind: str, address: str) -> bool:
    return match == kind or match in address
