"""The quality report as a document: the figures of ``reports.quality``, ready to be written or shown."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

from reports import quality
from reports.builtin.scope import Days, OfProducts
from reports.catalogue import BadParameters, Report
from reports.documents import Chart, ChartKind, Column, Document, Figure, Kind, Section, Series, Table, Value
from reports.figures import BugCounts
from reports.quality import Group, ProductRow, QualityReport, Question, Refusal, Standing, TestRow, Wish
from reports.thresholds import DIRECTIONS, Thresholds
from sync.access import Access
from sync.api import params
from sync.customers import CustomerError
from sync.dates import read_period

_EXAMPLES = {"type": "string", "examples": ["2025-03-31", "last quarter", "2025-Q1", "yesterday"]}
FirstDay = Annotated[
    date, BeforeValidator(lambda phrase: read_period(str(phrase)[:60]).first), WithJsonSchema(_EXAMPLES)
]
LastDay = Annotated[date, BeforeValidator(lambda phrase: read_period(str(phrase)[:60]).last), WithJsonSchema(_EXAMPLES)]


class Choice(OfProducts):
    """Which tests count: those named in ``test_id``, or a filter, minus some, plus some."""

    test_id: params.Ids = Field([], description="Exactly these tests, whatever their state; then no other filter.")
    period: Days | None = Field(None, description="Tests that ended in this period: `last month`, `2025-Q1`, `YTD`.")
    since: FirstDay | None = Field(None, description="Tests that ended on the first day (UTC) of this or later.")
    until: LastDay | None = Field(None, description="Tests that ended on the last day (UTC) of this or before.")
    status: params.TestStatuses = Field([], description="Tests in these states; else executed ones: see `statuses`.")
    testing_type: params.TestingTypes = Field([], description="Tests of these types; both words are taken.")
    feature_id: params.Ids = Field([], description="Tests that use one of these features.")
    exclude_test_id: params.Ids = Field([], description="Not these, whatever the filter says.")
    include_test_id: params.Ids = Field([], description="These too, whatever the filter says.")

    def question(self, access: Access) -> Question:
        """Raises ``Refusal`` and ``CustomerError``."""
        if self.period and (self.since or self.until):
            raise quality.Contradiction("period", "Give a period, or since and until, not both.")
        return quality.read(self._wish(), access)

    def _wish(self) -> Wish:
        return Wish(
            customer=self.customer,
            products=tuple(self.product_id),
            tests=tuple(self.test_id),
            first=self.period.first if self.period else self.since,
            last=self.period.last if self.period else self.until,
            statuses=tuple(self.status),
            testing_types=tuple(self.testing_type),
            features=tuple(self.feature_id),
            exclude=tuple(self.exclude_test_id),
            include=tuple(self.include_test_id),
        )


class QualityParameters(Choice):
    tests: bool = Field(True, description="Also every single test. The figures are the same without.")


def run(access: Access, asked: QualityParameters) -> Document:
    try:
        question = asked.question(access)
    except Refusal as refusal:
        raise BadParameters({refusal.field: str(refusal)}) from None
    except CustomerError as error:
        raise BadParameters({"customer": str(error)}) from None
    return document(quality.make(question), asked)


def document(report: QualityReport, asked: QualityParameters) -> Document:
    statuses = "of any state" if report.statuses is None else ", ".join(report.statuses)
    return Document(
        REPORT.name,
        REPORT.title,
        report.made_at,
        f"{_names(report.products)}: tests that ended in {report.period}"
        if report.statuses
        else f"{_names(report.products)}: {len(report.tests):,} named tests",
        parameters=[*asked.shown(), ("Period", report.period), ("Tests", statuses)],
        notes=report.limits.sentences(),
        sections=[
            Section("In short", figures=list(_figures(report.total, report.thresholds)), charts=[_over_time(report)]),
            Section("Products", tables=[_products(report)]),
            Section("Bugs", charts=[_severities(report)], tables=list(_about_bugs(report))),
            Section("Tests", tables=[*_about_tests(report), *([_tests(report)] if asked.tests else [])]),
            Section("Where the figures come from", tables=[_gaps(report), _sources(report)]),
        ],
        data_as_of=report.limits.data_as_of,
    )


def _names(products: Sequence[ProductRow]) -> str:
    names = [product.name for product in products[:3]]
    return ", ".join(names) + (f" and {len(products) - 3} more" if len(products) > 3 else "")


# -- figures and charts

_RATES = {
    "overall_acceptance": "Overall acceptance",
    "active_acceptance": "Active acceptance",
    "auto_acceptance": "Auto acceptance",
    "rejection": "Rejection",
    "review": "Review",
}


def _figures(standing: Standing, thresholds: Thresholds) -> Iterator[Figure]:
    tally, changes = standing.tally, standing.changes()
    yield Figure("tests", "Tests", tally.tests, note=_changed(changes, "tests", Kind.INTEGER))
    yield Figure("bugs", "Bugs", tally.bugs.total, note=_changed(changes, "bugs", Kind.INTEGER))
    note = _changed(changes, "bugs_per_test", Kind.NUMBER)
    yield Figure("bugs_per_test", "Bugs per test", tally.bugs_per_test, Kind.NUMBER, note)
    for name, title in _RATES.items():
        notes = [_class(standing, name, thresholds), _changed(changes, name, Kind.RATE)]
        yield Figure(name, title, getattr(tally.bugs, name), Kind.RATE, "; ".join(filter(None, notes)))
    yield Figure("health", "Health", standing.overall.value, Kind.TEXT, "the worst class of any rate")


def _class(standing: Standing, name: str, thresholds: Thresholds) -> str:
    if name not in DIRECTIONS:
        return ""
    limit = getattr(thresholds, name)
    side = "from" if limit.above else "down to"
    return f"{standing.health[name]} (warning {side} {limit.warning:.0%}, critical {side} {limit.critical:.0%})"


def _changed(changes: dict[str, float | None] | None, name: str, kind: Kind) -> str:
    if changes is None or (change := changes[name]) is None:
        return ""
    if kind == Kind.RATE:
        return f"{change * 100:+.1f} points against the period before"
    return f"{change:+,.0f} against the period before" if kind == Kind.INTEGER else f"{change:+,.2f} against before"


def _over_time(report: QualityReport) -> Chart:
    months = report.by_month
    series = [
        Series("Accepted", [each.bugs.accepted for each in months]),
        Series("Auto-accepted", [each.bugs.auto_accepted for each in months]),
        Series("Rejected", [each.bugs.rejected for each in months]),
        Series("Open", [each.bugs.open for each in months]),
    ]
    points = [each.label for each in months]
    return Chart("bugs-by-month", "Bugs by the month tests ended", points, series, drawn_as=ChartKind.STACKED)


def _severities(report: QualityReport) -> Chart:
    series = [Series("Bugs", [each.bugs.total for each in report.by_severity])]
    return Chart("bugs-by-severity", "Bugs by severity", [each.label for each in report.by_severity], series)


# -- tables

_COUNTS = (
    Column("bugs", "Bugs", Kind.INTEGER),
    Column("accepted", "Accepted", Kind.INTEGER),
    Column("auto_accepted", "Auto-accepted", Kind.INTEGER),
    Column("rejected", "Rejected", Kind.INTEGER),
    Column("open", "Open", Kind.INTEGER),
)
_SHARES = tuple(Column(name, title, Kind.RATE) for name, title in _RATES.items())


def _numbers(bugs: BugCounts) -> list[Value]:
    return [bugs.total, bugs.accepted, bugs.auto_accepted, bugs.rejected, bugs.open]


def _shares(bugs: BugCounts) -> list[Value]:
    return list(bugs.rates().values())


def _products(report: QualityReport) -> Table:
    columns = [
        Column("id", "Product id", Kind.ID, 10),
        Column("product", "Product", width=24),
        Column("customer", "Customer", width=14),
        Column("tests", "Tests", Kind.INTEGER),
        *_COUNTS,
        Column("bugs_per_test", "Bugs per test", Kind.NUMBER),
        *_SHARES,
        Column("health", "Health", width=10),
        Column("previous_tests", "Tests before", Kind.INTEGER),
        Column("previous_bugs", "Bugs before", Kind.INTEGER),
    ]
    rows = [[row.id, row.name, row.customer, *_of(row.standing)] for row in report.products]
    total: list[Value] = [None, "All", None, *_of(report.total)]
    return Table("products", "By product", columns, rows, expected=len(rows), total=total)


def _of(standing: Standing) -> list[Value]:
    tally, before = standing.tally, standing.previous
    past: list[Value] = [before.tests, before.bugs.total] if before else [None, None]
    bugs = tally.bugs
    return [tally.tests, *_numbers(bugs), tally.bugs_per_test, *_shares(bugs), standing.overall.value, *past]


def _about_bugs(report: QualityReport) -> Iterator[Table]:
    yield _groups("by-severity", "By severity", "severity", report.by_severity, report)
    yield _groups("by-status", "By status", "status", report.by_bug_status, report)
    yield _groups("by-feature", "By feature", "feature", report.by_feature, report)


def _about_tests(report: QualityReport) -> Iterator[Table]:
    yield _groups("by-month", "By month", "month", report.by_month, report, tests=True)
    yield _groups("by-test-status", "By state of the test", "status", report.by_test_status, report, tests=True)
    yield _groups("by-testing-type", "By testing type", "testing_type", report.by_testing_type, report, tests=True)


def _groups(
    name: str, title: str, column: str, groups: Sequence[Group], report: QualityReport, *, tests: bool = False
) -> Table:
    counted = [Column("tests", "Tests", Kind.INTEGER)] if tests else []
    shares = () if name == "by-status" else _SHARES
    columns = [Column(column, column.replace("_", " ").capitalize(), width=24), *counted, *_COUNTS, *shares]

    def row(label: str, number: int | None, bugs: BugCounts) -> list[Value]:
        return [label, *([number] if tests else []), *_numbers(bugs), *(_shares(bugs) if shares else [])]

    total = report.total.tally
    rows = [row(group.label, group.tests, group.bugs) for group in groups]
    return Table(name, title, columns, rows, expected=len(rows), total=row("All", total.tests, total.bugs))


_TESTS = (
    Column("id", "Test", Kind.ID, 10),
    Column("title", "Title", width=50),
    Column("product", "Product"),
    Column("status", "Status", width=12),
    Column("testing_type", "Type", width=12),
    Column("environment", "Environment", width=16),
    Column("start_at", "Start (UTC)", Kind.DATETIME),
    Column("end_at", "End (UTC)", Kind.DATETIME),
    *_COUNTS,
    *_SHARES,
    Column("cases", "Test cases", Kind.INTEGER),
    Column("executions", "Executions", Kind.INTEGER),
    Column("pass_rate", "Passed", Kind.RATE),
)


def _tests(report: QualityReport) -> Table:
    rows = map(_test, report.tests)
    return Table("tests", "Every test", _TESTS, rows, expected=len(report.tests), empty="No test is like that.")


def _test(test: TestRow) -> list[Value]:
    cases: list[Value] = [None, None, None]
    if test.cases:
        cases = [test.cases.cases, test.cases.executions, test.cases.pass_rate]
    return [
        test.id, test.title or None, test.product, test.status, test.testing_type, test.environment or None,
        test.start_at, test.end_at, *_numbers(test.bugs), *_shares(test.bugs), *cases,
    ]  # fmt: skip


def _gaps(report: QualityReport) -> Table:
    columns = (
        Column("event", "Event", width=18),
        Column("product", "Product"),
        Column("positions", "Positions"),
        Column("hidden_tests", "Hidden tests", Kind.INTEGER),
        Column("first_seen_at", "First seen (UTC)", Kind.DATETIME),
    )
    rows: list[list[Value]] = [
        [gap.event, gap.product, gap.positions, gap.hidden_tests, gap.first_seen_at] for gap in report.limits.gaps
    ]
    empty = "Everything in TestIO's lists of these products could be read."
    return Table("gaps", "What could not be read", columns, rows, expected=len(rows), empty=empty)


def _sources(report: QualityReport) -> Table:
    """The call that lists the bugs behind each number; of single tests it is /api/v1/tests/ID/bugs?missing=false."""
    columns = (Column("figure", "Figure", width=20), Column("of", "Of", width=24), Column("bugs", "Bugs", width=60))
    rows = list(_addresses(report))
    note = "Calls of this site's API. Those of a single test are /api/v1/tests/ID/bugs?missing=false."
    return Table("sources", "The rows behind each figure", columns, rows, expected=len(rows), note=note)


def _addresses(report: QualityReport) -> Iterator[list[Value]]:
    yield ["all", None, report.links.bugs]
    for row in report.products:
        yield ["product", row.name, row.links.bugs]
    parts: Iterable[tuple[str, Sequence[Group]]] = (
        ("severity", report.by_severity), ("status", report.by_bug_status), ("feature", report.by_feature),
        ("month", report.by_month), ("state of the test", report.by_test_status),
        ("testing type", report.by_testing_type),
    )  # fmt: skip
    for name, groups in parts:
        for group in groups:
            yield [name, group.label, group.links.bugs]


REPORT = Report(
    "quality",
    "Quality report",
    "How tests went: rates, health and changes by product, severity, status, feature, type, month and test, with what "
    "limits the figures. Give products, a customer or tests.",
    QualityParameters,
    "sync.view_bug",
    run,
    ("quality", "review", "health"),
)
