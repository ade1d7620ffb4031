"""PDF: for reading and for paper. A4, page numbers, charts as drawings, an outline of the sections.

Nobody reads ten thousand rows on paper: a table stops after ``MOST_ROWS`` and says so, with where all of them are.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import BinaryIO

from fpdf import FPDF
from fpdf.enums import MethodReturnValue, XPos, YPos
from fpdf.fonts import TTFFont

from reports.documents import Document, Figure, Kind, Section
from reports.exports import drawings, paper_tables
from reports.exports.cells import shown
from reports.exports.fonts import FAMILY, Letters, needs_shaping
from reports.exports.rows import Counter, Seen

MARGIN = 14.0
#: Tables with more columns than this are easier to read on a page that lies on its side.
MOST_UPRIGHT_COLUMNS = 7

#: Of a note below a figure: more is no note.
MOST_NOTE_LINES = 6
_NOTE_SIZE, _NOTE_LINE, _ABOVE_NOTE = 7.0, 3.4, 13.5

INK, GREY, FAINT = (28, 34, 42), (95, 105, 118), (222, 227, 233)


class Paper(FPDF):
    """Pages of one document, with its title and a page number at the foot of each."""

    def __init__(self, document: Document) -> None:
        columns = max((len(table.columns) for table in document.tables), default=0)
        super().__init__("landscape" if columns > MOST_UPRIGHT_COLUMNS else "portrait", "mm", "A4")
        self.letters = Letters(self)
        self._foot = self.letters.printable(document.title)
        self.set_title(document.title)
        self.set_creator("TestIO Desk")
        self.set_lang("en")
        self.set_creation_date(document.made_at)
        self.set_margin(MARGIN)
        self.set_auto_page_break(auto=True, margin=MARGIN + 6)
        self.ink()
        self.add_page()

    def close(self) -> None:
        """The files of its fonts, which only a finished PDF closes by itself. Safe to call twice."""
        for font in self.fonts.values():
            if isinstance(font, TTFFont):
                font.close()

    def footer(self) -> None:
        self.set_y(-MARGIN)
        self.ink(size=8, colour=GREY)
        self.line_of(self._foot, self.epw - 30, 5)
        self.cell(30, 5, f"Page {self.page_no()} of {{nb}}", align="R")

    def ink(self, *, size: float = 9.5, bold: bool = False, colour: tuple[int, int, int] = INK) -> None:
        self.set_font(FAMILY, "B" if bold else "", size)
        self.set_text_color(*colour)

    @property
    def bottom(self) -> float:
        """Below this nothing may be written."""
        return self.h - MARGIN - 6

    def needs(self, height: float) -> None:
        """Begins a new page where less than ``height`` is left of this one."""
        if self.get_y() + height > self.bottom:
            self.add_page()

    def line_of(self, text: str, width: float, height: float, align: str = "L") -> None:
        """One line, cut where it does not fit; the text has gone through ``letters.printable``."""
        with self.shaped(text):
            self.cell(width, height, self.cut(text, width), align=align)

    def cut(self, text: str, width: float) -> str:
        if self.get_string_width(text) <= width:
            return text
        fits = len(text)
        while fits and self.get_string_width(f"{text[:fits]}…") > width:
            fits = min(fits - 1, int(fits * 0.9))
        return f"{text[:fits].rstrip()}…"

    def lines_of(self, text: str, width: float, most: int) -> list[str]:
        """Broken where it does not fit; the last of ``most`` lines is cut."""
        if "\n" not in text and self.get_string_width(text) <= width:
            return [text]
        self.c_margin, margin = 0, self.c_margin
        found = self.multi_cell(width, 1, text, align="L", dry_run=True, output=MethodReturnValue.LINES)
        self.c_margin = margin
        lines = [str(line) for line in found] if isinstance(found, list) else [text]
        return lines if len(lines) <= most else [*lines[: most - 1], self.cut(f"{lines[most - 1]} …", width)]

    def paragraph(self, text: str, height: float) -> None:
        printable = self.letters.printable(text)
        with self.shaped(printable):
            self.multi_cell(0, height, printable, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    @contextmanager
    def shaped(self, text: str) -> Iterator[None]:
        """Letters are joined and ordered as their script wants it; only where it does, because it takes time."""
        needed = needs_shaping(text)
        if needed:
            self.set_text_shaping(use_shaping_engine=True)
        yield
        if needed:
            self.set_text_shaping(use_shaping_engine=False)


def write(document: Document, out: BinaryIO, seen: Seen) -> None:
    with closing(Paper(document)) as paper:
        counter = Counter(seen)
        _head(paper, document)
        for section in document.sections:
            _section(paper, section, counter)
        paper.output(out)


def _head(paper: Paper, document: Document) -> None:
    paper.ink(size=19, bold=True)
    paper.paragraph(document.title, 9)
    paper.ink(size=10.5, colour=GREY)
    if document.subtitle:
        paper.paragraph(document.subtitle, 5.5)
    paper.ink(size=9, colour=GREY)
    made = f"Made at {shown(document.made_at, Kind.DATETIME)} UTC"
    if document.data_as_of:
        made += f", from data of {shown(document.data_as_of, Kind.DATETIME)} UTC"
    paper.paragraph(made, 5)
    for title, text in document.parameters:
        paper.paragraph(f"{title}: {text}", 5)
    paper.ln(2)
    for note in document.notes:
        _note(paper, note)


def _note(paper: Paper, note: str) -> None:
    """What limits the truth of all that follows stands out."""
    paper.ink(size=9)
    paper.needs(10)
    page, top = paper.page, paper.get_y()
    paper.set_left_margin(MARGIN + 4)
    paper.set_x(MARGIN + 4)
    paper.paragraph(note, 4.8)
    paper.set_left_margin(MARGIN)
    if paper.page == page:
        paper.set_fill_color(200, 120, 0)
        paper.rect(MARGIN, top, 1.2, paper.get_y() - top, style="F")
    paper.set_xy(MARGIN, paper.get_y() + 1.5)


def _section(paper: Paper, section: Section, counter: Counter) -> None:
    if section.title:
        paper.needs(40)
        paper.ln(4)
        title = paper.letters.printable(section.title)
        paper.start_section(title, level=0)
        paper.ink(size=13, bold=True)
        paper.paragraph(title, 7)
        paper.ln(1)
    paper.ink()
    for text in section.text:
        paper.paragraph(text, 5)
        paper.ln(1.5)
    if section.figures:
        _figures(paper, section)
    for chart in section.charts:
        drawings.draw(paper, chart)
    for table in section.tables:
        paper_tables.draw(paper, table, counter, under=section.title)


def _figures(paper: Paper, section: Section) -> None:
    """Four beside each other, each in its box; boxes beside each other are as high as the longest note needs."""
    across, gap = 4, 3.0
    width = (paper.epw - gap * (across - 1)) / across
    for start in range(0, len(section.figures), across):
        figures = section.figures[start : start + across]
        notes = [_note_of(paper, figure, width - 4) for figure in figures]
        height = _ABOVE_NOTE + _NOTE_LINE * max(1, *map(len, notes)) + 1.5
        paper.needs(height + gap)
        top = paper.get_y()
        for number, (figure, note) in enumerate(zip(figures, notes, strict=True)):
            _figure(paper, figure, note, MARGIN + number * (width + gap), top, width, height)
        paper.set_xy(MARGIN, top + height + gap)


def _note_of(paper: Paper, figure: Figure, width: float) -> list[str]:
    paper.ink(size=_NOTE_SIZE)
    return paper.lines_of(paper.letters.printable(figure.note), width, MOST_NOTE_LINES)


def _figure(
    paper: Paper, figure: Figure, note: list[str], left: float, top: float, width: float, height: float
) -> None:
    paper.set_draw_color(*FAINT)
    paper.rect(left, top, width, height)
    lines = [
        (paper.letters.printable(figure.title), 8.0, False, 1.5, 4.0),
        (paper.letters.printable(shown(figure.value, figure.kind)), 14.0, True, 6.5, 6.0),
        *((line, _NOTE_SIZE, False, _ABOVE_NOTE + number * _NOTE_LINE, _NOTE_LINE) for number, line in enumerate(note)),
    ]
    for text, size, bold, down, line_height in lines:
        paper.ink(size=size, bold=bold, colour=INK if bold else GREY)
        paper.set_xy(left + 2, top + down)
        paper.line_of(text, width - 4, line_height)
