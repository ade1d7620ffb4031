"""JSON: the whole document, typed, rows as objects by their columns' names; written while it is read.

Times are ISO 8601 in UTC, rates numbers from 0 to 1, links ``{"text", "url"}``; a value that is not there is null.
"""

from collections.abc import Sequence
from typing import Any, BinaryIO

import orjson

from reports.documents import Chart, Document, Figure, Section, Table, Value
from reports.exports.rows import Counter, Seen

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS


def write(document: Document, out: BinaryIO, seen: Seen) -> None:
    counter = Counter(seen)
    head = {
        "name": document.name,
        "title": document.title,
        "subtitle": document.subtitle,
        "made_at": document.made_at,
        "data_as_of": document.data_as_of,
        "parameters": dict(document.parameters),
        "notes": list(document.notes),
    }
    out.write(_dumps(head)[:-1] + b',"sections":[')
    for number, section in enumerate(document.sections):
        out.write(b",\n" if number else b"\n")
        _write_section(section, out, counter)
    out.write(b"\n]}\n")


def _write_section(section: Section, out: BinaryIO, counter: Counter) -> None:
    head = {
        "title": section.title,
        "text": list(section.text),
        "figures": [_figure(figure) for figure in section.figures],
        "charts": [_chart(chart) for chart in section.charts],
    }
    out.write(_dumps(head)[:-1] + b',"tables":[')
    for number, table in enumerate(section.tables):
        out.write(b"," if number else b"")
        _write_table(table, out, counter)
    out.write(b"]}")


def _write_table(table: Table, out: BinaryIO, counter: Counter) -> None:
    names = [column.name for column in table.columns]
    head = {
        "name": table.name,
        "title": table.title,
        "note": table.note,
        "columns": [{"name": each.name, "title": each.title, "kind": each.kind} for each in table.columns],
        "total": None if table.total is None else _row(names, table.total),
    }
    out.write(_dumps(head)[:-1] + b',"rows":[')
    between = b"\n"
    for row in counter.through(table):
        out.write(between + _dumps(_row(names, row)))
        between = b",\n"
    out.write(b"]}")


def _row(names: Sequence[str], row: Sequence[Value]) -> dict[str, Value]:
    return dict(zip(names, row, strict=True))


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "name": figure.name,
        "title": figure.title,
        "kind": figure.kind,
        "value": figure.value,
        "note": figure.note,
    }


def _chart(chart: Chart) -> dict[str, Any]:
    return {
        "name": chart.name,
        "title": chart.title,
        "kind": chart.kind,
        "points": list(chart.points),
        "series": [{"title": each.title, "values": list(each.values)} for each in chart.series],
    }


def _dumps(value: object) -> bytes:
    return orjson.dumps(value, option=_OPTIONS)
