"""A test's page: what came of it, what it asked for, and its latest bugs."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils import timezone

from reports import figures as counting
from reports import one_test
from reports.one_test import Summary
from reports.own_thresholds import judged_by, thresholds_of
from reports.pages import access, cells, figures, frame, words
from reports.pages.charts import Chart, Series
from reports.pages.frame import Crumb
from reports.pages.links import admin_list, admin_row
from reports.pages.parts import Notice, Stat
from reports.pages.tables import Cell, Column, Table
from sync import freshness, wording
from sync.access import Request, seen
from sync.freshness import Freshness
from sync.models import Bug, Test, TestPlatform
from sync.summaries import when

_PLATFORMS = 7
_STATUS_COLOURS = {"accepted": "accepted", "auto_accepted": "auto", "rejected": "rejected", "forwarded": "open"}
_BUG_COLUMNS = (
    Column("Bug"),
    Column("Severity"),
    Column("Status"),
    Column("Reported", is_number=True),
)


@access.page("sync.view_test")
def test(request: Request, test_id: int) -> HttpResponse:
    who, now = access.of(request), timezone.now()
    related = ("product__customer__thresholds", "section", "created_by", "submitted_by", "freshness")
    rows = seen(
        Test.objects.select_related(*related).defer("raw", "product__raw", "product__search"), who, "product__customer"
    )
    row = rows.filter(pk=test_id).first()
    if row is None:
        raise Http404(f"There is no test {test_id} here, or you may not see it.")
    summary = one_test.summary(row)
    return frame.show(
        request,
        "reports/test.html",
        cells.title(row.title, f"Test {row.pk}", 90),
        above=_above(row),
        freshness=_freshness(row, now),
        notices=list(_notices(row)),
        badges=[cells.test_status(row.status), Cell(cells.testing_type(row.testing_type))],
        facts=f"Test {row.pk}, {_time(row)}",
        admin_url=admin_row(who, row),
        bugs_url=admin_list(who, Bug, test__id__exact=row.pk),
        stats=[_bugs_stat(summary), *figures.rates(summary.bugs, thresholds_of(row.product))],
        charts=[_severities(summary), _statuses(summary), _platforms(summary)],
        bugs=_bug_table(list(one_test.latest_bugs(row)), now),
        no_bugs=_no_bugs(row),
        details=list(_details(row)),
        requirements=[_requirement(each) for each in row.platforms.all()],
        features=_features(row),
        texts=_texts(row),
    )


def _above(row: Test) -> list[Crumb]:
    product = Crumb(cells.product_name(row.product), reverse("reports:product", args=[row.product_id]))
    return [Crumb("Products", reverse("reports:products")), product]


def _freshness(row: Test, now: datetime) -> Freshness:
    fresh = freshness.of(row.product, "tests", "bugs", now=now)
    if fresh.stale:
        freshness.request_refresh(row.product_id)
    return fresh


def _notices(row: Test) -> Iterator[Notice]:
    """What limits the truth of this page."""
    if row.missing_since:
        yield Notice(f"TestIO no longer has this test, since {when(row.missing_since)} at the latest.", "warn")
    read = getattr(row, "freshness", None)
    if read is not None and read.unreadable_since:
        yield Notice(
            f"TestIO cannot read this test since {when(read.unreadable_since)}: what you see is from before.", "warn"
        )
    if row.status not in counting.EXECUTED_STATUSES:
        yield Notice(f'This test is "{words.spaced(row.status)}": it does not count in figures and reports.')


def _time(row: Test) -> str:
    if row.start_at is None and row.end_at is None:
        return "without dates"
    return f"{words.day(row.start_at)} to {words.day(row.end_at)}"


def _bugs_stat(summary: Summary) -> Stat:
    important = summary.by_severity["critical"] + summary.by_severity["high"]
    return Stat("Bugs", words.count(summary.bugs.total), note=f"{words.count(important)} critical or high")


def _severities(summary: Summary) -> Chart:
    return _bars("severity", "By severity", "Severity", {words.spaced(k): n for k, n in summary.by_severity.items()})


def _statuses(summary: Summary) -> Chart:
    shown = {words.spaced(wording.shown_bug_status(status)): n for status, n in summary.by_status.items()}
    return _bars("status", "By status", "Status", shown)


def _platforms(summary: Summary) -> Chart:
    most = dict(list(summary.by_platform.items())[:_PLATFORMS])
    rest = len(summary.by_platform) - len(most)
    note = f"and {words.plural(rest, 'platform')} more" if rest else "of the bugs' own devices"
    return _bars("platform", "By platform", "Platform", most, note)


def _bars(key: str, title: str, points_are: str, counts: Mapping[str, int], note: str = "") -> Chart:
    return Chart(
        key=key,
        title=title,
        points=[cells.title(name, "(none)", 24) for name in counts],
        points_are=points_are,
        series=[Series("Bugs", "main", list(counts.values()))],
        note=note,
        is_sideways=True,
        is_low=True,
        empty="No bug of this test has been read.",
    )


def _bug_table(rows: Sequence[Bug], now: datetime) -> Table:
    return Table("Latest bugs", _BUG_COLUMNS, [_bug_cells(row, now) for row in rows])


def _bug_cells(row: Bug, now: datetime) -> list[Cell]:
    where = f"on {cells.title(row.feature.title, '(none)', 60)}" if row.feature else ""
    return [
        cells.of_bug(row, " ".join(filter(None, (f"by {row.author.username}" if row.author else "", where)))),
        cells.severity(row.severity),
        cells.bug_status(row.status),
        cells.moment(row.reported_at, now),
    ]


def _no_bugs(row: Test) -> str:
    read = getattr(row, "freshness", None)
    if read is None or read.bugs_synced_at is None:
        return "The bugs of this test were not read from TestIO yet: the next sync does that."
    return f"TestIO had no bug of this test when it was last asked, {when(read.bugs_synced_at)}."


def _details(row: Test) -> Iterator[tuple[str, str]]:
    yield "Product", cells.product_name(row.product)
    if row.section:
        yield "Section", str(row.section)
    yield "Rates judged", judged_by([row.product.customer])
    yield "Environment", row.environment_title or words.NONE
    yield "Started", when(row.start_at) if row.start_at else words.NONE
    yield "Ended", when(row.end_at) if row.end_at else words.NONE
    yield "Created by", row.created_by.username if row.created_by else words.NONE
    yield "Submitted by", row.submitted_by.username if row.submitted_by else words.NONE
    if row.review_status:
        yield "Review", words.spaced(row.review_status)


def _features(row: Test) -> list[dict[str, str]]:
    return [{"title": str(each), "bugs": words.plural(bugs, "bug")} for each, bugs in one_test.features(row)]


def _requirement(each: TestPlatform) -> dict[str, str]:
    versions = " to ".join(filter(None, (each.min_version, each.max_version)))
    more = [each.category, versions and f"version {versions}", ", ".join(each.browsers), ", ".join(each.devices)]
    return {"name": each.operating_system or "Any system", "more": " · ".join(filter(None, more))}


def _texts(row: Test) -> list[tuple[str, str]]:
    parts = (("Goal", row.goal), ("Instructions", row.instructions), ("Out of scope", row.out_of_scope))
    return [(title, text) for title, text in parts if text]
