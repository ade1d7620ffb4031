"""What PostgreSQL itself refuses costs only itself. Parsing removes what is known to be refused, so it is made here."""

from dataclasses import replace
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from sync.models import Bug, Test
from sync.store import Saved, save_bugs, save_tests, storable
from tests.factories import MARCH
from tests.sync.store.support import Shop, a_bug, a_test

pytestmark = pytest.mark.django_db

TOO_DEEP = "[" * 100_000 + "]" * 100_000


@pytest.fixture
def shop() -> Shop:
    shop = Shop.open()
    shop.save_tests(a_test(1))
    return shop


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        ({"raw": TOO_DEEP}, "stack depth limit exceeded"),
        ({"raw": "{"}, "invalid input syntax for type json"),
        ({"raw": '"\\u0000"'}, "unsupported Unicode escape sequence"),
        ({"title": "NUL \x00"}, "PostgreSQL text fields cannot contain NUL (0x00) bytes"),
        ({"test_feature_id": 2**64}, 'value "18446744073709551616" is out of range for type bigint'),
    ],
)
@pytest.mark.parametrize("stored_before", [False, True])
def test_a_record_the_database_refuses_costs_only_itself(
    shop: Shop, odd: dict[str, Any], reason: str, stored_before: bool
) -> None:
    records = shop.bug_records(*(a_bug(bug_id, 1) for bug_id in range(1, 8)))
    if stored_before:
        shop.save_bugs(a_bug(2, 1, title="before"))
    records[3] = replace(records[3], **odd)

    def save(part: Any) -> Saved:
        return save_bugs(shop.product.customer_id, shop.product.pk, [1], part, people=shop.people, now=MARCH)

    with transaction.atomic():
        saved = storable(save, records)
    assert saved.refused == [f"Record 4 was not stored: the database refuses it ({reason})."]
    assert saved.created | saved.updated == {1, 2, 3, 5, 6, 7}
    assert sorted(Bug.objects.values_list("pk", flat=True)) == [1, 2, 3, 5, 6, 7]
    assert Bug.objects.get(pk=2).title == "Bug 2"


def test_a_refused_test_leaves_nothing_of_itself_behind(shop: Shop) -> None:
    records = shop.test_records(a_test(2), a_test(3))
    records[1].platforms[0].category = "NUL \x00"

    def save(part: Any) -> Saved:
        return save_tests(shop.product.customer_id, shop.product.pk, part, people=shop.people, now=MARCH)

    with transaction.atomic():
        assert len(storable(save, records).refused) == 1
    assert sorted(Test.objects.values_list("pk", flat=True)) == [1, 2]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM sync_testfreshness")
        assert cursor.fetchone() == (2,)


def test_trouble_that_no_record_is_to_blame_for_is_raised() -> None:
    def save(_: object) -> Saved:
        raise OperationalError("the connection is lost")

    with pytest.raises(OperationalError, match="the connection is lost"):
        storable(save, [])
