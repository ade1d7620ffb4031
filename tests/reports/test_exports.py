"""What is written can be read again: with csv, json, openpyxl and pypdf."""

import csv
import json
import zipfile
from datetime import datetime
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader

from reports import exports
from reports.documents import Column, Document, Figure, Kind, Section, Table, Value
from reports.exports import drawings, sheet_names
from reports.exports.paper_tables import MOST_ROWS
from reports.exports.rows import STEP
from tests.reports.papers import COLUMNS, MADE, REPORTED, document, quality, table, texts, written

#: What PostgreSQL can hold, which is what exports meet.
ANY_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=80)
#: What a workbook has for a day: no zone.
MARCH = datetime.fromisoformat("2026-03-01")
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", '=HYPERLINK("http://x","y")']


def csv_rows(content: bytes) -> list[list[str]]:
    return list(csv.reader(StringIO(content.decode(), newline="")))


def sheet(content: bytes, name: str) -> Any:
    return openpyxl.load_workbook(BytesIO(content))[name]


def letters(content: bytes) -> str:
    """All letters of a PDF: where it changes from one font to the next, its readers see blanks that are not there."""
    return words(content).replace(" ", "").replace("\0", "")


def words(content: bytes) -> str:
    """All text of a PDF, with single blanks."""
    return " ".join(" ".join(page.extract_text() for page in PdfReader(BytesIO(content)).pages).split())


# CSV ------------------------------------------------------------------------------------------------------------------


def test_csv_is_for_programs() -> None:
    assert csv_rows(written(document(table()), "csv")) == [
        [column.name for column in COLUMNS],
        [
            "7000001", "A | *title*\nof two lines", "12345", "2.5", "0.25", "2026-03-01", "2026-03-01T12:05:09Z",
            "true", "https://desk.example.com/bugs/7000001",
        ],
        ["7000002", *[""] * 8],
    ]  # fmt: skip


def test_several_tables_are_files_in_a_zip() -> None:
    with zipfile.ZipFile(BytesIO(written(quality(), "csv"))) as archive:
        assert archive.namelist() == ["bugs.csv", "tests.csv", "bugs-2.csv"]
        assert [len(csv_rows(archive.read(name))) for name in archive.namelist()] == [3, 1, 2]
    assert exports.find("csv").extension(quality()) == "zip"


@given(ANY_TEXT)
def test_any_text_comes_back_from_csv(text: str) -> None:
    ((_,), (found,)) = csv_rows(written(texts(text), "csv"))
    assert found in (text, f"'{text}")


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_text_becomes_a_formula_of_a_csv(formula: str) -> None:
    assert csv_rows(written(texts(formula), "csv"))[1] == [f"'{formula}"]


def test_nor_does_the_name_of_a_column() -> None:
    asked = Table("n", "N", [Column("=1+1", "What?", Kind.INTEGER)], [[1]])
    assert csv_rows(written(document(asked), "csv"))[0] == ["'=1+1"]


def test_a_negative_number_stays_a_number() -> None:
    numbers = Table("n", "N", [Column("n", "N", Kind.INTEGER)], [[-5]])
    assert csv_rows(written(document(numbers), "csv"))[1] == ["-5"]


# XLSX -----------------------------------------------------------------------------------------------------------------


def test_cells_have_the_types_of_their_columns() -> None:
    bugs = sheet(written(document(table()), "xlsx"), "Bugs")
    head, full, empty = bugs.iter_rows(values_only=True)
    assert head == tuple(column.title for column in COLUMNS)
    assert full == (
        7000001, "A | *title*\nof two lines", 12345, 2.5, 0.25, MARCH, REPORTED.replace(tzinfo=None),
        "yes", "bug 7000001",
    )  # fmt: skip
    assert empty == (7000002, *[None] * 8)
    assert bugs["E2"].number_format == "0.0%"
    assert bugs["I2"].hyperlink.target == "https://desk.example.com/bugs/7000001"
    assert (bugs.freeze_panes, bugs.auto_filter.ref) == ("A2", "A1:I3")


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_text_becomes_a_formula_of_a_workbook(formula: str) -> None:
    cell = sheet(written(texts(formula), "xlsx"), "Texts")["A2"]
    assert cell.data_type != "f"
    assert cell.quotePrefix
    assert cell.value.replace("_x000D_", "\r") == formula


