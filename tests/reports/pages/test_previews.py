"""Pages that show the first rows of a report: they leave nothing open, however often one goes round them."""

import gc
from collections.abc import Iterator
from io import BytesIO

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext

from reports import catalogue, exports
from reports.builtin import REPORTS
from reports.exports import paper_tables
from reports.pages import sheets
from sync.snapshot import snapshot
from tests.factories import BugFactory, CustomReportFactory, ProductFactory, TestFactory
from tests.reports.pages.scenes import Scene
from tests.reports.world import everything

pytestmark = pytest.mark.django_db(transaction=True)

ROUND = ("/reports/bugs/", "/reports/tests/", "/reports/custom-reports/", "/reports/gaps/", "/reports/freshness/", "/")


@pytest.fixture
def crowd(scene: Scene) -> None:
    """More of everything than a page shows."""
    many = sheets.MOST_ROWS + 5
    for bug in BugFactory.create_batch(many, test=scene.test, severity="custom"):
        CustomReportFactory.create(bug=bug, data=[{"key": "Speed", "value": 4}])
    TestFactory.create_batch(many, product=scene.product)
    ProductFactory.create_batch(many, customer=scene.product.customer)


@pytest.fixture(params=["often", "late"])
def collector(request: pytest.FixtureRequest) -> Iterator[None]:
    """Garbage is collected in the middle of whatever is done, or in the middle of what is done next."""
    before = gc.get_threshold()
    gc.set_threshold(*((50, 2, 2) if request.param == "often" else (0, 0, 0)))
    yield
    gc.set_threshold(*before)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are read ten at a time, and a writer is asked after every row whether to go on."""
    read = QuerySet.iterator
    monkeypatch.setattr(QuerySet, "iterator", lambda rows, at_once=10: read(rows, min(at_once, 10)))
    monkeypatch.setattr(exports.rows, "STEP", 1)


def _open_cursors() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_cursors")
        return int(cursor.fetchone()[0])


def _collect_within_a_transaction() -> None:
    """It begins with its first statement; the one after it fails where something aborted it."""
    with transaction.atomic():
        assert _open_cursors() == 0
        gc.collect()
        assert _open_cursors() == 0


@pytest.mark.usefixtures("crowd", "collector")
def test_going_round_the_reports_never_fails(reader: Client) -> None:
    for _ in range(2):
        for address in ROUND:
            assert reader.get(address).status_code == 200, address
            _collect_within_a_transaction()


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize("name", ["bugs", "tests", "custom-reports", "gaps", "freshness"])
def test_a_page_asks_for_the_rows_it_shows_and_no_others(name: str) -> None:
    with snapshot():
        document = catalogue.find(everything(), name).run(everything(), {})
        with CaptureQueriesContext(
            connection,
        ) as asked:
            (part,) = sheets.parts(document)
        assert _open_cursors() == 0
    (shown,) = part.sheets
    assert (len(shown.rows), "The first 50 of " in shown.note) == ((1, False) if name == "gaps" else (50, True))
    assert [f"LIMIT {sheets.MOST_ROWS + 1}" in each["sql"] for each in asked] == [True]


@pytest.mark.usefixtures("crowd")
@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
def test_a_page_and_a_file_begin_with_the_same_rows(report: catalogue.Report, scene: Scene) -> None:
    with snapshot():
        page, file = (report.run(everything(), report.read({"product_id": [scene.product.pk]})) for _ in range(2))
        for shown, written in zip(page.tables, file.tables, strict=True):
            assert [*map(list, shown.first(7))] == [*map(list, written.rows)][:7]


class _EnoughError(Exception):
    """What a writer may meet on its way: a run that was deleted, a full disk, a reader who left."""


@pytest.mark.usefixtures("crowd", "small_parts")
@pytest.mark.parametrize("form", exports.FORMATS)
def test_a_file_that_is_not_written_to_its_end_leaves_no_rows_open(form: str) -> None:
    def stop(_: int) -> None:
        raise _EnoughError

    for _ in range(3):
        with pytest.raises(_EnoughError) as stopped, snapshot():
            exports.write(catalogue.find(everything(), "bugs").run(everything(), {}), form, BytesIO(), stop)
        del stopped
        _collect_within_a_transaction()


@pytest.mark.usefixtures("crowd", "small_parts")
def test_a_paper_that_has_enough_rows_closes_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paper_tables, "MOST_ROWS", 20)
    with snapshot():
        exports.write(catalogue.find(everything(), "bugs").run(everything(), {}), "pdf", BytesIO())
        assert _open_cursors() == 0
