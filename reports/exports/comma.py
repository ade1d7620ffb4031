"""CSV (RFC 4180, UTF-8): one table is one file, several are one file each in a ZIP."""

import csv
import zipfile
from collections.abc import Sequence
from io import TextIOWrapper
from typing import IO, BinaryIO

from reports.documents import Document, Table
from reports.exports.cells import neutral, plain
from reports.exports.rows import Counter, Seen


def write(document: Document, out: BinaryIO, seen: Seen) -> None:
    """Only what is in tables: the header is the columns' names. A table's total is left out."""
    counter = Counter(seen)
    if len(document.tables) == 1:
        _write_table(document.tables[0], out, counter)
        return
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, table in zip(file_names(document.tables), document.tables, strict=True):
            # ZIP64, because nobody knows beforehand how much there will be.
            with archive.open(f"{name}.csv", "w", force_zip64=True) as member:
                _write_table(table, member, counter)


def file_names(tables: Sequence[Table]) -> list[str]:
    """The names of the tables, with a number where a name comes again."""
    names: list[str] = []
    for table in tables:
        again = sum(name == table.name or name.startswith(f"{table.name}-") for name in names)
        names.append(f"{table.name}-{again + 1}" if table.name in names else table.name)
    return names


def _write_table(table: Table, out: IO[bytes], counter: Counter) -> None:
    text = TextIOWrapper(out, encoding="utf-8", newline="", write_through=False)
    writer = csv.writer(text)
    writer.writerow([neutral(column.name) for column in table.columns])  # some come from TestIO's forms
    for row in counter.through(table):
        writer.writerow(map(plain, row))
    text.flush()
    text.detach()  # the stream is the caller's to close