def test_a_workbook_says_what_it_is_about_and_what_limits_it() -> None:
    about = sheet(written(quality(), "xlsx"), "About")
    said = [tuple(row) for row in about.iter_rows(min_row=2, max_col=2, values_only=True)]
    assert said == [
        ("About", "One product, one quarter"),
        ("Made at", "2026-03-02 08:30 UTC"),
        ("Data as of", "2026-03-01 12:05 UTC"),
        ("Product", "Shop"),
        ("Period", "2026-01-01 to 2026-03-31"),
        ("Note", "3 tests could not be read."),
        ("Figures", "What the figures say."),
    ]


def test_figures_and_charts_come_first_and_tables_of_one_name_get_sheets_of_their_own() -> None:
    book = openpyxl.load_workbook(BytesIO(written(quality(), "xlsx")))
    assert book.sheetnames == ["Summary", "Bugs", "Tests", "Bugs 2", "About"]
    assert (book["Summary"]["A4"].value, book["Summary"]["B4"].value) == ("Rejection", 0.25)
    assert book["Summary"]["B5"].value == "N/A"
    assert book["Tests"]["A2"].value == "There is nothing to list."


def test_text_that_excel_cannot_hold_is_cut_and_says_so() -> None:
    value = sheet(written(texts("x" * 40_000), "xlsx"), "Texts")["A2"].value
    assert len(value) == 32_767
    assert value.endswith("(cut: Excel holds no more)")


@given(st.lists(ANY_TEXT, max_size=8))
def test_sheets_have_names_that_excel_takes(titles: list[str]) -> None:
    names = sheet_names.distinct(titles)
    assert len({name.casefold() for name in names}) == len(titles)
    assert all(0 < len(name) <= 31 and not set(name) & set("[]:*?/\\") for name in names)


# JSON, Markdown -------------------------------------------------------------------------------------------------------


def test_json_holds_the_whole_document_with_types() -> None:
    made = json.loads(written(quality(), "json"))
    assert (made["title"], made["made_at"], made["data_as_of"]) == (
        "Quality: Käse & Söhne", "2026-03-02T08:30:00Z", "2026-03-01T12:05:09Z",
    )  # fmt: skip
    figures, rows = made["sections"]
    assert [figure["value"] for figure in figures["figures"]] == [0.25, None]
    assert [chart["series"][0]["values"] for chart in figures["charts"]][:2] == [[3, None, 5], [1, 2, 3]]
    full, empty = rows["tables"][0]["rows"]
    assert full == {
        "id": 7000001, "title": "A | *title*\nof two lines", "count": 12345, "score": 2.5, "rate": 0.25,
        "day": "2026-03-01", "at": "2026-03-01T12:05:09Z", "known": True,
        "page": {"text": "bug 7000001", "url": "https://desk.example.com/bugs/7000001"},
    }  # fmt: skip
    assert empty == {column.name: None for column in COLUMNS} | {"id": 7000002}


@given(ANY_TEXT)
def test_any_text_comes_back_from_json(text: str) -> None:
    made = json.loads(written(texts(text), "json"))
    assert made["sections"][0]["tables"][0]["rows"] == [{"text": text}]


def test_markdown_shows_texts_as_they_are() -> None:
    *_, full, empty = written(document(table()), "markdown").decode().splitlines()
    assert full == (
        "| 7000001 | A \\| \\*title\\*<br>of two lines | 12,345 | 2.50 | 25.0% | 2026-03-01 | 2026-03-01 12:05 | yes | "
        "[bug 7000001](<https://desk.example.com/bugs/7000001>) |"
    )
    assert empty == "| 7000002 | – | N/A | N/A | N/A | – | – | – | – |"


@given(ANY_TEXT)
def test_no_text_breaks_a_markdown_table(text: str) -> None:
    lines = written(texts(text), "markdown").decode().split("\n")
    assert lines[-2].replace("\\|", "").count("|") == 2
    assert "<" not in lines[-2].replace("<br>", "")


# PDF ------------------------------------------------------------------------------------------------------------------


