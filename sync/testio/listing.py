"""Walk a list that can only be read page by page, from a service that fails on some records, without losing one.

The service answers a *window*: the records at positions ``[k * size, (k + 1) * size)`` as they are at that moment. It
fails when the window holds a record it cannot serialise; it may cap the size silently; it names neither total nor end;
and records appear and disappear while we read, so that positions shift. No position is trusted alone:

- **Seams.** A response is one consecutive stretch of the list. When it shares a record with what was read before,
  nothing lies between the two, whatever was inserted or deleted meanwhile and in whichever order they were fetched. So
  windows overlap. One that shares nothing is not accepted: deletions moved the list up, and the walk goes back until
  it meets a record it knows.
- **Anchors.** No window spans an unreadable record, and a position that every possible size divides is no window's
  inside. There the records behind it are read first, then the unreadable positions from the last to the first, and
  then the *anchor*, the record before: it must still be where it was. Insertions alone, or deletions alone, cannot
  happen there unnoticed. An insertion and a deletion before the anchor that cancel out between two calls can: no
  client can tell such a list from one that stood still, because no response shows both sides at once.
- **Caps.** A size is trusted once a response held as many records. A short response for a larger size is asked for
  again in a smaller one.
- **The end** is an empty window, right behind records after which a trusted response already ended, or which still
  are where they were; or a page repeated for ever.
"""

from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Generic, TypeVar

from sync.testio.errors import TestIOUnexpected
from sync.testio.windows import Fetch, PagingIgnoredError, Reader, Window, best_window, window_at

__all__ = ["Fetch", "Gap", "Page", "Walk"]

T = TypeVar("T")

MOVES = 20  # times the list may move before the walk gets further; then records are taken without proof
MANY, TOO_MANY = 8, 1_000  # unreadable records in a row: maybe it is the service, it surely is


@dataclass(frozen=True, slots=True)
class Gap(Generic[T]):
    """Consecutive positions that could not be read: 0-based, inclusive, as they were when they were read.

    ``before`` and ``after`` are the nearest readable records; None where the list begins or ends.
    """

    first_position: int
    last_position: int
    before: T | None
    after: T | None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """What one step of the walk brought."""

    records: tuple[T, ...]  # never yielded before in this walk
    gaps: tuple[Gap[T], ...]  # what could not be read before them
    read: tuple[T, ...]  # everything the window held, also what was yielded before
    end: int  # the position after the last one covered


