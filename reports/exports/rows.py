"""Going through the rows of a table, telling somebody how many there were."""

from collections.abc import Callable, Iterator, Sequence

from reports.documents import Table, Value

Seen = Callable[[int], object]

#: Often enough that whoever waits sees it move, seldom enough that it costs nothing.
STEP = 500


def ignore(_: int) -> None:
    """For writing that nobody watches."""


class Counter:
    """Counts the rows of all tables of a document, and says so every ``STEP`` rows and at the end of each table."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self.rows = 0

    def through(self, table: Table) -> Iterator[Sequence[Value]]:
        for row in table.rows:
            yield row
            self.rows += 1
            if self.rows % STEP == 0:
                self._seen(self.rows)
        self._seen(self.rows)
