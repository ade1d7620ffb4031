"""Pages by place, held against a plain list: whatever the values, and whatever comes and goes between two pages."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
from django.db import connection, transaction
from django.db.models.functions import Left
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.api import keyset
from sync.api.keyset import ID, BadCursor, Column, Order, Place, read_cursor, write_cursor
from sync.models import Product, Test
from tests.factories import ProductFactory

DAY = datetime(2026, 3, 1, tzinfo=UTC)

moments = st.none() | st.integers(0, 4).map(lambda hours: DAY + timedelta(hours=hours))
rows = st.lists(st.tuples(moments, st.sampled_from("abc")), max_size=12)
places = st.tuples(
    st.none() | st.integers(-(10**9), 10**9).map(lambda seconds: DAY + timedelta(seconds=seconds, microseconds=7)),
    st.integers(1, 2**63 - 1),
)

END = Column("end_at", datetime, nullable=True)
TITLE = Column(Left("title", 100), str)


@contextmanager
def stored(product: Product, values: list[tuple[datetime | None, str]], first_id: int = 1) -> Iterator[None]:
    """Tests with these ends and titles, as long as the block lasts."""
    with transaction.atomic():
        store(product, values, first_id)
        yield
        transaction.set_rollback(True)


def store(product: Product, values: list[tuple[datetime | None, str]], first_id: int) -> None:
    Test.objects.bulk_create(
        Test(id=first_id + place, product=product, end_at=end, title=title, fingerprint=b"")
        for place, (end, title) in enumerate(values)
    )


def expected(order: Order, ids: set[int] | None = None) -> list[int]:
    """What a plain list makes of the stored rows: rows without a value last, the id deciding among equals."""
    found = [(test.end_at, test.title, test.pk) for test in Test.objects.all() if ids is None or test.pk in ids]
    place = {"end_at": 0, "pk": 2}.get(str(order.column.source), 1)
    present = sorted((row for row in found if row[place] is not None), key=lambda row: (row[place], row[2]))
    absent = sorted((row for row in found if row[place] is None), key=lambda row: row[2])
    if order.descending:
        present.reverse()
        absent.reverse()
    return [row[2] for row in present + absent]


def page(order: Order, after: Place | None, limit: int) -> tuple[list[int], Place | None]:
    found = keyset.page(Test.objects.all(), ("id",), order, after=after, limit=limit)
    return [row[0] for row in found.rows], found.end


orders = st.builds(Order, st.sampled_from([END, TITLE, ID]), st.booleans())


@pytest.mark.django_db
def test_following_the_pages_visits_every_row_once_and_in_order() -> None:
    product = ProductFactory.create()

    @settings(max_examples=60)
    @given(rows, orders, st.integers(1, 5))
    def check(values: list[tuple[datetime | None, str]], order: Order, limit: int) -> None:
        with stored(product, values):
            visited: list[int] = []
            after = None
            while True:
                ids, after = page(order, after, limit)
                assert len(ids) == limit or after is None
                visited += ids
                if after is None:
                    break
            assert visited == expected(order)

    check()


@pytest.mark.django_db
def test_what_comes_and_goes_between_pages_moves_nothing_else_from_one_to_another() -> None:
    product = ProductFactory.create()

    @settings(max_examples=60)
    @given(rows, rows, st.sets(st.integers(1, 12)), orders, st.integers(1, 4))
    def check(
        before: list[tuple[datetime | None, str]],
        inserted: list[tuple[datetime | None, str]],
        deleted: set[int],
        order: Order,
        limit: int,
    ) -> None:
        with stored(product, before, first_id=100):
            stayed = {test.pk for test in Test.objects.all()} - {100 + each for each in deleted}
            visited, after = page(order, None, limit)
            Test.objects.filter(pk__in={100 + each for each in deleted}).delete()
            store(product, inserted[::2], first_id=1)
            store(product, inserted[1::2], first_id=500)
            while after is not None:
                ids, after = page(order, after, limit)
                visited += ids
            assert len(visited) == len(set(visited))
            assert [pk for pk in visited if pk in stayed] == expected(order, stayed)

    check()


@pytest.mark.django_db
def test_a_page_is_one_statement_and_two_only_where_the_rows_without_a_value_begin() -> None:
    product = ProductFactory.create()
    with stored(product, [(DAY, ""), (DAY, ""), (DAY, ""), (None, ""), (None, "")]):
        counted = []
        after = None
        for _ in range(3):
            with CaptureQueriesContext(connection) as queries:
                _, after = page(Order(END, descending=True), after, 2)
            counted.append(len(queries))
        assert (counted, after) == ([1, 2, 1], None)


@pytest.mark.django_db
def test_a_deep_page_is_found_along_the_index() -> None:
    product = ProductFactory.create()
    order = Order(END, descending=True)
    after = Place(DAY, 7)
    with stored(product, [(DAY, "")] * 3), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        for found in (Test.objects.all(), Test.objects.filter(product=product)):
            first, _ = keyset.segments(found.only("id"), order, after=after)
            plan = first[:3].explain()
            assert ("ROW(end_at, id) <" in plan, "Index Cond" in plan, "Sort" in plan) == (True, True, False)


# Cursors --------------------------------------------------------------------------------------------------------------


def packed(parts: list[object]) -> str:
    """A cursor nobody wrote."""
    return base64.urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode()


@given(places, st.booleans())
def test_a_cursor_gives_back_the_place_it_was_made_of(place: tuple[Any, int], descending: bool) -> None:
    order = Order(END, descending=descending)
    assert read_cursor(write_cursor(Place(*place), order, "x"), order, "x") == Place(*place)


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=100), st.integers(1, 2**63 - 1)
)
def test_a_cursor_carries_any_text_in_letters_an_address_may_hold(title: str, tie: int) -> None:
    cursor = write_cursor(Place(title, tie), Order(TITLE), "x")
    assert read_cursor(cursor, Order(TITLE), "x") == Place(title, tie)
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert len(cursor) <= keyset.LONGEST_CURSOR


def test_a_cursor_may_hold_a_uuid() -> None:
    order = Order(Column("first_seen_at", datetime), tie=Column("event_id", UUID))
    place = Place(DAY, UUID(int=7))
    assert read_cursor(write_cursor(place, order, "x"), order, "x") == place


def test_a_cursor_of_other_parameters_is_refused_with_a_way_on() -> None:
    cursor = write_cursor(Place(DAY, 7), Order(END), "these")
    with pytest.raises(BadCursor) as refused:
        read_cursor(cursor, Order(END), "those")
    assert str(refused.value) == (
        "It belongs to a list with other parameters. Only limit and count may change from page to page: "
        "send the others as they were, or begin again without a cursor."
    )


@given(st.text(st.sampled_from("ABCDEFabcdef0123456789-_"), max_size=40))
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(BadCursor):
        read_cursor(text, Order(END), "x")


@pytest.mark.parametrize(
    "place", [Place("text", 1), Place(None, None), Place(None, "1"), Place(None, 2**63), Place(None, True)]
)
def test_a_cursor_with_values_of_another_kind_is_refused(place: Place) -> None:
    forged = packed(["x", place.value, place.tie])
    with pytest.raises(BadCursor):
        read_cursor(forged, Order(END), "x")


@pytest.mark.parametrize("value", [2**62, -(2**62), 1.5, "2026-03-01", True])
def test_a_cursor_with_a_time_that_is_none_is_refused(value: object) -> None:
    forged = packed(["x", value, 1])
    with pytest.raises(BadCursor):
        read_cursor(forged, Order(END), "x")


def test_a_cursor_with_nul_is_refused() -> None:
    forged = packed(["x", "a\0", 1])
    with pytest.raises(BadCursor):
        read_cursor(forged, Order(TITLE), "x")
