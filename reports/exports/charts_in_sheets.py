"""Charts in a workbook: their data as cells, and Excel's own chart of those cells beside them."""

from collections.abc import Mapping

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from reports.documents import Chart, ChartKind, Kind

#: Rows a chart is high, so that nothing is written under it.
_ROWS = 16
_TYPES: Mapping[ChartKind, dict[str, str]] = {
    ChartKind.BARS: {"type": "column"},
    ChartKind.STACKED: {"type": "column", "subtype": "stacked"},
    ChartKind.LINES: {"type": "line"},
}


def insert(
    book: Workbook, sheet: Worksheet, row: int, chart: Chart, head: Format, formats: Mapping[Kind, Format]
) -> int:
    """Write the chart's data from ``row`` on, and the drawing to its right; the first free row under both."""
    sheet.write_string(row, 0, chart.title, head)
    for number, series in enumerate(chart.series, start=1):
        sheet.write_string(row, number, series.title, head)
    _draw(book, sheet, row, chart)
    for number, point in enumerate(chart.points):
        sheet.write_string(row + 1 + number, 0, point)
        for column, series in enumerate(chart.series, start=1):
            if (value := series.values[number]) is not None:
                sheet.write_number(row + 1 + number, column, value, formats.get(chart.kind))
    return row + max(len(chart.points) + 1, _ROWS) + 1


def _draw(book: Workbook, sheet: Worksheet, row: int, chart: Chart) -> None:
    if not chart.points or not chart.series:
        return
    drawing = book.add_chart(dict(_TYPES[chart.drawn_as]))
    first, last = row + 1, row + len(chart.points)
    for column in range(1, len(chart.series) + 1):
        drawing.add_series(
            {
                "name": [sheet.name, row, column],
                "categories": [sheet.name, first, 0, last, 0],
                "values": [sheet.name, first, column, last, column],
            }
        )
    drawing.set_title({"name": chart.title, "name_font": {"size": 11}})
    drawing.set_legend({"position": "bottom", "none": len(chart.series) == 1})
    sheet.insert_chart(row, len(chart.series) + 2, drawing, {"object_position": 3})
