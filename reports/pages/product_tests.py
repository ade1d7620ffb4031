"""The list of tests on a product's page: filtered and sorted by its address, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from reports import tests_of_product
from reports.figures import BugCounts
from reports.own_thresholds import thresholds_of
from reports.pages import cells, filters, health, words
from reports.pages.filters import Bar, Field
from reports.pages.links import changed
from reports.pages.tables import DESCENDING, Cell, Column, Sorting, Table, sortable
from reports.tests_of_product import Page, Wanted
from reports.thresholds import Thresholds
from sync import wording
from sync.access import Request
from sync.api.keyset import BadCursor
from sync.models import Product, Test

COLUMNS = (
    Column("Test", "title"),
    Column("Status"),
    Column("Type"),
    Column("Ended", "ended", is_number=True, first=DESCENDING),
    Column("Bugs", is_number=True),
    Column("Acceptance", is_number=True),
    Column("Rejection", is_number=True),
    Column("Id", "id", is_number=True, first=DESCENDING),
)
NEWEST_FIRST = Sorting("ended", is_down=True)


@dataclass(frozen=True, slots=True)
class Pager:
    sentence: str
    first_url: str
    next_url: str


def context(request: Request, product: Product) -> dict[str, Any]:
    """What the template shows of the tests."""
    query, path = request.GET, request.path
    bar = _bar(path, query)
    chosen = {field.name: field.value for field in bar.fields}
    wanted = Wanted(chosen["q"], chosen["status"], chosen["type"])
    sorting = Sorting.read(query.get("sort", ""), COLUMNS, NEWEST_FIRST)
    page, is_first = _page(product, wanted, sorting, query.get("after", ""))
    counts = tests_of_product.bug_counts([test.pk for test in page.tests])
    thresholds = thresholds_of(product)
    rows = [_cells(test, counts.get(test.pk, BugCounts()), thresholds) for test in page.tests]
    return {
        "filters": bar,
        "tests": Table("Tests", sortable(COLUMNS, sorting, path, query), rows),
        "pager": _pager(page, is_first, path, query),
        "nothing": _nothing(bar),
    }


def _page(product: Product, wanted: Wanted, sorting: Sorting, after: str) -> tuple[Page, bool]:
    """The page after this one, and whether it is the first; of an address that leads nowhere any more, the first."""
    try:
        page = tests_of_product.page(product.pk, wanted, sort=sorting.key, descending=sorting.is_down, after=after)
    except BadCursor:
        return _page(product, wanted, sorting, "")
    return page, not after


def _bar(path: str, query: QueryDict) -> Bar:
    types = [wording.shown_testing_type(each) for each in wording.TESTING_TYPES]
    return Bar(
        "product-tests",
        path,
        [
            Field("q", "Title or id", filters.text(query, "q"), hint="Part of a title, or an id", is_wide=True),
            Field(
                "status",
                "Status",
                filters.one_of(query, "status", wording.TEST_STATUSES),
                [(word, words.spaced(word)) for word in wording.TEST_STATUSES],
            ),
            Field("type", "Type", filters.one_of(query, "type", types), [(word, word) for word in types]),
        ],
        filters.kept(query, "days", "sort"),
    )


def _cells(test: Test, bugs: BugCounts, thresholds: Thresholds) -> Sequence[Cell]:
    return (
        cells.of_test(test, "No longer in TestIO" if test.missing_since else ""),
        cells.test_status(test.status),
        Cell(cells.testing_type(test.testing_type)),
        cells.day(test.end_at),
        Cell(words.count(bugs.total)),
        health.rate_cell("overall_acceptance", bugs, thresholds),
        health.rate_cell("rejection", bugs, thresholds),
        Cell(str(test.pk), tone="none"),
    )


def _pager(page: Page, is_first: bool, path: str, query: QueryDict) -> Pager:
    shown = f"{len(page.tests)} of {words.plural(page.total, 'test')}"
    return Pager(
        words.plural(page.total, "test") if is_first and not page.after else shown,
        "" if is_first else changed(path, query, after=None),
        changed(path, query, after=page.after) if page.after else "",
    )


def _nothing(bar: Bar) -> dict[str, str]:
    if bar.is_set:
        text = "Change the filters, or take them away to see all tests of this product."
        return {"title": "No test fits", "text": text, "url": bar.reset_url, "link": "Show all tests"}
    return {"title": "No test yet", "text": "Tests appear here once TestIO lists one and a sync has read it."}
