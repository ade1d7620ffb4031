"""A bug's page: what was reported, on what, and what became of it."""

from collections.abc import Iterator

from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils import timezone

from reports.custom.answers import text_of
from reports.pages import access, cells, frame, words
from reports.pages.frame import Crumb
from reports.pages.links import admin_row
from reports.pages.tables import Cell
from sync import freshness
from sync.access import Request, seen
from sync.models import Bug, CustomReport
from sync.summaries import when


@access.page("sync.view_bug")
def bug(request: Request, bug_id: int) -> HttpResponse:
    who = access.of(request)
    rows = Bug.objects.select_related("product__customer", "test", "test_feature", "feature", "author")
    found = seen(
        rows.defer(
            "raw", "product__raw", "product__search", "test__raw", "test__search", "feature__raw", "feature__search"
        ),
        who,
        "product__customer",
    )
    row = found.filter(pk=bug_id).first()
    if row is None:
        raise Http404(f"There is no bug {bug_id} here, or you may not see it.")
    return frame.show(
        request,
        "reports/bug.html",
        cells.title(row.title, f"Bug {row.pk}", 90),
        above=_above(row),
        freshness=freshness.of(row.product, "bugs"),
        bug=row,
        badges=list(_badges(row)),
        facts=_facts(row),
        devices=row.devices.all(),
        report=_report(row),
        product_name=cells.product_name(row.product),
        test_title=cells.title(row.test.title, f"Test {row.test.pk}") if row.test else "",
        feature=_feature(row),
        tester=row.author.username if row.author else words.NONE,
        reported_at=when(row.reported_at) if row.reported_at else words.NONE,
        admin_url=admin_row(who, row),
    )


def _above(row: Bug) -> list[Crumb]:
    product = Crumb(cells.product_name(row.product), reverse("reports:product", args=[row.product_id]))
    crumbs = [Crumb("Products", reverse("reports:products")), product]
    if row.test is not None:
        title = cells.title(row.test.title, f"Test {row.test.pk}", 40)
        crumbs.append(Crumb(title, reverse("reports:test", args=[row.test.pk])))
    return crumbs


def _badges(row: Bug) -> Iterator[Cell]:
    yield cells.severity(row.severity)
    yield cells.bug_status(row.status)
    if row.known:
        yield Cell("known", is_badge=True)
    if row.missing_since:
        yield cells.GONE


def _facts(row: Bug) -> str:
    reported = f"reported {words.ago(row.reported_at, timezone.now())}" if row.reported_at else ""
    return ", ".join(filter(None, (f"Bug {row.pk}", reported)))


def _feature(row: Bug) -> str:
    """The catalogue's feature, or what the test called its own copy of it."""
    titles = [each.title for each in (row.feature, row.test_feature) if each is not None]
    return cells.title(next(filter(None, titles), ""), "(none)")


def _report(row: Bug) -> list[tuple[str, str]]:
    """The fields of its custom report, in TestIO's order."""
    report = CustomReport.objects.filter(bug=row).first()
    fields = report.data if report and isinstance(report.data, list) else []
    pairs = [field for field in fields if isinstance(field, dict)]
    return [(words.spaced(str(field.get("key", ""))), text_of(field.get("value")) or words.NONE) for field in pairs]
