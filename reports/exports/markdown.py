"""Markdown (GitHub's flavour): for a wiki, an issue or a message. Whatever TestIO's texts contain is shown as it is."""

import re
from collections.abc import Iterable, Sequence
from typing import BinaryIO

from reports.documents import Chart, Column, Document, Figure, Kind, Link, Section, Table, Value
from reports.exports.cells import shown
from reports.exports.rows import Counter, Seen

_SPECIAL = re.compile(r"[\\`*\[\]|~]|(?<!\w)_|_(?!\w)|^(?=[-+#=])")


def write(document: Document, out: BinaryIO, seen: Seen) -> None:
    counter = Counter(seen)
    out.writelines(f"{line}\n".encode() for line in _lines(document, counter))


def escaped(text: str) -> str:
    """The text as one line that Markdown shows as it stands."""
    harmless = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "<br>".join(_SPECIAL.sub(r"\\\g<0>", line.strip()) for line in harmless.strip().splitlines())


def _lines(document: Document, counter: Counter) -> Iterable[str]:
    yield f"# {escaped(document.title)}"
    if document.subtitle:
        yield from ("", escaped(document.subtitle))
    about = [("Made at", f"{shown(document.made_at, Kind.DATETIME)} UTC"), *document.parameters]
    if document.data_as_of:
        about.insert(1, ("Data as of", f"{shown(document.data_as_of, Kind.DATETIME)} UTC"))
    yield ""
    yield from (f"- {escaped(title)}: {escaped(text)}" for title, text in about)
    if document.notes:
        yield from ("", *(f"> {escaped(note)}" + "  " for note in document.notes))
    for section in document.sections:
        yield from _section(section, counter)


def _section(section: Section, counter: Counter) -> Iterable[str]:
    if section.title:
        yield from ("", f"## {escaped(section.title)}")
    for text in section.text:
        yield from ("", escaped(text))
    if section.figures:
        yield from _figures(section.figures)
    for chart in section.charts:
        yield from _chart(chart)
    for table in section.tables:
        yield from _table(table, counter)


def _figures(figures: Sequence[Figure]) -> Iterable[str]:
    yield from ("", "| Figure | Value | |", "| --- | ---: | --- |")
    for figure in figures:
        yield _row([figure.title, shown(figure.value, figure.kind), figure.note])


def _chart(chart: Chart) -> Iterable[str]:
    """A chart as its table."""
    yield from ("", f"### {escaped(chart.title)}", "")
    yield _row([chart.points_are, *(series.title for series in chart.series)])
    yield "|" + " --- |" + " ---: |" * len(chart.series)
    for number, point in enumerate(chart.points):
        yield _row([point, *(shown(series.values[number], chart.kind) for series in chart.series)])


def _table(table: Table, counter: Counter) -> Iterable[str]:
    yield from ("", f"### {escaped(table.title)}", "")
    head = [_row([column.title for column in table.columns]), _rule(table.columns)]
    has_rows = False
    for row in counter.through(table):
        if not has_rows:
            yield from head
            has_rows = True
        yield _cells([_cell(value, column) for value, column in zip(row, table.columns, strict=True)])
    if not has_rows:
        yield escaped(table.empty)
    elif table.total is not None:
        yield _cells([_bold(_cell(value, column)) for value, column in zip(table.total, table.columns, strict=True)])
    if table.note:
        yield from ("", escaped(table.note))


def _rule(columns: Sequence[Column]) -> str:
    return "|" + "".join(" ---: |" if column.kind.is_number else " --- |" for column in columns)


def _cell(value: Value, column: Column) -> str:
    if isinstance(value, Link) and re.fullmatch(r"https?://[^\s<>]+", value.url):
        return f"[{escaped(value.text)}](<{value.url.replace('|', '%7C')}>)"
    text = shown(value, column.kind)
    return escaped(text) if isinstance(value, str | Link) else text


def _bold(text: str) -> str:
    return f"**{text}**" if text else ""


def _row(texts: Iterable[str]) -> str:
    return _cells([escaped(text) for text in texts])


def _cells(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
