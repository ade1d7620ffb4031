"""Documents as files. One module per format; all write the same document to a binary stream.

``write(document, out, seen)``: ``seen`` is told, every few hundred rows, how many rows of all tables are written; what
it raises ends the writing. Text that a spreadsheet would take for a formula is made harmless everywhere.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from reports.documents import Document
from reports.exports import comma, json, markdown
from reports.exports.rows import Seen, ignore

Write = Callable[[Document, BinaryIO, Seen], None]

ZIP_TYPE = "application/zip"


@dataclass(frozen=True, slots=True)
class Format:
    """``is_streamed``: what is written can be read before the end; the others need a file they can go back in."""

    name: str
    title: str
    media_type: str
    write: Write
    is_streamed: bool = True

    def extension(self, document: Document) -> str:
        """How the name of the file ends: several tables are several files of CSV, in one ZIP."""
        return "zip" if self.name == "csv" and len(document.tables) != 1 else _EXTENSIONS.get(self.name, self.name)


class NoSuchFormat(Exception):
    """A format nobody writes. The sentence names those that are there."""


def _write_workbook(document: Document, out: BinaryIO, seen: Seen) -> None:
    # What these two need takes a tenth of the time in which a command starts, and most commands write neither.
    from reports.exports import workbook

    workbook.write(document, out, seen)


def _write_paper(document: Document, out: BinaryIO, seen: Seen) -> None:
    from reports.exports import paper

    paper.write(document, out, seen)


FORMATS = {
    each.name: each
    for each in (
        Format("csv", "CSV", "text/csv; charset=utf-8", comma.write),
        Format(
            "xlsx",
            "Excel workbook",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            _write_workbook,
            is_streamed=False,
        ),
        Format("markdown", "Markdown", "text/markdown; charset=utf-8", markdown.write),
        Format("json", "JSON", "application/json; charset=utf-8", json.write),
        Format("pdf", "PDF", "application/pdf", _write_paper, is_streamed=False),
    )
}
#: Of all files a report can become.
MEDIA_TYPES = (*(each.media_type for each in FORMATS.values()), ZIP_TYPE)
_EXTENSIONS = {"markdown": "md"}
_OTHER_NAMES = {"md": "markdown", "excel": "xlsx"}


def find(name: str) -> Format:
    """Raises ``NoSuchFormat``."""
    word = name.strip().lower()
    found = FORMATS.get(_OTHER_NAMES.get(word, word))
    if found is None:
        raise NoSuchFormat(f'"{name}" is no format of a report. Known are: {", ".join(FORMATS)}.')
    return found


def media_type(extension: str) -> str:
    """Of a file that a format has written."""
    if extension == "zip":
        return ZIP_TYPE
    return find(extension).media_type


def write(document: Document, name: str, out: BinaryIO, seen: Seen = ignore) -> None:
    """Write ``document`` to ``out`` in the format ``name``. Raises ``NoSuchFormat``."""
    find(name).write(document, out, seen)
