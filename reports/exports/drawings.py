"""Charts on paper: vectors, in colours that grey still tells apart, with the values written where they fit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from reports.documents import Chart, ChartKind, Kind
from reports.exports.cells import shown

if TYPE_CHECKING:
    from reports.exports.paper import Paper

COLOURS = (
    (31, 95, 153),
    (222, 132, 31),
    (74, 148, 101),
    (178, 62, 74),
    (125, 100, 170),
    (95, 105, 118),
    (60, 160, 175),
)
_GRID, _GREY = (225, 230, 236), (95, 105, 118)
_HEIGHT, _BAR = 58.0, 5.5
#: Bars that lie on their side: as many as fit on a page.
MOST_LYING = 30
#: Names longer than this do not fit under a bar.
_LONG_NAME = 12
_MOST_LABELLED = 16


def draw(paper: Paper, chart: Chart) -> None:
    """The chart from where the paper is, with its title and legend; below it afterwards."""
    lies = _lies(chart)
    shown_points = min(len(chart.points), MOST_LYING)
    height = shown_points * _BAR if lies else _HEIGHT
    paper.needs(min(height + 24, paper.bottom - paper.t_margin))
    paper.ln(3)
    paper.ink(size=10.5, bold=True)
    paper.paragraph(chart.title, 6)
    _legend(paper, chart)
    if not any(value is not None for series in chart.series for value in series.values):
        paper.ink(size=8.5, colour=_GREY)
        paper.paragraph("There is nothing to draw.", 5)
        return
    top = paper.get_y() + 1
    if lies:
        _Lying(paper, chart, top).draw()
    else:
        _Standing(paper, chart, top).draw()
    paper.set_xy(paper.l_margin, top + height + (0 if lies else 7))
    if lies and len(chart.points) > MOST_LYING:
        paper.ink(size=8, colour=_GREY)
        paper.paragraph(f"The first {MOST_LYING} of {len(chart.points):,}.", 5)


def ticks(highest: float) -> list[float]:
    """From 0 to no less than ``highest``, in three to six steps of 1, 2 or 5."""
    if highest <= 0:
        return [0.0, 1.0]
    rough = highest / 4
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [step * number for number in range(math.ceil(round(highest / step, 6)) + 1)]


def _lies(chart: Chart) -> bool:
    long = any(len(point) > _LONG_NAME for point in chart.points)
    return chart.drawn_as is ChartKind.BARS and len(chart.series) == 1 and long


def _legend(paper: Paper, chart: Chart) -> None:
    if len(chart.series) < 2:
        return
    paper.ink(size=8, colour=_GREY)
    top = paper.get_y()
    for number, series in enumerate(chart.series):
        title = paper.letters.printable(series.title)
        width = min(paper.get_string_width(title), paper.epw - 8) + 9
        if paper.get_x() + width > paper.w - paper.r_margin:
            top += 5
            paper.set_xy(paper.l_margin, top)
        paper.set_fill_color(*_colour(number))
        paper.rect(paper.get_x() + 1, top + 1, 3, 3, style="F")
        paper.set_x(paper.get_x() + 5)
        paper.line_of(title, width - 5, 5)
    paper.set_xy(paper.l_margin, top + 6)


def _colour(number: int) -> tuple[int, int, int]:
    return COLOURS[number % len(COLOURS)]


def _label(value: float, kind: Kind) -> str:
    if kind is Kind.RATE:
        return f"{value * 100:.0f}%"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


class _Standing:
    """Bars, piled bars or lines over names."""

    def __init__(self, paper: Paper, chart: Chart, top: float) -> None:
        self._paper, self._chart = paper, chart
        self._top, self._height = top, _HEIGHT
        self._left = paper.l_margin + 13
        self._width = paper.epw - 13
        self._ticks = ticks(self._highest())
        self._slot = self._width / max(len(chart.points), 1)

    def draw(self) -> None:
        self._axis()
        if self._chart.drawn_as is ChartKind.LINES:
            self._lines()
        elif self._chart.drawn_as is ChartKind.STACKED:
            self._piles()
        else:
            self._bars()
        self._names()

    def _highest(self) -> float:
        rows = zip(*(series.values for series in self._chart.series), strict=True)
        values = [[value or 0 for value in row] for row in rows]
        if self._chart.drawn_as is ChartKind.STACKED:
            return max((sum(row) for row in values), default=0)
        return max((max(row) for row in values), default=0)

    def _y(self, value: float) -> float:
        return self._top + self._height * (1 - value / self._ticks[-1])

    def _axis(self) -> None:
        paper = self._paper
        paper.ink(size=7, colour=_GREY)
        paper.set_draw_color(*_GRID)
        paper.set_line_width(0.15)
        for tick in self._ticks:
            y = self._y(tick)
            paper.line(self._left, y, self._left + self._width, y)
            paper.set_xy(paper.l_margin, y - 2)
            paper.cell(12, 4, _label(tick, self._chart.kind), align="R")

    def _bars(self) -> None:
        count = len(self._chart.series)
        width = self._slot * 0.72 / count
        for number, series in enumerate(self._chart.series):
            self._paper.set_fill_color(*_colour(number))
            for point, value in enumerate(series.values):
                if value:
                    left = self._left + point * self._slot + self._slot * 0.14 + number * width
                    self._paper.rect(left, self._y(value), width, self._y(0) - self._y(value), style="F")
        if count == 1 and len(self._chart.points) <= _MOST_LABELLED:
            self._values(self._chart.series[0].values)

    def _piles(self) -> None:
        reached = [0.0] * len(self._chart.points)
        for number, series in enumerate(self._chart.series):
            self._paper.set_fill_color(*_colour(number))
            for point, value in enumerate(series.values):
                if value:
                    top, bottom = self._y(reached[point] + value), self._y(reached[point])
                    left = self._left + point * self._slot + self._slot * 0.14
                    self._paper.rect(left, top, self._slot * 0.72, bottom - top, style="F")
                    reached[point] += value

    def _lines(self) -> None:
        for number, series in enumerate(self._chart.series):
            self._paper.set_draw_color(*_colour(number))
            self._paper.set_fill_color(*_colour(number))
            self._paper.set_line_width(0.6)
            before: tuple[float, float] | None = None
            for point, value in enumerate(series.values):
                here = None if value is None else (self._left + (point + 0.5) * self._slot, self._y(value))
                if here:
                    self._paper.circle(here[0], here[1], 0.7, style="F")
                    if before:
                        self._paper.line(*before, *here)
                before = here

    def _values(self, values: Sequence[float | None]) -> None:
        self._paper.ink(size=7, colour=_GREY)
        for point, value in enumerate(values):
            if value is not None:
                self._paper.set_xy(self._left + point * self._slot, self._y(value) - 4)
                self._paper.cell(self._slot, 4, shown(value, self._chart.kind), align="C")

    def _names(self) -> None:
        """As many as fit: every one, every second, ..."""
        paper = self._paper
        paper.ink(size=7, colour=_GREY)
        names = [paper.letters.printable(point) for point in self._chart.points]
        widest = max((paper.get_string_width(name) for name in names), default=0) + 2
        step = max(1, math.ceil(min(widest, 40) / self._slot))
        for number in range(0, len(names), step):
            width = self._slot * step
            left = self._left + (number + 0.5) * self._slot - width / 2
            paper.set_xy(left, self._top + self._height + 1)
            paper.line_of(names[number], width, 4, align="C")


class _Lying:
    """Bars on their side, for names that need room."""

    def __init__(self, paper: Paper, chart: Chart, top: float) -> None:
        self._paper, self._chart, self._top = paper, chart, top
        self._names = paper.epw * 0.38
        self._room = paper.epw * 0.5

    def draw(self) -> None:
        paper, values = self._paper, self._chart.series[0].values[:MOST_LYING]
        highest = max((value or 0 for value in values), default=0) or 1
        for number, value in enumerate(values):
            top = self._top + number * _BAR
            paper.ink(size=8)
            paper.set_xy(paper.l_margin, top)
            paper.line_of(paper.letters.printable(self._chart.points[number]), self._names - 3, _BAR, align="R")
            width = self._room * (value or 0) / highest
            paper.set_fill_color(*_colour(0))
            if width:
                paper.rect(paper.l_margin + self._names, top + 0.8, width, _BAR - 1.6, style="F")
            paper.ink(size=8, colour=_GREY)
            paper.set_xy(paper.l_margin + self._names + width + 1, top)
            paper.cell(20, _BAR, shown(value, self._chart.kind))
