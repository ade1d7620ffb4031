"""An answer of the cube as a document, for every kind of file."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime

from reports.documents import Chart, ChartKind, Column, Document, Kind, Section, Series, Table, Value
from reports.limits import Limits
from reports.metrics import Answer, Cell, Dimension, Measure, Row
from reports.metrics.dimensions import Kind as Values
from reports.metrics.measures import Unit

KINDS = {Unit.COUNT: Kind.INTEGER, Unit.RATE: Kind.RATE, Unit.NUMBER: Kind.NUMBER}
MOST_POINTS = 60


def document(found: Answer, subtitle: str, made_at: datetime, limits: Limits) -> Document:
    """All of its rows, the totals under them, and a drawing of the first measure where it has one dimension."""
    query = found.query
    days = query.range
    parameters = [("Dated by", "end of the test" if query.dated_by == "end_at" else "moment of reporting")]
    parameters += [(each, ", ".join(map(str, values))) for each, values in query.filters.items()]
    if days:
        parameters.append(("Period", f"{days} (UTC)"))
    return Document(
        "metrics",
        "Metrics",
        made_at,
        subtitle,
        parameters=parameters,
        notes=[*found.notes, *_left_out(found), *limits.notes],
        sections=[Section(charts=list(_charts(found)), tables=[_table(found)])],
        data_as_of=limits.data_as_of,
    )


def same_names(cells: Iterable[Cell]) -> set[Cell]:
    """The cells of one dimension that only their id can tell from another one."""
    found = defaultdict(set)
    for cell in cells:
        found[cell.label].add(cell)
    return {cell for alike in found.values() if len(alike) > 1 for cell in alike if cell.key is not None}


def _left_out(found: Answer) -> Iterator[str]:
    shown = len(found.rows)
    if found.query.dimensions and shown < found.groups:
        yield f"{shown:,} of {found.groups:,} rows {'is' if shown == 1 else 'are'} shown; totals count all."


def _columns_of(dimension: Dimension) -> Iterator[Column]:
    """Names are not unique (many products have a feature "Login"): what has an id comes with it."""
    yield Column(dimension.name, dimension.title, width=28)
    if dimension.kind is Values.NUMBER:
        yield Column(f"{dimension.name}_id", f"{dimension.title} id", Kind.ID, 10)


def _values_of(found: Answer, row: Row) -> Iterator[Value]:
    for dimension, cell in zip(found.query.grouped, row.cells, strict=True):
        yield cell.label
        if dimension.kind is Values.NUMBER:
            yield cell.key


def _table(found: Answer) -> Table:
    query = found.query
    columns = [column for each in query.grouped for column in _columns_of(each)]
    total: list[Value] = [
        "Total" if place == 0 else "" if each.kind is Kind.TEXT else None for place, each in enumerate(columns)
    ]
    for measure in query.asked:
        columns.append(Column(measure.name, measure.title, KINDS[measure.unit]))
        if query.compare:
            columns.append(Column(f"{measure.name}_before", f"{measure.title}, before", KINDS[measure.unit]))
    # March has no March in the period before: only what is not a time can be compared with itself.
    is_timed = any(each.kind is Values.PERIOD for each in query.grouped)
    rows = [
        [*_values_of(found, row), *_figures(found, row.values, None if is_timed else row.previous)]
        for row in found.rows
    ]
    if not query.dimensions:  # then the totals are the figures
        rows = [[*_figures(found, found.totals, found.previous_totals)]]
    return Table(
        "metrics",
        "Figures",
        columns,
        rows,
        expected=len(rows),
        total=[*total, *_figures(found, found.totals, found.previous_totals)] if query.dimensions else None,
        empty="No test and no bug is like that. Ask for another period, or take a filter away.",
    )


def _figures(
    found: Answer, values: dict[str, float | None], previous: dict[str, float | None] | None
) -> Iterator[float | None]:
    for measure in found.query.asked:
        yield values.get(measure.name)
        if found.query.compare:
            yield (previous or {}).get(measure.name)


def _charts(found: Answer) -> Iterator[Chart]:
    if len(found.query.dimensions) != 1 or not found.rows:
        return
    measure: Measure = found.query.asked[0]
    dimension = found.query.grouped[0]
    is_time = dimension.kind is Values.PERIOD
    rows = found.rows[-MOST_POINTS:] if is_time else found.rows[:MOST_POINTS]
    alike = same_names(row.cells[0] for row in rows)
    yield Chart(
        "metrics",
        f"{measure.title} by {dimension.title.lower()}",
        [f"{cell.label} (#{cell.key})" if (cell := row.cells[0]) in alike else cell.label for row in rows],
        [Series(measure.title, [row.values[measure.name] for row in rows])],
        KINDS[measure.unit],
        ChartKind.LINES if is_time else ChartKind.BARS,
        dimension.title,
    )
