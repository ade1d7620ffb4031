"""A report's document as parts of a page: its figures, charts and tables, the first rows of each."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.urls import reverse

from reports import documents, exports
from reports.documents import ChartKind, Document, Kind, Link, Value
from reports.exports.cells import shown
from reports.pages import cells, health, words
from reports.pages.charts import PALETTE, Chart, Series
from reports.pages.parts import Stat
from reports.pages.tables import Cell, Column

#: Rows of a table on a page; a file has all.
MOST_ROWS = 50
#: Names longer than this do not fit under a bar.
_LONG = 12
_SHORT = {"csv": "CSV", "xlsx": "XLSX", "markdown": "Markdown", "json": "JSON", "pdf": "PDF"}
_TONES = {word.lower(): health.TONES[each] for each, word in health.WORDS.items()}
_OUTCOMES = {"accepted": "accepted", "auto-accepted": "auto", "rejected": "rejected", "open": "open"}
#: Pages of what a number names, by the title of its column.
_PAGES = {"bug": "reports:bug", "test": "reports:test", "product id": "reports:product"}


@dataclass(frozen=True, slots=True)
class Form:
    """A format to choose, with a name short enough for a button."""

    name: str
    title: str
    short: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table of a report. ``note`` says what is not shown; ``total`` is empty without a row of totals."""

    key: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    total: Sequence[Cell]
    note: str
    empty: str
    is_tall: bool = False

    @property
    def labelled_rows(self) -> Iterator[list[tuple[Column, Cell]]]:
        return (list(zip(self.columns, row, strict=True)) for row in self.rows)

    @property
    def labelled_total(self) -> list[tuple[Column, Cell]]:
        return list(zip(self.columns, self.total, strict=True)) if self.total else []


@dataclass(frozen=True, slots=True)
class Part:
    """A section of a report."""

    key: str
    title: str
    text: Sequence[str]
    stats: Sequence[Stat]
    charts: Sequence[Chart]
    sheets: Sequence[Sheet]


def formats() -> list[Form]:
    return [Form(each.name, each.title, _SHORT.get(each.name, each.title)) for each in exports.FORMATS.values()]


def parts(document: Document) -> list[Part]:
    """To be called in the snapshot that the document was made in: its rows are read here."""
    return [
        Part(
            key=f"part-{number}",
            title=section.title,
            text=section.text,
            stats=[stat(figure) for figure in section.figures],
            charts=[chart(each, f"part-{number}-{place}") for place, each in enumerate(section.charts)],
            sheets=[
                sheet(each, f"part-{number}-table-{place}", is_one_of_many=len(document.tables) > 1)
                for place, each in enumerate(section.tables)
            ],
        )
        for number, section in enumerate(document.sections)
    ]


def stat(figure: documents.Figure) -> Stat:
    return Stat(
        figure.title,
        words.MISSING if figure.value is None else shown(figure.value, figure.kind),
        note=figure.note,
        tone=_tone(figure),
    )


def _tone(figure: documents.Figure) -> str:
    """By the health class that the figure is, or that its note begins with."""
    said = figure.value if isinstance(figure.value, str) else re.split(r"[,;:.(]", figure.note)[0]
    return _TONES.get(said.strip().lower(), "")


def chart(drawn: documents.Chart, key: str) -> Chart:
    is_rate = drawn.kind is Kind.RATE
    long = any(len(point) > _LONG for point in drawn.points)
    return Chart(
        key=key,
        title=drawn.title,
        points=[cells.title(point, "(none)", 40) for point in drawn.points],
        points_are=drawn.points_are or "",
        series=[
            Series(each.title, _colour(each, place), [_scaled(value, is_rate) for value in each.values])
            for place, each in enumerate(drawn.series)
        ],
        kind="line" if drawn.drawn_as is ChartKind.LINES else "bar",
        unit="%" if is_rate else "",
        is_stacked=drawn.drawn_as is ChartKind.STACKED,
        is_sideways=long and drawn.drawn_as is not ChartKind.LINES,
        empty="There is nothing to draw for these parameters.",
    )


def _colour(series: documents.Series, place: int) -> str:
    """What became of bugs has colours of its own on every page."""
    return _OUTCOMES.get(series.title.lower(), PALETTE[place % len(PALETTE)])


def _scaled(value: int | float | None, is_rate: bool) -> int | float | None:
    return value * 100 if is_rate and value is not None else value


def sheet(table: documents.Table, key: str, *, is_one_of_many: bool = False) -> Sheet:
    rows = table.first(MOST_ROWS + 1)
    return Sheet(
        key=key,
        title=table.title,
        columns=[Column(column.title, is_number=_is_right(column)) for column in table.columns],
        rows=[[_cell(value, column) for value, column in _pairs(row, table)] for row in rows[:MOST_ROWS]],
        total=[_total(value, column) for value, column in _pairs(table.total, table)] if table.total else [],
        note=" ".join(filter(None, (table.note, _more(table, len(rows))))),
        empty=table.empty,
        is_tall=is_one_of_many,
    )


def _pairs(row: Sequence[Value], table: documents.Table) -> Iterator[tuple[Value, documents.Column]]:
    return zip(row, table.columns, strict=True)


def _is_right(column: documents.Column) -> bool:
    return column.kind.is_number or column.kind in (Kind.ID, Kind.DATE, Kind.DATETIME)


def _cell(value: Value, column: documents.Column) -> Cell:
    text = shown(value, column.kind)
    if isinstance(value, Link):
        return Cell(value.text, value.url if value.url.startswith(("https://", "http://", "/")) else "")
    if value is None:
        return Cell(text, tone="none")
    if column.kind is Kind.ID:
        page = _PAGES.get(column.title.lower())
        return Cell(text, reverse(page, args=[value]) if page and isinstance(value, int) and value > 0 else "")
    if column.kind is Kind.TEXT and (tone := _TONES.get(text.lower())) is not None and column.name == "health":
        return Cell(text, tone=tone, is_badge=True)
    short = cells.title(text, words.NONE, 160) if column.kind is Kind.TEXT else text
    return Cell(short, title=text if short != text and len(text) < 2000 else "")


def _total(value: Value, column: documents.Column) -> Cell:
    return Cell("" if value is None and not column.kind.is_number else shown(value, column.kind))


def _more(table: documents.Table, read: int) -> str:
    if read <= MOST_ROWS:
        return ""
    of = f" of {table.expected:,}" if table.expected is not None else ""
    return f"The first {MOST_ROWS}{of} rows are shown; a file has all of them."
