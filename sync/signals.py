"""What this app announces to those that build on it.

``gap_found`` and ``page_read`` are sent while a sync stores a page, inside that page's transaction. Receivers write
in the same transaction: either the page, its gaps and what receivers made of them are committed together, or none of
it is.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.dispatch import Signal

#: Positions of a product's test list that could not be read. Arguments: run (SyncEvent), product, gap (Gap).
gap_found = Signal()

#: A page of a product's test list was read. Arguments: run, product, path (Path).
page_read = Signal()

#: A refresh cycle has refreshed its products (``sync.refresh.cycle``); now others may do what is due of theirs. Sent
#: outside of any transaction. Arguments: customers (those refreshed in the background, a list of Customer), stop
#: (threading.Event, to be obeyed) and dry_run (bool: say what would be done, change nothing). Receivers return figures
#: by name (``dict[str, int]``), which are shown with the cycle's own. One that raises is logged and counted.
cycle_ran = Signal()


class Path(Protocol):
    """What a walk has read so far. ``is_complete``: the whole list, to its end."""

    @property
    def is_complete(self) -> bool: ...

    def leads(self, before_id: int | None, after_id: int | None) -> bool:
        """Whether the walk read from one test to the other with nothing unreadable between them.

        None stands for the top of the list (before) and for its end (after).
        """
        ...


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A readable test beside a gap."""

    test_id: int
    end_at: datetime | None


@dataclass(frozen=True, slots=True)
class Gap:
    """Positions ``first_position`` to ``last_position`` (0-based, inclusive; newest test first)."""

    first_position: int
    last_position: int
    before: Neighbour | None
    after: Neighbour | None

    def __str__(self) -> str:
        positions = f"position {self.first_position}"
        if self.last_position > self.first_position:
            positions = f"positions {self.first_position}-{self.last_position}"
        return f"{positions} ({self._where()})"

    def _where(self) -> str:
        if self.before and self.after:
            return f"between test {self.before.test_id} and test {self.after.test_id}"
        if self.before:
            return f"after test {self.before.test_id}, at the end of the list"
        return f"before test {self.after.test_id}, at the top of the list" if self.after else "the whole list"
