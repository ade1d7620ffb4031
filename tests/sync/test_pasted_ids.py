"""Ids as people paste them, in every form they come in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.pasted_ids import BIGINT_MAX, Pasted, read, read_one


def seen(text: str) -> list[tuple[str, int | None, str]] | None:
    found = read(text)
    return None if found is None else [(each.kind, each.number, each.digits) for each in found]


def test_ids_may_be_numbers_letters_signs_and_addresses_in_any_mixture() -> None:
    assert seen("12, 34;56 #78 T-90\nhttps://example.org/customers/5/tests/123?tab=bugs") == [
        ("", 12, ""), ("", 34, ""), ("", 56, ""), ("", 78, ""), ("test", 90, ""), ("test", 123, ""),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "kind", "number"),
    [
        ("b-7", "bug", 7),
        ("https://example.org/customer/v2/products/12/exploratory_tests/55", "test", 55),
        ("https://example.org/tests/55/bugs/66#comments", "bug", 66),
        ("/admin/sync/test/55/change/", "test", 55),
        ("https://example.org/odd/9", "", 9),
    ],
)
def test_what_an_id_is_of_is_taken_from_its_letter_or_its_address(text: str, kind: str, number: int) -> None:
    assert seen(text) == [(kind, number, "")]


def test_public_ids_and_uuids_are_read_whole_or_from_their_beginning() -> None:
    key = "0a1b2c3d-4e5f-4071-8293-a4b5c6d7e8f9"
    digits = key.replace("-", "")
    assert read("EVT_0A1B") == [Pasted("EVT_0A1B", digits="0a1b", prefix="evt_")]
    assert seen(f"{key} run_0a1b2c3d4e5f https://example.org/runs/run_0a1b2c3d4e5f/") == [
        ("", None, digits), ("", None, "0a1b2c3d4e5f"),
    ]  # fmt: skip
    assert seen(f"/admin/problematic/problematicevent/{key}/change/") == [("", None, digits)]


@pytest.mark.parametrize("text", ["", "  ,; ", "12 monkeys", "T-", "https://example.org/", "1.5", "-3", "x-9", "٣"])
def test_anything_else_is_no_list_of_ids(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "[123, 456]", "[123,456]", '["123", "456"]', "[\n  123,\n  456\n]", '"123", "456"', '"123","456"',
        "'123' '456'", "“123”, ‘456’", '["#123", "456"', '"123, 456"',
    ],
)  # fmt: skip
def test_ids_may_be_json_or_in_quotes(text: str) -> None:
    assert seen(text) == [("", 123, ""), ("", 456, "")]


def test_quotes_and_brackets_are_no_part_of_an_id_and_stay_part_of_an_address() -> None:
    assert read('["T-90"]') == [Pasted("T-90", "test", 90)]
    assert seen("\"https://example.org/tests/123?kinds[]=1&name='x'\"") == [("test", 123, "")]
    assert seen('["run_0a1b2c3d4e5f"]') == [("", None, "0a1b2c3d4e5f")]


@pytest.mark.parametrize("text", ["[]", '""', "[ ]", '"', '"12 monkeys"', "1'2", "[1][2]", '{"id": 12}', "12 = 13"])
def test_what_is_no_list_of_ids_does_not_become_one_by_brackets_or_quotes(text: str) -> None:
    assert read(text) is None


def test_each_id_is_taken_once() -> None:
    assert seen("5 5 #5 T-5") == [("", 5, ""), ("test", 5, "")]


@given(st.integers(min_value=0, max_value=10**40))
def test_a_number_of_any_length_is_read_and_no_id_where_it_cannot_be_one(number: int) -> None:
    found = read_one(f"#{number}")
    assert found is not None
    assert found.number == (number if number <= BIGINT_MAX else 0)


@given(st.text())
def test_no_text_is_too_odd_to_be_read(text: str) -> None:
    assert all(each.number is None or 0 <= each.number <= BIGINT_MAX for each in read(text) or [])
