"""What a finished report is, whatever it will look like: writers (``reports.exports``) and pages show the same one.

A document is built once and read once: the rows of a table may come from the database while they are written. Values
are plain and typed by their column; None means that there is no such value and is never shown as 0.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from django.db.models import QuerySet


class Kind(StrEnum):
    """What the values of a column, a figure or a series are."""

    TEXT = "text"
    ID = "id"  # a whole number that names something and counts nothing
    INTEGER = "integer"
    NUMBER = "number"
    RATE = "rate"  # a share from 0 to 1, shown in per cent
    DATE = "date"
    DATETIME = "datetime"  # aware, shown in UTC
    YES_NO = "yes_no"
    LINK = "link"

    @property
    def is_number(self) -> bool:
        return self in (Kind.INTEGER, Kind.NUMBER, Kind.RATE)


@dataclass(frozen=True, slots=True)
class Link:
    """Where a value leads: ``url`` is absolute, or a path of this site, which only its pages make a link of."""

    text: str
    url: str


Value = str | int | float | bool | date | datetime | Link | None


@dataclass(frozen=True, slots=True)
class Column:
    """``name`` is for programs (JSON, the header of a CSV), ``title`` for people. ``width`` counts characters."""

    name: str
    title: str
    kind: Kind = Kind.TEXT
    width: int = 0


@dataclass(frozen=True, slots=True)
class StoredRows:
    """Rows that are still in the database; ``shown`` makes rows of a table out of those ``found``, one of each.

    All of them are read in parts, through a cursor on the server that is closed wherever reading ends. For a few, the
    database is asked for these alone.
    """

    found: "QuerySet[Any, Any]"
    shown: Callable[[Iterable[Any]], Iterator[Sequence[Value]]]
    at_once: int = 2_000

    def __iter__(self) -> Iterator[Sequence[Value]]:
        with closing(cast("Generator[Any]", self.found.iterator(self.at_once))) as read:
            yield from self.shown(read)

    def first(self, most: int) -> list[Sequence[Value]]:
        return list(self.shown(self.found[:most]))


@dataclass(frozen=True, slots=True)
class Table:
    """Rows may be gone through once; each has a value for every column. ``expected``: how many, where it is known.

    ``total`` is a row under all others. ``empty`` says why there are no rows, and what to do.
    """

    name: str
    title: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Value]]
    expected: int | None = None
    total: Sequence[Value] | None = None
    note: str = ""
    empty: str = "There is nothing to list."

    def first(self, most: int) -> list[Sequence[Value]]:
        """The first rows, where nobody wants the others."""
        return self.rows.first(most) if isinstance(self.rows, StoredRows) else list(islice(self.rows, most))


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that matters. ``note`` says how it is to be read, or what class it is in."""

    name: str
    title: str
    value: Value
    kind: Kind = Kind.INTEGER
    note: str = ""


class ChartKind(StrEnum):
    BARS = "bars"
    STACKED = "stacked"
    LINES = "lines"


@dataclass(frozen=True, slots=True)
class Series:
    """Values for every point of its chart, in order; None leaves a gap."""

    title: str
    values: Sequence[int | float | None]


@dataclass(frozen=True, slots=True)
class Chart:
    """Data of a drawing; ``points`` name the values of each series. ``kind`` holds for all of them."""

    name: str
    title: str
    points: Sequence[str]
    series: Sequence[Series]
    kind: Kind = Kind.INTEGER
    drawn_as: ChartKind = ChartKind.BARS
    points_are: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A part with a title of its own: text first, then figures, charts and tables."""

    title: str = ""
    text: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """``parameters`` are what was asked for, as title and text; ``notes`` are what limits its truth, in sentences."""

    name: str
    title: str
    made_at: datetime
    subtitle: str = ""
    parameters: Sequence[tuple[str, str]] = ()
    notes: Sequence[str] = ()
    sections: Sequence[Section] = ()
    data_as_of: datetime | None = None

    @property
    def tables(self) -> list[Table]:
        return [table for section in self.sections for table in section.tables]

    @property
    def charts(self) -> list[Chart]:
        return [chart for section in self.sections for chart in section.charts]

    @property
    def figures(self) -> list[Figure]:
        return [figure for section in self.sections for figure in section.figures]

    @property
    def expected_rows(self) -> int | None:
        """How many rows all tables have together; None where one of them cannot tell."""
        known = [table.expected for table in self.tables if table.expected is not None]
        return sum(known) if len(known) == len(self.tables) else None
