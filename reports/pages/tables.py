"""A table as rows of cells, and sorting it by its address."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from django.http import QueryDict

from reports.pages.links import changed

Row = TypeVar("Row")

ASCENDING, DESCENDING = "ascending", "descending"


@dataclass(frozen=True, slots=True)
class Cell:
    """``tone`` (good, warn, bad, none) colours the text or the badge; ``note`` stands below in small."""

    text: str
    url: str = ""
    tone: str = ""
    note: str = ""
    title: str = ""
    is_badge: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """``key`` is what the address calls it; empty where the table is not sorted by it."""

    label: str
    key: str = ""
    is_number: bool = False
    first: str = ASCENDING
    sort_url: str = ""
    direction: str = ""

    @property
    def sort_icon(self) -> str:
        return {ASCENDING: "arrow_upward", DESCENDING: "arrow_downward"}.get(self.direction, "unfold_more")


@dataclass(frozen=True, slots=True)
class Table:
    """The first cell of a row names it. ``caption`` is for those who cannot see what the table stands under."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]

    @property
    def labelled_rows(self) -> Iterator[list[tuple[Column, Cell]]]:
        return (list(zip(self.columns, row, strict=True)) for row in self.rows)


@dataclass(frozen=True, slots=True)
class Sorting:
    """By which column, and whether downwards. In the address: ``sort=name`` or ``sort=-name``."""

    key: str
    is_down: bool

    @classmethod
    def read(cls, text: str, columns: Iterable[Column], default: "Sorting") -> "Sorting":
        """What the address asks for; the default for anything that is no sorting of these columns."""
        key = text.removeprefix("-")
        known = {column.key for column in columns if column.key}
        return cls(key, text.startswith("-")) if key in known else default

    @property
    def text(self) -> str:
        return f"-{self.key}" if self.is_down else self.key


def sortable(columns: Iterable[Column], sorting: Sorting, path: str, query: QueryDict) -> list[Column]:
    """The columns with the addresses that sort by them: the sorted one turns round, others begin their own way."""
    return [_linked(column, sorting, path, query) if column.key else column for column in columns]


def _linked(column: Column, sorting: Sorting, path: str, query: QueryDict) -> Column:
    is_sorted = column.key == sorting.key
    down = not sorting.is_down if is_sorted else column.first == DESCENDING
    url = changed(path, query, sort=Sorting(column.key, down).text, after=None)
    direction = (DESCENDING if sorting.is_down else ASCENDING) if is_sorted else ""
    return replace(column, sort_url=url, direction=direction)
