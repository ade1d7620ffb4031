import pytest
from django.db import connection
from django.test import Client

from sync.admin import paging
from sync.admin.paging import ReachPaginator, estimated_rows
from sync.models import Test
from tests.factories import ProductFactory, TestFactory
from tests.sync.admin.pages import list_page, queries, shown

pytestmark = pytest.mark.django_db


@pytest.fixture
def short_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "REACH", 2)


def _analyze() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE sync_test")


def test_a_small_table_is_counted_exactly() -> None:
    TestFactory.create_batch(3)
    pages = ReachPaginator(Test.objects.all(), 2)
    assert (pages.count, pages.num_pages, pages.described, pages.is_cut) == (3, 2, "3", False)


@pytest.mark.usefixtures("short_reach")
def test_pages_end_where_counting_ends() -> None:
    TestFactory.create_batch(4)
    pages = ReachPaginator(Test.objects.all(), 1)
    assert (pages.count, pages.num_pages, pages.is_cut) == (2, 2, True)


@pytest.mark.usefixtures("short_reach")
def test_a_table_beyond_reach_is_described_by_its_statistics() -> None:
    TestFactory.create_batch(4)
    _analyze()
    assert ReachPaginator(Test.objects.all(), 1).described == "About 4"
    assert ReachPaginator(Test.objects.filter(status="archived"), 1).described == "More than 2"


@pytest.mark.usefixtures("short_reach")
def test_without_statistics_a_lower_bound_is_told() -> None:
    TestFactory.create_batch(4)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE pg_class SET reltuples = -1 WHERE oid = 'sync_test'::regclass")
    assert estimated_rows(Test) == 0
    assert ReachPaginator(Test.objects.all(), 1).described == "More than 2"


@pytest.mark.usefixtures("short_reach")
def test_a_list_beyond_reach_says_so(admin_client: Client) -> None:
    TestFactory.create_batch(4)
    _analyze()
    seen = " ".join(shown(admin_client, list_page(Test)).split())
    assert "About 4 tests; pages reach the first 2. Search or filter for the others." in seen
    assert "results (" not in seen


def test_no_list_counts_more_rows_than_it_reaches(admin_client: Client) -> None:
    product = ProductFactory.create()
    TestFactory.create(product=product)
    for address in (list_page(Test), f"{list_page(Test)}?product__id__exact={product.pk}"):
        counts = [sql for sql in queries(admin_client, address) if "COUNT(" in sql]
        assert [sql for sql in counts if "LIMIT 10001" not in sql] == []
        assert len(counts) == 1