class Walk(Generic[T]):
    """Iterate over it once: it yields pages from the top of the list to its end.

    A record that stays in the list throughout is yielded exactly once, no record twice, and every unreadable record
    is in exactly one gap; the one thing no client can see is told above, under anchors. Raises TestIOUnexpected when
    the answers fit no list, and whatever else ``fetch`` raises.

    With ``executor`` and ``ahead``, up to ``ahead()`` windows are fetched in advance, but never more than a third of
    those read so far, so that a short list wastes no calls behind its end. Closing the iterator cancels them.
    """

    def __init__(
        self,
        fetch: Fetch[T],
        *,
        key: Callable[[T], Hashable],
        page_size: int = 64,
        ahead: Callable[[], int] | None = None,
        executor: Executor | None = None,
    ) -> None:
        self.notices: list[str] = []  # sentences for the run's warnings
        self.complete = False  # True once the end was reached and nothing on the way was taken without proof
        self._key = key
        self._reader = Reader(fetch, executor)
        self._ahead = ahead if executor and ahead else lambda: 0
        # Everything before the frontier is covered. `_last` is the record before it; from `_low` on all is readable.
        self._frontier = self._low = 0
        self._last: T | None = None
        # How many unreadable records precede each record yielded, and the frontier; how many were reported.
        self._seen: dict[Hashable, int] = {}
        self._passed = self._reported = 0
        # Behind the frontier: an unreadable record in [frontier, high), unless a cap misled us (not sure); or nothing,
        # as a trusted response ended there.
        self._high: int | None = None
        self._is_sure = self._at_end = self._ended = False
        # The most records to ask for, the most the service is known to send, how many records to read twice.
        self._step, self._trusted, self._overlap = page_size, 0, 1
        # Windows accepted; the furthest the frontier ever was; how often the list has moved since.
        self._windows = self._reached = self._moves = 0

    def __iter__(self) -> Generator[Page[T], None, None]:
        try:
            while not self._ended:
                page = self._advance()
                if page is not None:
                    yield page
        except PagingIgnoredError:
            self._end()
            everything = tuple(self._reader.whole_list)
            yield Page(self._new(everything), (), everything, len(everything))
        finally:
            self._reader.cancel()

    def _advance(self) -> Page[T] | None:
        """Ask for one window and make of the answer what it proves."""
        if self._high == self._frontier + 1:
            return self._cross()
        window = self._next_window()
        records = self._read(window)
        if records is None:
            self._high, self._at_end = window.end, False
            self._is_sure = window.start == 0 or window.size <= self._trusted
        elif window.start > 0 and 0 < len(records) < window.size > self._trusted:
            self._step = self._trusted = max(self._trusted, len(records))
        elif not (self._joins(window, records) or self._is_tired()):
            self._step_back(window.start)
        elif not records or self._repeats(window, records):
            self._end()
        else:
            return self._accept(window, records)
        return None

    # Asking

    def _next_window(self) -> Window:
        if self._at_end:
            return window_at(self._frontier, self._trusted)
        return best_window(self._low, self._frontier, self._step, overlap=self._overlap, high=self._high)

    def _read(self, window: Window) -> Sequence[T] | None:
        if self._high is not None:
            return self._reader.ask(window, confirm=0)
        if window.start < self._frontier:
            return self._reader.ask_ahead(window, self._following(window), confirm=1)
        return self._reader.ask(window, confirm=1)  # its proof depends on when it is read

    def _following(self, window: Window) -> Iterator[Window]:
        """The windows that will be asked for after this one if all goes well."""
        overlap = self._overlap
        for _ in range(min(self._ahead(), self._windows // 3)):
            overlap, end = max(overlap // 2, 1), window.end
            window = best_window(self._low, end, self._step, overlap=overlap)
            if window.start == end:
                return
            yield window

    def _single(self, position: int, *, confirm: int) -> Sequence[T] | None:
        return self._reader.ask(Window(position, 1), confirm=confirm)

    # Proof

    def _joins(self, window: Window, records: Sequence[T]) -> bool:
        """Whether no record that stays in the list can lie between what is covered and these."""
        if window.start == 0 or self._knows(records):
            return True
        return window.start == self._frontier and ((self._at_end and not records) or self._is_anchored())

    def _knows(self, records: Sequence[T]) -> bool:
        return any(self._key(record) in self._seen for record in records)

    def _is_anchored(self) -> bool:
        """Whether the record before the frontier still is where it was."""
        if self._last is None:
            return True
        found = self._single(self._frontier - 1, confirm=3) or ()
        return [self._key(record) for record in found] == [self._key(self._last)]

    def _repeats(self, window: Window, records: Sequence[T]) -> bool:
        """Whether the service repeats a page instead of ending; if not, insertions pushed known records down here."""
        if any(self._key(record) not in self._seen for record in records):
            return False
        return (window.start == self._frontier or len(records) == window.size) and self._reader.is_endless()

    def _is_tired(self) -> bool:
        """Whether the list moved so much that going on without proof, and saying so, is all that is left."""
        if self._moves >= MOVES and not self.notices:
            self.notices.append(
                f"The list kept changing while it was read, so records after position {self._reached} may be missing. "
                "Run a full sync when it is calmer."
            )
        return bool(self.notices)

    # Moving on

    def _accept(self, window: Window, records: Sequence[T], gaps: tuple[Gap[T], ...] = ()) -> Page[T]:
        known = (self._seen[self._key(record)] for record in records if self._key(record) in self._seen)
        self._passed = next(known, self._passed if window.start else 0)  # one response, nothing unreadable in it
        is_short = len(records) < window.size
        self._at_end = is_short and window.size <= self._trusted
        if is_short and not self._at_end:  # the first page of a short list, or of a capped one: not known yet
            self._step = max(self._trusted, len(records))
        self._trusted = max(self._trusted, len(records))
        self._frontier, self._last = window.start + len(records), records[-1]
        if self._high is not None and self._high <= self._frontier:
            self._high = None
        if self._frontier > self._reached:
            self._reached, self._moves = self._frontier, 0
            self._reader.made_headway()
        self._overlap = max(self._overlap // 2, 1)
        self._windows += 1
        return Page(self._new(records), gaps, tuple(records), self._frontier)

    def _new(self, records: Sequence[T]) -> tuple[T, ...]:
        """Those not yielded before, which from now on they are."""
        new = {self._key(record): record for record in records if self._key(record) not in self._seen}
        self._seen.update(dict.fromkeys(new, self._passed))
        return tuple(new.values())

    def _end(self) -> None:
        self._ended, self.complete = True, not self.notices

    def _step_back(self, position: int) -> None:
        """Find a known record before ``position`` to go on from: the list has moved, nobody knows how far."""
        self._moves += 1
        self._overlap = min(self._overlap * 2, max(self._step // 2, 1))  # what moved once may move again
        self._high, self._at_end = None, False
        distance = 1
        while distance < position:
            found = self._single(position - distance, confirm=0)
            if found and self._knows(found):
                self._frontier, self._last = position - distance + 1, found[0]
                self._low, self._passed = min(self._low, position - distance), self._seen[self._key(found[0])]
                return
            distance *= 2
        self._frontier, self._low, self._last, self._passed = 0, 0, None, 0

    # Passing what can not be read

    def _cross(self) -> Page[T] | None:
        """Go from the frontier, whose position may be unreadable, to the first readable record behind."""
        window, after = self._first_readable()
        for position in range(window.start - 1, self._frontier - 1, -1):  # backwards: see the module's text on anchors
            found = self._single(position, confirm=3)
            if found is not None:
                window, after = Window(position, 1), found
        known = self._knows(after)
        if not (known or self._is_anchored() or self._is_tired()):
            self._step_back(self._frontier - 1)
            return None
        gaps = () if known else self._gaps(window.start, after)
        self._low, self._high = window.start, None
        if after:
            return self._accept(window, after, gaps)
        self._end()
        return Page((), gaps, (), window.start) if gaps else None

    def _first_readable(self) -> tuple[Window, Sequence[T]]:
        """The first window behind the frontier's position that can be read, and what it holds: nothing at the end.

        When it is not sure that the frontier's own position is unreadable, the search begins there: a deletion while
        the walk comes back would otherwise make two of one unreadable record.
        """
        window = window_at(self._frontier + 1, max(self._trusted, 1)) if self._is_sure else Window(self._frontier, 1)
        while (records := self._reader.ask(window, confirm=0)) is None:
            window = Window(window.start if window.size > 1 else window.end, 1)
            run = window.start - self._frontier
            if run == MANY:
                self._reader.is_endless()  # raises when that, too, fails
            if run > TOO_MANY:
                raise TestIOUnexpected(
                    f"TestIO fails on more than {TOO_MANY:,} records in a row from position {self._frontier} of this "
                    "list on. Try again later; if it stays like this, report it to TestIO."
                )
        return window, records

    def _gaps(self, end: int, after: Sequence[T]) -> tuple[Gap[T], ...]:
        """The unreadable positions from the frontier to ``end``, less those reported with neighbours gone by now."""
        first = self._frontier + self._reported - self._passed
        self._passed += end - self._frontier
        if first >= end:
            return ()
        self._reported = self._passed
        return (Gap(first, end - 1, self._last, after[0] if after else None),)
