"""Tables on paper: columns as wide as what is in them, a head on every page, rows that stay whole."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING

from reports.documents import Column, Table, Value
from reports.exports.cells import shown
from reports.exports.rows import Counter

if TYPE_CHECKING:
    from reports.exports.paper import Paper

MOST_ROWS = 2_000
#: So many rows say how wide the columns are to be.
_MEASURED = 60
_MOST_LINES, _LONGEST = 6, 600
_LINE, _PADDING = 4.2, 1.2
_WIDEST = 75.0
_HEAD, _STRIPE, _RULE, _GREY = (232, 238, 244), (247, 249, 251), (205, 212, 220), (95, 105, 118)

Texts = Sequence[str]


def draw(paper: Paper, table: Table, counter: Counter, *, under: str = "") -> None:
    """The table from where the paper is; its title is left out ``under`` a section of the same."""
    paper.needs(24)
    if under != table.title:
        paper.ln(3)
        paper.ink(size=10.5, bold=True)
        paper.paragraph(table.title, 6)
    if table.note:
        paper.ink(size=8.5, colour=_GREY)
        paper.paragraph(table.note, 4.5)
    paper.ln(1)
    _Drawn(paper, table).draw(counter)
    paper.set_x(paper.l_margin)


class _Drawn:
    def __init__(self, paper: Paper, table: Table) -> None:
        self._paper, self._table = paper, table
        self._size = 8.0 if len(table.columns) <= 9 else 6.8
        self._widths: list[float] = []

    def draw(self, counter: Counter) -> None:
        rows = (self._texts(row) for row in islice(counter.through(self._table), MOST_ROWS + 1))
        first = list(islice(rows, _MEASURED))
        if not first:
            self._remark(self._table.empty)
            return
        titles = [self._paper.letters.printable(column.title) for column in self._table.columns]
        self._widths = self._measured([titles, *first])
        self._row(titles, is_head=True)
        for number, texts in enumerate(chain(first, rows)):
            if number == MOST_ROWS:
                self._remark(self._stopped())
                return
            self._row(texts, is_striped=number % 2 == 1, titles=titles)
        if self._table.total is not None:
            self._row(self._texts(self._table.total), is_head=True)

    def _stopped(self) -> str:
        of = f" of {self._table.expected:,}" if self._table.expected else ""
        return f"These are the first {MOST_ROWS:,} rows{of}. As XLSX, CSV or JSON the report has all of them."

    def _texts(self, row: Sequence[Value]) -> list[str]:
        return [self._text(value, column) for value, column in zip(row, self._table.columns, strict=True)]

    def _text(self, value: Value, column: Column) -> str:
        text = shown(value, column.kind)
        return self._paper.letters.printable(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…").strip()

    def _measured(self, rows: Sequence[Texts]) -> list[float]:
        """What every column would like, made to fit: the narrow ones keep what they need, the wide ones share."""
        self._paper.ink(size=self._size, bold=True)
        wanted = [
            min(_WIDEST, max(self._paper.get_string_width(line) for text in texts for line in text.split("\n")))
            + 2 * _PADDING + 0.5
            for texts in zip(*rows, strict=True)
        ]  # fmt: skip
        room = self._paper.epw
        if sum(wanted) <= room:
            spare = (room - sum(wanted)) / len(wanted)
            return [width + min(spare, 12) for width in wanted]
        return _shared(wanted, room)

    def _row(
        self, texts: Texts, *, is_head: bool = False, is_striped: bool = False, titles: Texts | None = None
    ) -> None:
        paper = self._paper
        paper.ink(size=self._size, bold=is_head)
        cells = [
            paper.lines_of(text, width - 2 * _PADDING, _MOST_LINES)
            for text, width in zip(texts, self._widths, strict=True)
        ]
        height = max(map(len, cells)) * _LINE + 2 * _PADDING
        if paper.get_y() + height > paper.bottom:
            paper.add_page()
            if titles is not None:
                self._row(titles, is_head=True)
            paper.ink(size=self._size, bold=is_head)
        left, top = paper.l_margin, paper.get_y()
        self._background(left, top, height, _HEAD if is_head else _STRIPE if is_striped else None)
        for lines, width, column in zip(cells, self._widths, self._table.columns, strict=True):
            for number, line in enumerate(lines):
                paper.set_xy(left + _PADDING, top + _PADDING + number * _LINE)
                with paper.shaped(line):
                    paper.cell(width - 2 * _PADDING, _LINE, line, align="R" if column.kind.is_number else "L")
            left += width
        paper.set_xy(paper.l_margin, top + height)

    def _background(self, left: float, top: float, height: float, colour: tuple[int, int, int] | None) -> None:
        paper, width = self._paper, sum(self._widths)
        if colour:
            paper.set_fill_color(*colour)
            paper.rect(left, top, width, height, style="F")
        paper.set_draw_color(*_RULE)
        paper.set_line_width(0.1)
        paper.line(left, top + height, left + width, top + height)

    def _remark(self, text: str) -> None:
        self._paper.ink(size=8.5, colour=_GREY)
        self._paper.paragraph(text, 5)


def _shared(wanted: list[float], room: float) -> list[float]:
    """Nobody gets more than a fair part until all the others have what they want."""
    widths = dict(enumerate(wanted))
    result = [0.0] * len(wanted)
    while widths:
        fair = room / len(widths)
        modest = {number: width for number, width in widths.items() if width <= fair}
        if not modest:
            total = sum(width**0.5 for width in widths.values())
            for number, width in widths.items():
                result[number] = room * width**0.5 / total
            return result
        for number, width in modest.items():
            result[number] = width
            room -= width
            del widths[number]
    return result
