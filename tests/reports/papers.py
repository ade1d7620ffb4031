"""Documents for the tests of what is written from them."""

from datetime import UTC, date, datetime
from io import BytesIO

from reports import exports
from reports.documents import Chart, ChartKind, Column, Document, Figure, Kind, Link, Section, Series, Table, Value

MADE = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
REPORTED = datetime(2026, 3, 1, 12, 5, 9, tzinfo=UTC)

COLUMNS = (
    Column("id", "Bug", Kind.ID),
    Column("title", "Title"),
    Column("count", "Count", Kind.INTEGER),
    Column("score", "Score", Kind.NUMBER),
    Column("rate", "Rate", Kind.RATE),
    Column("day", "Day", Kind.DATE),
    Column("at", "Reported", Kind.DATETIME),
    Column("known", "Known", Kind.YES_NO),
    Column("page", "Page", Kind.LINK),
)

FULL: list[Value] = [
    7000001, "A | *title*\nof two lines", 12345, 2.5, 0.25, date(2026, 3, 1), REPORTED, True,
    Link("bug 7000001", "https://desk.example.com/bugs/7000001"),
]  # fmt: skip
EMPTY: list[Value] = [7000002, None, None, None, None, None, None, None, None]


def table(name: str = "bugs", title: str = "Bugs", rows: list[list[Value]] | None = None) -> Table:
    rows = [FULL, EMPTY] if rows is None else rows
    return Table(name, title, COLUMNS, iter(rows), expected=len(rows))


def texts(*values: str) -> Document:
    """One table with one column of text."""
    rows = [[value] for value in values]
    return document(Table("texts", "Texts", [Column("text", "Text")], rows, expected=len(rows)))


def document(*tables: Table) -> Document:
    return Document("bugs", "Bugs", MADE, sections=[Section(tables=[each]) for each in tables])


def quality() -> Document:
    """A document with everything a document can have."""
    months = ["2026-01", "2026-02", "2026-03"]
    charts = [
        Chart("bugs", "Bugs per month", months, [Series("Bugs", [3, None, 5])], points_are="Month"),
        Chart("by-status", "By status", months, [Series("open", [1, 2, 3]), Series("rejected", [0, 4, 1])],
              drawn_as=ChartKind.STACKED),
        Chart("rates", "Rates", months, [Series("Rejection", [0.1, None, 0.3])], Kind.RATE, ChartKind.LINES),
        Chart("features", "By feature", ["A feature with a long name", "Login"], [Series("Bugs", [7, 2])]),
        Chart("none", "Nothing yet", [], [Series("Bugs", [])]),
    ]  # fmt: skip
    return Document(
        "quality",
        "Quality: Käse & Söhne",
        MADE,
        "One product, one quarter",
        [("Product", "Shop"), ("Period", "2026-01-01 to 2026-03-31")],
        ["3 tests could not be read."],
        [
            Section("Figures", ["What the figures say."], [Figure("rejection", "Rejection", 0.25, Kind.RATE, "warning"),
                    Figure("review", "Review", None, Kind.RATE)], charts),
            Section("Rows", tables=[table(), table("tests", "Tests", []), table("bugs", "Bugs", [FULL])]),
        ],
        data_as_of=REPORTED,
    )  # fmt: skip


def written(made: Document, form: str) -> bytes:
    out = BytesIO()
    exports.write(made, form, out)
    return out.getvalue()
