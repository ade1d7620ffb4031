"""XLSX: a sheet per table, typed cells; before them figures and charts, after them what they are about and its limits.

Rows go to the file as they come, so a sheet of any length needs little memory. Text is written as text, never as a
formula, and text that would become one when somebody edits the cell carries Excel's own apostrophe.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from reports.documents import Column, Document, Kind, Link, Table, Value
from reports.exports import charts_in_sheets
from reports.exports.cells import NO_NUMBER, is_dangerous, moment, shown
from reports.exports.rows import Counter, Seen
from reports.exports.sheet_names import sheet_names

#: Excel's own limits.
MOST_ROWS, LONGEST_TEXT, LONGEST_ADDRESS = 1_048_576, 32_767, 2_079
#: Links are kept in memory until the end; further ones are written as their address.
MOST_LINKS = 20_000
#: Excel knows no day before this one.
_FIRST_DAY = date(1900, 3, 1)
_CUT = "… (cut: Excel holds no more)"

_NUMBER_FORMATS = {
    Kind.ID: "0",
    Kind.INTEGER: "#,##0",
    Kind.NUMBER: "#,##0.00",
    Kind.RATE: "0.0%",
    Kind.DATE: "yyyy-mm-dd",
    Kind.DATETIME: "yyyy-mm-dd hh:mm:ss",
}
_WIDTHS = {Kind.TEXT: 24, Kind.DATE: 12, Kind.DATETIME: 20, Kind.LINK: 24}

Cell = Callable[[int, int, Any], object]


def write(document: Document, out: BinaryIO, seen: Seen) -> None:
    with TemporaryDirectory(prefix="desk-xlsx-") as folder:
        options = {"constant_memory": True, "tmpdir": folder, "strings_to_numbers": False}
        with Workbook(out, options) as book:
            _Writer(book, document, Counter(seen)).write()


class _Writer:
    """One workbook: its formats, and the sheets one after the other."""

    def __init__(self, book: Workbook, document: Document, counter: Counter) -> None:
        self._book, self._document, self._counter = book, document, counter
        self._bold = book.add_format({"bold": True})
        self._title = book.add_format({"bold": True, "font_size": 16})
        self._head = book.add_format({"bold": True, "bg_color": "#E8EEF4", "bottom": 1, "text_wrap": True})
        self._wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        self._quoted = book.add_format({"quote_prefix": True})
        self._link = book.add_format({"font_color": "#0B57A4", "underline": 1})
        self._formats = {kind: book.add_format({"num_format": code}) for kind, code in _NUMBER_FORMATS.items()}
        self._links = 0

    def write(self) -> None:
        document = self._document
        self._book.set_properties({"title": document.title, "comments": document.subtitle})
        names = sheet_names(document)
        if names.summary:
            self._write_summary(names.summary)
        for table, name in zip(document.tables, names.tables, strict=True):
            self._write_table(table, name)
        self._write_about(names.about)

    # What the tables are about ----------------------------------------------------------------------------------------

    def _write_summary(self, name: str) -> None:
        sheet = self._book.add_worksheet(name)
        sheet.set_column(0, 0, 34)
        sheet.set_column(1, 12, 16)
        sheet.write_string(0, 0, self._document.title, self._title)
        row = 2
        for section in self._document.sections:
            if section.title and (section.figures or section.charts):
                sheet.write_string(row, 0, section.title, self._bold)
                row += 1
            for figure in section.figures:
                sheet.write_string(row, 0, figure.title)
                self._cell(sheet, figure.kind)(row, 1, figure.value)
                sheet.write_string(row, 2, figure.note)
                row += 1
            for chart in section.charts:
                row = charts_in_sheets.insert(self._book, sheet, row + 1, chart, self._head, self._formats)
            row += 1

    def _write_about(self, name: str) -> None:
        document, sheet = self._document, self._book.add_worksheet(name)
        sheet.set_column(0, 0, 24)
        sheet.set_column(1, 1, 100, self._wrapped)
        sheet.write_string(0, 0, document.title, self._title)
        for row, (title, text) in enumerate(self._about(), start=1):
            sheet.write_string(row, 0, title, self._bold)
            sheet.write_string(row, 1, _fitting(text), self._wrapped)

    def _about(self) -> Iterator[tuple[str, str]]:
        document = self._document
        if document.subtitle:
            yield "About", document.subtitle
        yield "Made at", f"{shown(document.made_at, Kind.DATETIME)} UTC"
        if document.data_as_of:
            yield "Data as of", f"{shown(document.data_as_of, Kind.DATETIME)} UTC"
        yield from document.parameters
        yield from (("Note", note) for note in document.notes)
        yield from ((section.title, text) for section in document.sections for text in section.text)
        yield from ((table.title, table.note) for table in document.tables if table.note)

    # Tables -----------------------------------------------------------------------------------------------------------

    def _write_table(self, table: Table, name: str) -> None:
        sheet, cells = self._begin(table.columns, name)
        at, part = 1, 1
        for row in self._counter.through(table):
            if at == MOST_ROWS:
                self._finish(sheet, table.columns, at)
                part += 1
                sheet, cells = self._begin(table.columns, f"{name[:25]} ({part})")
                at = 1
            for column, (cell, value) in enumerate(zip(cells, row, strict=True)):
                if value is not None:
                    cell(at, column, value)
            at += 1
        self._finish(sheet, table.columns, at)
        self._end(sheet, table, at)

    def _begin(self, columns: Sequence[Column], name: str) -> tuple[Worksheet, list[Cell]]:
        sheet = self._book.add_worksheet(name)
        for number, column in enumerate(columns):
            sheet.set_column(number, number, column.width or max(_WIDTHS.get(column.kind, 12), len(column.title) + 2))
        sheet.freeze_panes(1, 0)
        sheet.repeat_rows(0)
        sheet.set_landscape()
        sheet.set_paper(9)  # A4
        sheet.fit_to_pages(1, 0)
        for number, column in enumerate(columns):
            sheet.write_string(0, number, column.title, self._head)
        return sheet, [self._cell(sheet, column.kind) for column in columns]

    def _finish(self, sheet: Worksheet, columns: Sequence[Column], end: int) -> None:
        if end > 1:
            sheet.autofilter(0, 0, end - 1, len(columns) - 1)

    def _end(self, sheet: Worksheet, table: Table, at: int) -> None:
        if at == 1:
            sheet.write_string(1, 0, table.empty)
        elif table.total is not None and at < MOST_ROWS:
            for number, (column, value) in enumerate(zip(table.columns, table.total, strict=True)):
                if value is not None:
                    self._cell(sheet, column.kind)(at, number, value)

    # Cells ------------------------------------------------------------------------------------------------------------

    def _cell(self, sheet: Worksheet, kind: Kind) -> Cell:
        """How a value of this kind is written to this sheet; worked out once per column."""
        form = self._formats.get(kind)
        if kind is Kind.DATETIME or kind is Kind.DATE:
            return lambda row, column, value: self._write_time(sheet, row, column, value, form)
        if kind is Kind.LINK:
            return lambda row, column, value: self._write_link(sheet, row, column, value)
        if kind is Kind.YES_NO:
            return lambda row, column, value: sheet.write_string(row, column, shown(value, kind))
        if kind is Kind.TEXT:
            return lambda row, column, value: self._write_text(sheet, row, column, value)
        return lambda row, column, value: _write_number(sheet, row, column, value, form)

    def _write_text(self, sheet: Worksheet, row: int, column: int, value: Value) -> None:
        text = _fitting(shown(value, Kind.TEXT))
        if is_dangerous(text):
            sheet.write_string(row, column, text, self._quoted)
        else:
            sheet.write_string(row, column, text)

    def _write_time(self, sheet: Worksheet, row: int, column: int, value: Value, form: Format | None) -> None:
        if isinstance(value, date) and (value.date() if isinstance(value, datetime) else value) >= _FIRST_DAY:
            naive = value.astimezone(UTC).replace(tzinfo=None) if isinstance(value, datetime) else value
            sheet.write_datetime(row, column, naive, form)
        else:
            text = moment(value) if isinstance(value, datetime) else shown(value, Kind.DATE)
            self._write_text(sheet, row, column, text)

    def _write_link(self, sheet: Worksheet, row: int, column: int, value: Value) -> None:
        if not isinstance(value, Link):
            self._write_text(sheet, row, column, value)
            return
        self._links += 1
        is_address = value.url.startswith(("http://", "https://")) and len(value.url) <= LONGEST_ADDRESS
        if is_address and self._links <= MOST_LINKS:
            sheet.write_url(row, column, value.url, self._link, _fitting(value.text))
        else:
            self._write_text(sheet, row, column, value.url)


def _write_number(sheet: Worksheet, row: int, column: int, value: Any, form: Format | None) -> None:
    if value is None or not math.isfinite(value):
        sheet.write_string(row, column, NO_NUMBER)
    else:
        sheet.write_number(row, column, value, form)


def _fitting(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - len(_CUT)] + _CUT
