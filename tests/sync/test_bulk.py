from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import DataError, connection, transaction
from django.db.transaction import TransactionManagementError
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import sql

from sync.bulk import Merged, Target, insert, latest, merge
from sync.models import BugDevice, Feature, Product, Section, TestCase
from tests.factories import BugFactory, FeatureFactory, ProductFactory, SectionFactory, TestFactory
from tests.sync.races import until, waiting_for_a_lock

pytestmark = pytest.mark.django_db

SECTIONS = Target(Section, ("id", "product_id", "name", "missing_since"))
SAME_PRODUCT = replace(SECTIONS, guard=sql.SQL("old.product_id = excluded.product_id"))

DEVICE_COLUMNS = ("bug_id", "position", "category", "device", "operating_system", "browsers")

storable_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))


@contextmanager
def undone() -> Iterator[None]:
    """A transaction that leaves nothing behind, for properties that are tried many times."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def test_a_merge_is_a_dictionary_update_that_says_what_it_did() -> None:
    product = ProductFactory.create()

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.dictionaries(st.integers(1, 12), st.sampled_from("abc")), max_size=4), st.booleans())
    def check(batches: list[dict[int, str]], force: bool) -> None:
        expected: dict[int, str] = {}
        with undone():
            for names in batches:
                merged = merge(SECTIONS, [(pk, product.pk, name, None) for pk, name in names.items()], force=force)
                known = names.keys() & expected.keys()
                changed = known if force else {pk for pk in known if names[pk] != expected[pk]}
                assert merged == Merged(created=names.keys() - expected.keys(), updated=set(changed))
                expected |= names
                assert dict(Section.objects.values_list("pk", "name")) == expected

    check()


def test_a_protected_row_is_left_alone_and_reported() -> None:
    product, foreign = ProductFactory.create(), SectionFactory.create(id=1, name="kept")
    SectionFactory.create(id=2, product=product)
    rows = [(1, product.pk, "taken over?", None), (2, product.pk, "renamed", None), (3, product.pk, "new", None)]
    for force in (False, True):
        merged = merge(SAME_PRODUCT, rows, force=force)
        assert merged.refused == {1}
    assert list(Section.objects.order_by("pk").values_list("name", flat=True)) == ["kept", "renamed", "new"]
    assert Section.objects.get(pk=1).product == foreign.product


def test_only_the_columns_named_decide_whether_a_row_changed_and_the_stamp_tells_when() -> None:
    feature = FeatureFactory.create(id=1, title="old", fingerprint=b"a", changed_at=datetime(2026, 1, 1, tzinfo=UTC))
    columns = ("id", "title", "product_id", "description", "howtofind", "raw", "notes", "fingerprint")
    target = Target(Feature, columns, compare=("fingerprint",), stamp="changed_at")
    row: tuple[object, ...] = (1, "new", feature.product_id, "", "", "{}", [])
    assert merge(target, [(*row, b"a")]) == Merged()
    feature.refresh_from_db()
    assert (feature.title, feature.changed_at) == ("old", datetime(2026, 1, 1, tzinfo=UTC))
    assert merge(target, [(*row, b"\x00\\b")]) == Merged(updated={1})
    feature.refresh_from_db()
    assert (feature.title, bytes(feature.fingerprint)) == ("new", b"\x00\\b")
    assert feature.changed_at > datetime(2026, 1, 2, tzinfo=UTC)


def test_rows_with_a_key_of_two_columns_are_named_by_both() -> None:
    first, second = TestFactory.create(), TestFactory.create()
    target = Target(TestCase, ("test_id", "testio_id", "title", "steps"), key=("test_id", "testio_id"))
    merge(target, [(first.pk, 7, "seven", "[]")])
    merged = merge(target, [(first.pk, 7, "now", "[]"), (first.pk, 8, "", "[]"), (second.pk, 7, "", "[]")])
    assert merged == Merged(created={(first.pk, 8), (second.pk, 7)}, updated={(first.pk, 7)})
    titles = TestCase.objects.order_by("pk").values_list("test_id", "testio_id", "title")
    assert list(titles) == [(first.pk, 7, "now"), (first.pk, 8, ""), (second.pk, 7, "")]


def test_any_text_and_any_list_of_texts_arrives_as_it_was() -> None:
    bug = BugFactory.create()

    @settings(max_examples=150, deadline=None)
    @given(storable_text, st.lists(storable_text))
    def check(text: str, texts: list[str]) -> None:
        with undone():
            assert insert(BugDevice, DEVICE_COLUMNS, [(bug.pk, 0, text, "", "", texts)]) == 1
            device = BugDevice.objects.get()
            assert (device.category, device.browsers) == (text, texts)

    check()


@pytest.mark.parametrize("texts", [["NULL"], [""], ["a,b", "{}"], ['"', "\\", '\\"'], ["\n", "\t", "\\N"], ["٣", "🦆"]])
def test_texts_that_mean_something_to_postgresql_mean_nothing_here(texts: list[str]) -> None:
    insert(BugDevice, DEVICE_COLUMNS, [(BugFactory.create().pk, 0, "\\.", "", "", texts)])
    assert [(device.category, device.browsers) for device in BugDevice.objects.all()] == [("\\.", texts)]


def test_a_value_the_database_refuses_is_a_data_error_of_django() -> None:
    product = ProductFactory.create()
    with pytest.raises(DataError, match="NUL"), transaction.atomic():
        merge(SECTIONS, [(1, product.pk, "\x00", None)])
    with pytest.raises(DataError, match="out of range"), transaction.atomic():
        merge(SECTIONS, [(2**63, product.pk, "", None)])


@pytest.mark.django_db(transaction=True)
def test_a_merge_outside_a_transaction_is_refused() -> None:
    with pytest.raises(TransactionManagementError, match="needs an open transaction"):
        merge(SECTIONS, [(1, 1, "", None)])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("theirs", ["another product", "this product"])
def test_a_row_another_writer_is_just_inserting_is_waited_for_and_then_merged_with(theirs: str) -> None:
    mine = ProductFactory.create()
    owner = mine if theirs == "this product" else ProductFactory.create()

    def merge_mine() -> Merged:
        try:
            with transaction.atomic():
                return merge(SAME_PRODUCT, [(pk, mine.pk, "mine", None) for pk in (1, 2)])
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            merge(SAME_PRODUCT, [(2, owner.pk, "theirs", None)])
            waiting = pool.submit(merge_mine)
            until(lambda: waiting_for_a_lock() == 1)
        merged = waiting.result(20)
    if owner == mine:
        assert merged == Merged(created={1}, updated={2})
    else:
        assert merged == Merged(created={1}, refused={2})
    assert Section.objects.get(pk=2).name == ("mine" if owner == mine else "theirs")


@dataclass
class Numbered:
    id: int
    note: Any


def test_of_records_with_one_id_the_latest_counts_and_ids_are_in_order() -> None:
    records = [Numbered(2, "first"), Numbered(1, ""), Numbered(2, "last")]
    assert latest(iter(records)) == [Numbered(1, ""), Numbered(2, "last")]
    assert latest([]) == []


def test_no_rows_are_no_work() -> None:
    assert merge(SECTIONS, iter([])) == Merged()
    assert insert(Product, ("id",), iter([])) == 0
