"""The quality report as a document: figures, charts and tables, and where each number comes from."""

from collections.abc import Iterable, Iterator, Sequence

from reports.documents import Chart, ChartKind, Column, Document, Figure, Kind, Link, Section, Series, Table, Value
from reports.figures import BugCounts
from reports.quality import links
from reports.quality.groups import Group
from reports.quality.links import Links
from reports.quality.report import ProductRow, QualityReport, Standing, TestRow
from reports.quality.rows import NONE, Part
from reports.thresholds import DIRECTIONS, Thresholds

NAME, TITLE = "quality", "Quality report"
#: From first to last; where odd dates make it more, months without a test are left out.
MOST_MONTHS = 240


def document(report: QualityReport, parameters: Iterable[tuple[str, str]], *, with_tests: bool = True) -> Document:
    """With every single test only where that is asked for; the figures are the same without."""
    statuses = "of any state" if report.statuses is None else ", ".join(report.statuses)
    return Document(
        NAME,
        TITLE,
        report.made_at,
        f"{_names(report.products)}: {_choice(report)}",
        parameters=[*parameters, ("Period", report.period), ("Tests", statuses), ("Judged", _judged(report))],
        notes=report.limits.sentences(),
        sections=[
            Section("In short", figures=list(_figures(report)), charts=[_over_time(report)]),
            Section("Products", tables=[_products(report)]),
            Section("Bugs", charts=[_severities(report)], tables=list(_about_bugs(report))),
            Section("Tests", tables=[*_about_tests(report), *([_tests(report)] if with_tests else [])]),
            Section("Where the figures come from", tables=[_gaps(report), _sources(report)]),
        ],
        data_as_of=report.limits.data_as_of,
    )


def _choice(report: QualityReport) -> str:
    if report.statuses is None:
        return f"{len(report.tests):,} named tests"
    return "tests of all time" if report.period == "all time" else f"tests that ended {report.period}"


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


def _figures(report: QualityReport) -> Iterator[Figure]:
    standing, thresholds = report.total, report.thresholds
    tally, changes = standing.tally, standing.changes()
    yield Figure("tests", "Tests", tally.tests, note=_changed(changes, "tests", Kind.INTEGER))
    yield Figure("bugs", "Bugs", tally.bugs.total, note=_changed(changes, "bugs", Kind.INTEGER))
    note = _changed(changes, "bugs_per_test", Kind.NUMBER)
    yield Figure("bugs_per_test", "Bugs per test", tally.bugs_per_test, Kind.NUMBER, note)
    for name, title in _RATES.items():
        notes = [_class(standing, name, thresholds), _changed(changes, name, Kind.RATE)]
        yield Figure(name, title, getattr(tally.bugs, name), Kind.RATE, "; ".join(filter(None, notes)))
    note = f"the worst class of any rate, {_judged(report)}"
    yield Figure("health", "Health", standing.overall.value, Kind.TEXT, note)


def _judged(report: QualityReport) -> str:
    """Whose thresholds these are; where parts have others than the whole, both."""
    if all(row.thresholds == report.thresholds for row in report.own_thresholds):
        return report.judged_by
    return f"by the thresholds of this site; products {report.judged_by}"


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
    months = _months(report.by_month)
    bugs = [each for _, each in months]
    series = [
        Series("Accepted", [each.accepted for each in bugs]),
        Series("Auto-accepted", [each.auto_accepted for each in bugs]),
        Series("Rejected", [each.rejected for each in bugs]),
        Series("Open", [each.open for each in bugs]),
    ]
    if any(each.other for each in bugs):
        series.append(Series("Other", [each.other for each in bugs]))
    points = [month for month, _ in months]
    return Chart("bugs-by-month", "Bugs by the month tests ended", points, series, drawn_as=ChartKind.STACKED)


def _months(groups: Sequence[Group]) -> list[tuple[str, BugCounts]]:
    """Also those in between without a test, so that an inch is as long everywhere; tests without an end come last."""
    bugs = {group.key: group.bugs for group in groups}
    known = [key for key in bugs if key != NONE]
    if not known or _number(known[-1]) - _number(known[0]) > MOST_MONTHS:
        return list(bugs.items())
    every = (divmod(number, 12) for number in range(_number(known[0]), _number(known[-1]) + 1))
    keys = [f"{year:04}-{month + 1:02}" for year, month in every]
    return [(key, bugs.get(key, BugCounts())) for key in (*keys, *(key for key in bugs if key == NONE))]


def _number(month: str) -> int:
    """Months are counted on through the years."""
    year, _, of_year = month.partition("-")
    return 12 * int(year) + int(of_year) - 1


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
    Column("other", "Other", Kind.INTEGER),  # of a status nobody knows yet
)
_SHARES = tuple(Column(name, title, Kind.RATE) for name, title in _RATES.items())


def _numbers(bugs: BugCounts) -> list[Value]:
    return [bugs.total, bugs.accepted, bugs.auto_accepted, bugs.rejected, bugs.open, bugs.other]


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
    has_ids = column == "feature"  # several may have the same title
    ids = [Column("feature_id", "Feature id", Kind.ID, 10)] if has_ids else []
    counted = [Column("tests", "Tests", Kind.INTEGER)] if tests else []
    shares = () if name == "by-status" else _SHARES
    columns = [*ids, Column(column, _title(column), width=24), *counted, *_COUNTS, *shares]

    def row(key: str, label: str, number: int | None, bugs: BugCounts) -> list[Value]:
        named: list[Value] = [int(key) if key.isdecimal() else None, label] if has_ids else [label]
        return [*named, *([number] if tests else []), *_numbers(bugs), *(_shares(bugs) if shares else [])]

    total = report.total.tally
    rows = [row(group.key, group.label, group.tests, group.bugs) for group in groups]
    return Table(name, title, columns, rows, expected=len(rows), total=row("", "All", total.tests, total.bugs))


def _title(column: str) -> str:
    return column.replace("_", " ").capitalize()


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
    """The calls that list the tests and bugs behind each number."""
    columns = (
        Column("figure", "Figure", width=20),
        Column("of", "Of", width=24),
        Column("tests", "Tests", Kind.LINK, 60),
        Column("bugs", "Bugs", Kind.LINK, 60),
    )
    rows = list(_addresses(report))
    note = "Calls of this site's API. Those of a single test are /api/v1/tests/ID/bugs?missing=false."
    return Table("sources", "The rows behind each figure", columns, rows, expected=len(rows), note=note)


def _addresses(report: QualityReport) -> Iterator[list[Value]]:
    yield ["all", None, *_linked(report.links)]
    if before := report.question.previous():
        yield ["the period before", None, *_linked(links.of_part(before, Part()))]
    for row in report.products:
        yield ["product", f"{row.name} (#{row.id})", *_linked(row.links)]
    parts: Iterable[tuple[str, Sequence[Group]]] = (
        ("severity", report.by_severity), ("status", report.by_bug_status), ("feature", report.by_feature),
        ("month", report.by_month), ("state of the test", report.by_test_status),
        ("testing type", report.by_testing_type),
    )  # fmt: skip
    for name, groups in parts:
        for group in groups:
            of = f"{group.label} (#{group.key})" if group.key.isdecimal() else group.label
            yield [name, of, *_linked(group.links)]


def _linked(rows: Links) -> list[Value]:
    """Bugs that have something in common are not listed by their tests."""
    return [Link(path, path) if path else None for path in (rows.tests, rows.bugs)]
