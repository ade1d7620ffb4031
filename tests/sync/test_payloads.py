"""What holds for every payload of TestIO: one example per oddity, and then anything at all."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.testio.payloads import (
    BugRecord,
    TestRecord,
    Unstorable,
    identity,
    parse_bug,
    parse_case,
    parse_feature,
    parse_product,
    parse_result,
    parse_test,
)
from sync.testio.payloads.reading import integer, text, texts


def a_test(**fields: Any) -> TestRecord:
    return parse_test({"id": 1, **fields}, product_id=9)


def a_bug(**fields: Any) -> BugRecord:
    return parse_bug({"id": 1, **fields}, product_id=9)


@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        (None, "A Bug without a usable id was not stored: it is NoneType, not an object."),
        ([{"id": 1}], "A Bug without a usable id was not stored: it is list, not an object."),
        ({}, "A Bug without a usable id was not stored: its id is 'None'."),
        ({"id": "seven"}, "A Bug without a usable id was not stored: its id is 'seven'."),
        ({"id": 0}, "A Bug without a usable id was not stored: its id is '0'."),
        ({"id": 2**63}, "A Bug without a usable id was not stored: its id is '9223372036854775808'."),
    ],
)
def test_what_has_no_usable_id_is_refused_with_its_reason(payload: object, sentence: str) -> None:
    with pytest.raises(Unstorable) as refusal:
        parse_bug(payload, product_id=9)
    assert str(refusal.value) == sentence


@pytest.mark.parametrize("depth", [300, 5000])
def test_what_is_nested_too_deeply_is_refused_by_its_id(depth: int) -> None:
    nested: Any = []
    for _ in range(depth):
        nested = [nested]
    with pytest.raises(Unstorable) as refusal:
        a_bug(id=7, title=nested)
    assert str(refusal.value) == "Bug 7 was not stored: it is nested too deeply to be read."


@pytest.mark.parametrize(
    ("value", "number"),
    [(7, 7), ("7", 7), (" 7 ", 7), (2**63 - 1, 2**63 - 1)]
    + [(odd, None) for odd in (0, -7, 2**63, "", "7.0", "²", "9" * 5000, 7.0, True, None, [7], {"id": 7})],
)
def test_an_id_is_a_positive_number_or_its_digits(value: object, number: int | None) -> None:
    assert integer(value) == number


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("  padded \n", "padded"),
        ("   ", ""),
        (None, ""),
        (7, "7"),
        (7.5, "7.5"),
        (float("inf"), ""),
        ([], ""),
        ({}, ""),
        (["ß", 1], '["ß", 1]'),
    ],
)
def test_a_text_may_come_as_anything(value: object, shown: str) -> None:
    assert text(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("one text", ["one text"]),
        (["a", " ", None, "b"], ["a", "b"]),
        ([{"id": 1, "name": "Chrome"}, {"title": "Safari"}, {}], ["Chrome", "Safari"]),
        ({"name": "Chrome"}, ["Chrome"]),
        (None, []),
        ([], []),
    ],
)
def test_a_list_may_come_as_texts_as_named_things_or_as_one_of_them(value: object, shown: list[str]) -> None:
    assert texts(value) == shown


def test_nul_and_broken_characters_leave_and_the_record_says_so() -> None:
    bug = a_bug(title="Coupon\x00 field", location="half an emoji: \ud83d", **{"key\x00": 1})
    assert (bug.title, bug.location) == ("Coupon field", "half an emoji: ?")
    assert json.loads(bug.raw) == {"id": 1, "title": "Coupon field", "location": "half an emoji: ?", "key": 1}
    assert bug.notes == ["NUL characters were removed", "broken characters were replaced"]


def test_numbers_that_no_column_holds_become_null() -> None:
    bug = a_bug(title=float("nan"), known=10**30, location="\ud83d", severity=-(2**70), status=1e400)
    assert (bug.title, bug.known, bug.severity, bug.status) == ("", False, "", "")
    assert json.loads(bug.raw) == {
        "id": 1, "title": None, "known": None, "location": "?", "severity": None, "status": None,
    }  # fmt: skip
    assert bug.notes[0] == "broken characters were replaced"


@pytest.mark.parametrize(
    "title",
    [
        "👩‍👩‍👧‍👦 𠜎 🏴󠁧󠁢󠁳󠁣󠁴󠁿",
        "سلة التسوق — עגלת הקניות",
        "<script>alert('x')</script> &amp; <b>bold</b>",
        "'; DROP TABLE sync_bug; --",
        "C:\\temp\\new \\u0000 is six characters",
        "İ, ı, ß and ẞ",
        "bell\u0007 escape\u001b[31m next\u0085line\u2028separator",
        "x" * 600,
    ],
)
def test_every_other_text_is_kept_as_it_is(title: str) -> None:
    bug = a_bug(title=title)
    assert (bug.title, json.loads(bug.raw)["title"], bug.notes) == (title, title, [])


@pytest.mark.parametrize(
    ("sent", "moment", "notes"),
    [
        ("2026-03-01T13:00:00+01:00", datetime(2026, 3, 1, 12, tzinfo=UTC), []),
        ("2026-03-01T12:00:00.250Z", datetime(2026, 3, 1, 12, microsecond=250_000, tzinfo=UTC), []),
        (" 2026-03-01T12:00:00Z ", datetime(2026, 3, 1, 12, tzinfo=UTC), []),
        ("2026-03-01T12:00:00", datetime(2026, 3, 1, 12, tzinfo=UTC), ["end_at had no time zone; read as UTC"]),
        (None, None, []),
        ("  ", None, []),
        ("soon", None, ["end_at is not a time: 'soon'"]),
        (1772366400, None, ["end_at is not a time: '1772366400'"]),
        ("0001-01-01T00:00:00+10:00", None, ["end_at is not a time: '0001-01-01T00:00:00+10:00'"]),
    ],
)
def test_times_become_utc_and_what_is_no_time_becomes_a_note(
    sent: object, moment: datetime | None, notes: list[str]
) -> None:
    test = a_test(end_at=sent)
    assert (test.end_at, test.notes) == (moment, notes)


def test_equal_payloads_have_equal_fingerprints_whatever_their_order() -> None:
    assert a_bug(title="a", known=True).fingerprint == a_bug(known=True, title="a").fingerprint
    assert a_bug(title="a").fingerprint != a_bug(title="b").fingerprint
    assert a_bug(title="a").fingerprint != parse_bug({"id": 1, "title": "a"}, product_id=8).fingerprint


def test_an_entry_is_the_same_again_by_its_id_or_else_by_all_of_it() -> None:
    nested: Any = {}
    for _ in range(5000):
        nested = [nested]
    assert identity({"id": 7, "title": "then"}) == identity({"id": 7, "title": "now"}) == 7
    assert identity({"title": "a", "n": 1}) == identity({"n": 1, "title": "a"}) != identity({"title": "b", "n": 1})
    assert identity({"id": True}) != identity({"id": 1})
    assert isinstance(identity(nested), str)


PARSERS: list[Callable[[object], object]] = [
    parse_product, lambda payload: parse_feature(payload, 9), lambda payload: parse_test(payload, 9),
    lambda payload: parse_bug(payload, 9), parse_case, parse_result,
]  # fmt: skip
# fmt: off
KNOWN_KEYS = (
    "id", "name", "title", "test_title", "type", "description", "sections", "sections_with_default", "user_stories",
    "path", "status", "testing_type", "start_at", "end_at", "goal", "goal_text", "test_environment", "password",
    "section", "product", "features", "feature_id", "requirements", "category", "key", "operating_system", "browsers",
    "devices", "enable_low", "demo", "created_by", "severity", "auto_accepted", "known", "language", "location",
    "steps", "test", "feature", "test_feature", "author", "device", "comments", "body", "reported_at", "report",
    "content", "data", "value", "plain_text_interactions", "custom_report_configuration_id", "test_case_id", "tester",
    "analytics", "execution_status", "bug_ids",
)
# fmt: on
any_text = st.text(st.characters(exclude_categories=()), max_size=20)  # lone surrogates and NUL included
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**400, float("nan"), float("-inf"), "rejected"])
    | st.floats()
    | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KNOWN_KEYS) | any_text, inner),
    max_leaves=25,
)
any_payload = st.dictionaries(st.sampled_from(KNOWN_KEYS), anything).map(lambda sent: {"id": 1, **sent}) | anything


def check_storable(value: object) -> None:
    """PostgreSQL takes it: no NUL, no lone surrogate, whole numbers in 64 bits, times with a zone."""
    if is_dataclass(value):
        for field in fields(value):
            check_storable(getattr(value, field.name))
    elif isinstance(value, list):
        for entry in value:
            check_storable(entry)
    elif isinstance(value, dict):
        assert b"\\u0000" not in orjson.dumps(value).replace(b"\\\\", b"")
    elif isinstance(value, str):
        assert "\x00" not in value
        value.encode()
    elif isinstance(value, datetime):
        assert value.tzinfo == UTC
    elif isinstance(value, int):
        assert -(2**63) <= value < 2**63
    else:
        assert value is None or isinstance(value, bytes)


@pytest.mark.django_db
@settings(max_examples=150, deadline=None)
@given(any_payload)
def test_anything_becomes_a_record_that_can_be_stored_or_is_refused_in_a_sentence(payload: object) -> None:
    for parse in PARSERS:
        with suppress(Unstorable):
            record = parse(payload)
            check_storable(record)
            check_is_json(getattr(record, "raw", b"{}").decode())


def check_is_json(raw: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT jsonb_typeof(%s::jsonb)", [raw])
        assert cursor.fetchone() == ("object",)
