"""The chart of a pivot: a line for times, bars for all else; one series per column, or one per figure."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from reports.metrics import DIMENSIONS, Cell, Measure, Row
from reports.metrics.answer import Values
from reports.metrics.measures import Unit
from reports.pages.charts import PALETTE, Chart, Number, Series
from reports.pages.explorer.pivot import Pivot, is_time, title
from sync import wording
from sync.dates import name_of_period, period_of

#: Bars and points that can still be told apart.
MOST_POINTS = 30
MOST_TIMES = 120
#: Names longer than this do not fit under a bar.
_LONG = 14
#: What became of bugs has colours of its own on every page.
_OUTCOMES = {"accepted": "accepted", "auto_accepted": "auto", "rejected": "rejected", wording.OPEN: "open"}
#: Figures of which parts make a whole, so that bars may stand on each other.
_ADD_UP = ("bugs", "severity_score")


def chart(pivot: Pivot) -> Chart:
    asked = pivot.asked
    rows = _rows(pivot)
    points = [_point(pivot, row.cells) for row in rows]
    is_line = _is_over_time(pivot)
    series, unit, note = _columns(pivot, rows) if pivot.across else _measures(pivot, rows)
    is_sideways = not is_line and any(len(point) > _LONG for point in points) and not _has_two_scales(series)
    return Chart(
        key="explorer",
        title=title(asked),
        points=points,
        series=series,
        points_are=", ".join(DIMENSIONS[name].title for name in asked.rows) or "All",
        kind="line" if is_line else "bar",
        note=" ".join(filter(None, (note, _points_note(pivot, rows)))),
        unit=unit,
        is_stacked=bool(pivot.across) and not is_line and _adds_up(pivot),
        is_sideways=is_sideways,
        empty="Every figure is 0 or not known: see the table.",
    )


def _is_over_time(pivot: Pivot) -> bool:
    return len(pivot.asked.rows) == 1 and is_time(DIMENSIONS[pivot.asked.rows[0]])


def _rows(pivot: Pivot) -> Sequence[Row]:
    if not _is_over_time(pivot):
        return pivot.rows[:MOST_POINTS]
    return list(_without_gaps(pivot))[-MOST_TIMES:]


def _without_gaps(pivot: Pivot) -> Iterator[Row]:
    """In the order of time, with the times in which nothing happened: a line would pass over them."""
    found = {row.cells[0].first: row for row in pivot.rows if row.cells[0].first}
    unit = DIMENSIONS[pivot.asked.rows[0]].path
    day, last = min(found, default=None), max(found, default=None)
    if day is None or last is None:
        return
    nothing: Values = {each.name: 0 if each.unit is Unit.COUNT else None for each in pivot.asked.asked_measures}
    while day <= last:
        period = period_of(unit, day)
        name = name_of_period(unit, period.first)
        yield found.get(day) or Row((Cell(name, name, period.first, period.last),), nothing)
        day = period.last + timedelta(days=1)


def _point(pivot: Pivot, cells: Sequence[Cell]) -> str:
    return " · ".join(pivot.named(name, cell, 28) for name, cell in zip(pivot.asked.rows, cells, strict=True)) or "All"


def _points_note(pivot: Pivot, rows: Sequence[Row]) -> str:
    return "" if _is_over_time(pivot) or len(rows) == len(pivot.rows) else f"The first {len(rows)} rows."


def _columns(pivot: Pivot, rows: Sequence[Row]) -> tuple[list[Series], str, str]:
    """The first measure, a series for each column."""
    measure = pivot.asked.asked_measures[0]
    shown = pivot.across[-len(PALETTE) :] if is_time(DIMENSIONS[pivot.asked.columns]) else pivot.across[: len(PALETTE)]
    series = [
        Series(
            pivot.named(pivot.asked.columns, cell, 28),
            _OUTCOMES.get(cell.label, colour),
            _of_column(pivot, rows, cell, measure),
        )
        for cell, colour in zip(shown, PALETTE, strict=False)
    ]
    notes = [f"{measure.title} only." if len(pivot.asked.measures) > 1 else ""]
    if len(shown) < len(pivot.below):
        notes.append(f"{len(shown)} of {len(pivot.below):,} columns.")
    return series, _unit(measure), " ".join(filter(None, notes))


def _of_column(pivot: Pivot, rows: Sequence[Row], cell: Cell, measure: Measure) -> list[Number]:
    groups = [pivot.crossed.get((*row.cells, cell)) for row in rows]
    nothing = 0 if measure.unit is Unit.COUNT else None
    return [_scaled(measure, row.values[measure.name]) if row else nothing for row in groups]


def _measures(pivot: Pivot, rows: Sequence[Row]) -> tuple[list[Series], str, str]:
    """A series for each measure. Shares have a scale of their own beside numbers, and are no bars there."""
    measures = pivot.asked.asked_measures
    units = {_unit(each) for each in measures}
    mixed = len(units) > 1
    series = []
    for measure, colour in zip(measures, PALETTE, strict=False):
        is_share = measure.unit is Unit.RATE
        label = f"{measure.title} (%, right)" if mixed and is_share else measure.title
        values = [_scaled(measure, row.values[measure.name]) for row in rows]
        apart = mixed and is_share
        is_line = _is_over_time(pivot)
        series.append(
            Series(label, colour, values, is_line=apart and is_line, is_right=apart, is_dots=apart and not is_line)
        )
    note = f"The first {len(series)} figures." if len(series) < len(measures) else ""
    return series, "" if mixed else units.pop(), note


def _has_two_scales(series: Sequence[Series]) -> bool:
    return any(each.is_right for each in series)


def _unit(measure: Measure) -> str:
    return "%" if measure.unit is Unit.RATE else ""


def _scaled(measure: Measure, value: float | None) -> Number:
    return value * 100 if value is not None and measure.unit is Unit.RATE else value


def _adds_up(pivot: Pivot) -> bool:
    return pivot.asked.measures[0] in _ADD_UP and not any(DIMENSIONS[name].repeats for name in pivot.asked.dimensions)
