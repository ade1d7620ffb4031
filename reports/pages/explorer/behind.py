"""The tests or bugs a figure is made of, by the cube's own definition: as many as the figure says."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone

from reports.metrics import DIMENSIONS, Query, Unanswerable
from reports.metrics.facts import Facts
from reports.pages import access, cells, frame, words
from reports.pages.explorer import filtering
from reports.pages.explorer.asked import Asked
from reports.pages.explorer.numbers import PER_FEATURE
from reports.pages.filters import one_of
from reports.pages.frame import Crumb
from reports.pages.product_tests import Pager
from reports.pages.tables import Cell, Column, Table
from sync.access import Access, Request, require
from sync.models import Bug, Test

PAGE = 50
_PER_FEATURE = "Counted per feature: a test without a bug on one of its features is there a test without bugs."
_BUG_COLUMNS = (
    Column("Bug"),
    Column("Severity"),
    Column("Status"),
    Column("Test"),
    Column("Reported", is_number=True),
    Column("Id", is_number=True),
)
_TEST_COLUMNS = (
    Column("Test"),
    Column("Status"),
    Column("Type"),
    Column("Product"),
    Column("Ended", is_number=True),
    Column("Id", is_number=True),
)


@dataclass(frozen=True, slots=True)
class Kind:
    title: str
    one: str
    columns: Sequence[Column]


KINDS = {"bugs": Kind("Bugs", "bug", _BUG_COLUMNS), "tests": Kind("Tests", "test", _TEST_COLUMNS)}


@access.page("sync.view_bug")
def rows(request: Request) -> HttpResponse:
    """``of``: bugs or tests; ``per_feature``: of a table by feature; the rest of the address is the explorer's."""
    require(request, "sync.view_test")
    who, now = access.of(request), timezone.now()
    of = one_of(request.GET, "of", list(KINDS), "bugs")
    asked, per_feature = Asked.read(request.GET), bool(request.GET.get(PER_FEATURE))
    try:
        found = behind(replace(asked.query(()), per_feature=per_feature), who, of)
        fault = ""
    except Unanswerable as refusal:
        found, fault = (Bug if of == "bugs" else Test).objects.none(), str(refusal)
    total = found.count()
    page = list(_after(found, request.GET.get("after", ""))[: PAGE + 1])
    kind = KINDS[of]
    return frame.show(
        request,
        "reports/rows.html",
        f"{kind.title} behind a figure",
        above=[Crumb("Metrics", reverse("reports:metrics"))],
        facts=[(DIMENSIONS[name].title, text) for name, text in _texts(asked, who)],
        period=_period(asked),
        note=_PER_FEATURE if per_feature else "",
        fault=fault,
        table=Table(kind.title, kind.columns, [_cells(row, now) for row in page[:PAGE]]),
        pager=Pager(
            words.plural(total, kind.one),
            _url(request, None) if request.GET.get("after") else "",
            _url(request, page[PAGE - 1].pk) if len(page) > PAGE else "",
        ),
    )


def behind(query: Query, who: Access | None, of: str) -> "QuerySet[Any]":
    """The bugs or tests that a question without dimensions counts, each once."""
    facts = Facts(query, who)
    if of == "bugs":
        return Bug.objects.filter(pk__in=facts.bugs().values("pk"))
    wanted = Q()
    for ids in _tests(facts):
        wanted |= Q(pk__in=ids)
    return Test.objects.filter(wanted)


def _tests(facts: Facts) -> Iterator["QuerySet[Any]"]:
    """As ``reports.metrics.counting`` counts them: those with such bugs, and those without any where these count."""
    if facts.about_bugs or facts.about_features:
        yield facts.bugs().filter(test__isnull=False).values("test_id")
    if not facts.about_bugs:
        yield facts.tests(features=facts.about_features).values("pk")
    elif facts.admits_bare_tests:
        yield facts.bare_tests(features=facts.about_features).values("pk")


def _after(found: "QuerySet[Any]", after: str) -> "QuerySet[Any]":
    """The newest first, by TestIO's number, which only grows."""
    related = ("test", "author") if found.model is Bug else ("product",)
    ordered = found.select_related(*related).defer(*_long(found)).order_by("-pk")
    is_id = after.isascii() and after.isdecimal() and len(after) < 19
    return ordered.filter(pk__lt=int(after)) if is_id else ordered


def _long(found: "QuerySet[Any]") -> tuple[str, ...]:
    return ("raw", "test__raw", "test__search") if found.model is Bug else ("raw", "product__raw", "product__search")


def _url(request: Request, after: int | None) -> str:
    """This page from another row on; filters may be in the address several times."""
    query = request.GET.copy()
    query.pop("after", None)
    if after is not None:
        query["after"] = str(after)
    return f"{request.path}?{query.urlencode()}"


def _cells(row: Any, now: datetime) -> list[Cell]:
    if isinstance(row, Bug):
        return [
            cells.of_bug(row, f"by {row.author.username}" if row.author else ""),
            cells.severity(row.severity),
            cells.bug_status(row.status),
            cells.of_test(row.test) if row.test else Cell(words.NONE, tone="none"),
            cells.moment(row.reported_at, now),
            Cell(str(row.pk), tone="none"),
        ]
    return [
        cells.of_test(row),
        cells.test_status(row.status),
        Cell(cells.testing_type(row.testing_type)),
        cells.of_product(row.product),
        cells.day(row.end_at),
        Cell(str(row.pk), tone="none"),
    ]


def _texts(asked: Asked, who: Access) -> list[tuple[str, str]]:
    return [(name, filtering.named(name, values, who)) for name, values in asked.filters.items()]


def _period(asked: Asked) -> str:
    try:
        days = asked.query(()).range
    except Unanswerable:
        return ""
    what = "Tests that ended" if asked.dated_by == "end_at" else "Bugs reported"
    return f"{what} {days} (UTC)" if days else "Of all time"