def test_a_pdf_can_be_read() -> None:
    content = written(quality(), "pdf")
    text = words(content)
    for expected in (
        "Quality: Käse & Söhne", "One product, one quarter", "Product: Shop", "3 tests could not be read.",
        "What the figures say.", "25.0%", "Bugs per month", "A feature with a long name", "There is nothing to draw.",
        "There is nothing to list.", "7000001", "2026-03-01 12:05", "Page 1 of ",
    ):  # fmt: skip
        assert expected in text
    reader = PdfReader(BytesIO(content))
    assert reader.metadata is not None
    assert reader.metadata.title == "Quality: Käse & Söhne"
    assert [each.title for each in reader.outline if not isinstance(each, list)] == ["Figures", "Rows"]


def test_a_note_below_a_figure_is_on_paper_to_its_end() -> None:
    note = "healthy (warning down to 35%, critical down to 20%); -3.4 points against the period before"
    figures = [Figure("review", "Review", 0.25, Kind.RATE, note), Figure("tests", "Tests", 3)]
    text = words(written(Document("short", "In short", MADE, sections=[Section(figures=figures)]), "pdf"))
    assert note in text


def test_a_pdf_has_the_letters_of_the_world() -> None:
    text = letters(written(texts("Привет", "你好 日本語 한국어", "Ελλάδα", "zażółć", "✓ → ≤"), "pdf"))
    assert all(word in text for word in ("Привет", "你好", "日本語", "한국어", "Ελλάδα", "zażółć", "✓", "≤"))


def test_a_pdf_names_what_it_cannot_write() -> None:
    text = words(written(texts("go 🚀", "ಕ"), "pdf"))
    assert "go [rocket]" in text
    assert "□" in text


def test_letters_that_are_joined_do_not_stop_a_pdf() -> None:
    assert len(PdfReader(BytesIO(written(texts("مرحبا (1.2) abc", "नमस्ते", "שלום"), "pdf"))).pages) == 1


def test_any_text_can_be_printed() -> None:
    """Letters and signs of all scripts in one document, every nineteenth there is."""
    letters = [chr(code) for code in range(1, 0x2FA20, 19) if not 0xD800 <= code < 0xE000]
    lines = ["".join(letters[start : start + 80]) for start in range(0, len(letters), 80)]
    assert words(written(texts(*lines), "pdf"))


def test_a_pdf_that_is_not_written_to_its_end_leaves_no_font_open() -> None:
    def stop(_: int) -> None:
        raise InterruptedError

    many = Table("n", "N", [Column("n", "N", Kind.ID)], ([number] for number in range(500)), 500)
    with pytest.raises(InterruptedError):
        exports.write(document(many), "pdf", BytesIO(), stop)
    held = [each.resolve() for each in Path("/proc/self/fd").iterdir()]
    assert not [path for path in held if path.suffix == ".ttf"]


def test_a_long_table_stops_on_paper_and_says_where_all_of_it_is() -> None:
    many = Table("n", "N", [Column("n", "N", Kind.ID)], ([number] for number in range(MOST_ROWS + 50)), MOST_ROWS + 50)
    assert "These are the first 2,000 rows of 2,050." in words(written(document(many), "pdf"))


@given(st.floats(min_value=0.001, max_value=1e9))
def test_an_axis_reaches_its_highest_value_in_few_steps(highest: float) -> None:
    found = drawings.ticks(highest)
    assert found[0] == 0
    assert found[-1] >= highest * 0.999999
    assert 3 <= len(found) <= 7


# All ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", exports.FORMATS)
def test_rows_are_counted_while_they_are_written(form: str) -> None:
    rows: list[list[Value]] = [[number] for number in range(STEP + 1)]
    seen: list[int] = []
    made = document(Table("n", "N", [Column("n", "N", Kind.ID)], rows), table())
    exports.write(made, form, BytesIO(), seen.append)
    assert seen == [STEP, STEP + 1, STEP + 3]


@pytest.mark.parametrize("form", exports.FORMATS)
def test_a_document_of_nothing_can_be_written(form: str) -> None:
    assert written(document(), form)


def test_an_unknown_format_is_refused_with_those_there_are() -> None:
    with pytest.raises(exports.NoSuchFormat) as refusal:
        exports.find("docx")
    assert str(refusal.value) == '"docx" is no format of a report. Known are: csv, xlsx, markdown, json, pdf.'
    assert exports.find(" MD ").name == "markdown"
