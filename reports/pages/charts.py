"""A chart as its table: what ``templates/reports/components/chart.html`` shows and ``charts.js`` draws."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reports.pages import words

Number = int | float | None

#: The stylesheet's colours for series that have none of their own, in an order in which neighbours differ.
PALETTE = ("one", "two", "three", "four", "five", "six", "seven", "eight")


@dataclass(frozen=True, slots=True)
class Series:
    """One row of bars or one line. ``colour`` is one of the stylesheet's ``--chart-…``."""

    label: str
    colour: str
    values: Sequence[Number]
    is_line: bool = False
    is_right: bool = False
    is_dots: bool = False


@dataclass(frozen=True, slots=True)
class Value:
    """``raw`` for the chart (None is a gap in it), ``text`` for the table."""

    raw: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """``points`` name the values of every series, in order. ``empty`` says why there is nothing, and what to do."""

    key: str
    title: str
    points: Sequence[str]
    series: Sequence[Series]
    points_are: str = "Month"
    kind: str = "bar"
    note: str = ""
    unit: str = ""
    is_stacked: bool = False
    is_sideways: bool = False
    is_low: bool = False
    empty: str = "There is nothing to count here yet."

    @property
    def is_empty(self) -> bool:
        return not any(value for series in self.series for value in series.values)

    @property
    def size(self) -> str:
        """Bars that lie on their side need room for each."""
        if not self.is_sideways or len(self.points) <= 8:
            return "low" if self.is_low else ""
        return "high" if len(self.points) <= 16 else "highest"

    @property
    def rows(self) -> Iterator[tuple[str, list[Value]]]:
        for index, point in enumerate(self.points):
            yield point, [self._value(series.values[index]) for series in self.series]

    def _value(self, value: Number) -> Value:
        if value is None:
            return Value(None, words.MISSING)
        return Value(f"{value:.6g}" if isinstance(value, float) else str(value), f"{self._shown(value)}{self.unit}")

    def _shown(self, value: int | float) -> str:
        return words.count(value) if isinstance(value, int) else words.decimal(value)
