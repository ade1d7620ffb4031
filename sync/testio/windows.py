"""Windows of a list: which stretches one request can ask for, which to ask for next, and asking for them.

A request names a page and a page size, so it can only ask for positions ``[k * size, (k + 1) * size)``. Choosing the
size anew for every request still reaches nearly every stretch of a list: among the sizes 1 to 64 there is almost
always one whose window begins just before a given position and ends about 55 positions behind it.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, Protocol, TypeVar

from sync.testio.errors import TestIOUnexpected, TestIOUnreadable

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

FAR = 1_000_000  # a position behind the end of any list TestIO can have: people set tests up one by one
PATIENCE = 1_000  # calls, and four more per position: no list that can be read takes as many to get further


class Fetch(Protocol[T_co]):
    """One request. ``page`` counts from 1. Raises TestIOUnreadable when the window holds an unreadable record.

    ``confirm`` is how often the fetcher politely repeats the same request on a 500 before it gives up (0: it believes
    the first). When a walk has an executor it is called from several threads.
    """

    def __call__(self, page: int, per_page: int, *, confirm: int) -> Sequence[T_co]: ...


@dataclass(frozen=True, slots=True)
class Window:
    """The positions from ``start`` up to, not including, ``end``; ``start`` is a multiple of ``size``."""

    start: int
    size: int

    @property
    def end(self) -> int:
        return self.start + self.size

    @property
    def page(self) -> int:
        """The 1-based page number that means this window when ``per_page`` is its size."""
        return self.start // self.size + 1


@lru_cache(maxsize=4_096)  # a window is predicted many times before it is asked for
def best_window(low: int, frontier: int, step: int, *, overlap: int = 1, high: int | None = None) -> Window:
    """The window of at most ``step`` records that leads on from ``frontier``, the first position not read yet.

    It begins at ``low`` or later and repeats the last ``overlap`` records read; where that is impossible the last one,
    and where that is impossible too it begins exactly at ``frontier``. Without ``high`` it reaches as far as it can.
    With ``high`` (an unreadable record lies in ``[frontier, high)``, two or more positions) it ends within, where it
    splits the search best.
    """
    limit = frontier + step + 1 if high is None else high
    for latest in (frontier - overlap, frontier - 1, frontier):
        windows = [Window(max(latest, 0) // size * size, size) for size in range(1, step + 1)]
        usable = [window for window in windows if window.start >= low and frontier < window.end < limit]
        if usable:
            break
    if high is None:
        return max(usable, key=lambda window: window.end)
    return min(usable, key=lambda window: _larger_part(frontier, window.end, high, step))


def window_at(start: int, limit: int) -> Window:
    """The longest window of at most ``limit`` records that begins exactly at ``start``."""
    return Window(start, next(size for size in range(limit, 0, -1) if start % size == 0))


def _larger_part(frontier: int, middle: int, high: int, step: int) -> int:
    """The weight of the heavier part when ``[frontier, high)`` is split at ``middle``.

    The search takes one call more for twice as many positions, so a position that takes one call more to pass weighs
    twice as much: the search finds it the sooner, and both together cost about the same wherever the record is.
    """
    weights = [1 << _toll(position, step) for position in range(frontier, high)]
    return max(sum(weights[: middle - frontier]), sum(weights[middle - frontier :]))


@lru_cache(maxsize=4_096)
def _toll(position: int, step: int) -> int:
    """The calls it takes to pass an unreadable record at ``position`` and to come ``step`` records further.

    No window may begin before it is passed, and one that begins exactly at a position has a divisor of it as its size.
    So the walk gathers speed slowly near the top of the list and wherever divisors are rare.
    """
    window, calls = window_at(position + 1, step), 2 if position else 1
    while window.end <= position + step:
        frontier = window.end
        window = best_window(position + 1, frontier, step)
        calls += 1 if window.start < frontier else 2  # without an overlap the record before is asked for again
    return calls


class PagingIgnoredError(Exception):
    """The service answers with the whole list whatever is asked for. Nothing is wrong: ``Reader.whole_list`` has it."""


class Reader(Generic[T]):
    """Asks for windows, the next ones ahead of time in ``executor``, and sees to it that the asking ends.

    Both ways of asking return None for a window that can not be read, and raise PagingIgnoredError, TestIOUnexpected
    for what no list answers, and whatever else ``fetch`` raises.
    """

    def __init__(self, fetch: Fetch[T], executor: Executor | None) -> None:
        self.whole_list: Sequence[T] = ()
        self._fetch, self._executor = fetch, executor
        self._under_way: dict[Window, Future[Sequence[T]]] = {}
        self._calls = self._furthest = 0

    def ask(self, window: Window, *, confirm: int) -> Sequence[T] | None:
        """The records in the window as they are now. Forgets what was fetched ahead."""
        self._keep(())
        return self._answer(window, lambda: self._call(window, confirm))

    def ask_ahead(self, window: Window, following: Iterable[Window], *, confirm: int) -> Sequence[T] | None:
        """The records in the window, maybe as they were a while ago; meanwhile ``following`` is under way."""
        mine = self._under_way.pop(window, None)
        self._keep(tuple(following), confirm)
        return self._answer(window, mine.result if mine else lambda: self._call(window, confirm))

    def cancel(self) -> None:
        """Forget what was fetched ahead; a call that runs already runs to its end unheard."""
        self._keep(())

    def made_headway(self) -> None:
        self._calls = 0

    def is_endless(self) -> bool:
        """Whether the service has records where no list has any: it repeats a page instead of ending."""
        try:
            return bool(self._fetch(FAR, 1, confirm=3))
        except TestIOUnreadable as error:
            raise TestIOUnexpected(
                "TestIO answers this list with an error wherever it is read, even far behind its end, so no single "
                "record is to blame. Try again later; if it stays like this, report it to TestIO.",
                status=error.status,
                path=error.path,
            ) from error

    def _call(self, window: Window, confirm: int) -> Sequence[T]:
        return self._fetch(window.page, window.size, confirm=confirm)

    def _keep(self, windows: Sequence[Window], confirm: int = 0) -> None:
        for stale in self._under_way.keys() - set(windows):
            self._under_way.pop(stale).cancel()
        for window in windows:
            if self._executor and window not in self._under_way:
                self._under_way[window] = self._executor.submit(self._call, window, confirm)

    def _answer(self, window: Window, result: Callable[[], Sequence[T]]) -> Sequence[T] | None:
        self._count(window)
        try:
            records = result()
        except TestIOUnreadable:
            return None
        if len(records) <= window.size:
            return records
        if not self.is_endless():
            raise TestIOUnexpected(
                f"TestIO answered with {len(records)} records where {window.size} were asked for, but only here, so "
                "what is missing can not be known. Try again; if it stays like this, report it to TestIO."
            )
        self.whole_list = records
        raise PagingIgnoredError

    def _count(self, window: Window) -> None:
        self._calls += 1
        self._furthest = max(self._furthest, window.end)
        if self._furthest > FAR:
            raise TestIOUnexpected(f"This list of TestIO has no end within {FAR:,} records, so it is not read further.")
        if self._calls > PATIENCE + 4 * self._furthest:
            raise TestIOUnexpected(
                f"TestIO's answers for this list contradict each other so often that {self._calls:,} calls led no "
                "further. Try again later; if it stays like this, report it to TestIO."
            )
