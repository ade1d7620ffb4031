"""TestIO's JSON as it comes, one small payload per oddity, and what is kept of it."""

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
    DeviceRecord,
    PlatformRecord,
    ReportRecord,
    SectionRecord,
    StoryRecord,
    TestFeatureRecord,
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


# Any record ----------------------------------------------------------------------------------------------------------


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


# Products and features -----------------------------------------------------------------------------------------------


def test_a_product_as_the_list_shows_it() -> None:
    product = parse_product({"id": 21, "name": "Shop ", "type": "website", "description": None, "connection": None})
    assert (product.id, product.name, product.product_type, product.description) == (21, "Shop", "website", "")
    assert (product.is_sectioned, product.sections) == (False, [])


def test_a_product_may_be_named_as_on_creation() -> None:
    product = parse_product({"id": 21, "title": "Shop", "product_type": "gaming"})
    assert (product.name, product.product_type) == ("Shop", "gaming")


DEFAULT = {"id": 1, "name": "Default section"}
CHECKOUT = {"id": 2, "name": "Checkout"}


@pytest.mark.parametrize(
    ("sections", "with_default", "kept"),
    [
        ([], [DEFAULT], []),
        ([], [], []),
        (None, None, []),
        ([CHECKOUT], None, [2]),
        ([CHECKOUT], [DEFAULT, CHECKOUT], [1, 2]),
        ([], [DEFAULT, CHECKOUT], [1, 2]),
        ([], [DEFAULT, DEFAULT], []),
    ],
)
def test_a_lone_default_section_means_a_plain_product(sections: object, with_default: object, kept: list[int]) -> None:
    product = parse_product({"id": 21, "sections": sections, "sections_with_default": with_default})
    assert (product.is_sectioned, [section.id for section in product.sections]) == (bool(kept), kept)


def test_user_stories_come_as_objects_or_as_bare_strings() -> None:
    title = "As a customer, I want to pay"
    sent = {"id": 10, "path": title, "title": title, "feature_id": 5}
    feature = parse_feature({"id": 5, "title": "Cart", "user_stories": [sent, "Pay later", "Pay later", "", {}]}, 9)
    first, second, third = feature.stories
    assert first == StoryRecord("10", 10, title, title)
    assert (second.testio_id, second.title, second.path, second.key[:2]) == (None, "Pay later", "", "t:")
    assert second == third  # stored once


# Tests ---------------------------------------------------------------------------------------------------------------


def test_the_title_of_a_test_has_two_names() -> None:
    assert a_test(title="Checkout", test_title="Checkout").title == "Checkout"
    assert a_test(test_title="Checkout").title == "Checkout"
    assert a_test(title=" ", test_title="Checkout").title == "Checkout"
    assert a_test(title=None, test_title=None).title == ""


def test_a_null_testing_type_is_kept_because_it_means_a_test_case_test() -> None:
    assert [a_test(testing_type=kind).testing_type for kind in ("rapid", "external", None)] == [
        "rapid", "external", None,
    ]  # fmt: skip


def test_plain_text_is_preferred_to_markdown_and_html() -> None:
    test = a_test(goal="**Buy**", goal_text="Buy", instructions="<p>Log in</p>", out_of_scope="-", out_of_scope_text="")
    assert (test.goal, test.instructions, test.out_of_scope) == ("Buy", "<p>Log in</p>", "-")


ENVIRONMENT = {
    "id": 31,
    "title": "Staging",
    "url": "https://tester:SECRET@staging.example.com/",
    "username": "SECRET",
    "password": "SECRET",
    "access": "VPN key SECRET",
}


def test_of_a_test_environment_only_id_and_title_are_kept() -> None:
    test = a_test(test_environment=ENVIRONMENT)
    assert (test.environment_id, test.environment_title) == (31, "Staging")
    assert json.loads(test.raw)["test_environment"] == {"id": 31, "title": "Staging"}


@pytest.mark.parametrize(
    "payload",
    [
        {"test_environment": ENVIRONMENT, "title": "with NUL \x00"},
        {"test_environment": "https://tester:SECRET@staging.example.com/"},
        {"test_environment": [ENVIRONMENT]},
        {"test_environment": {"id": {"password": "SECRET"}, "title": ["SECRET"]}},
        {"test": {"id": 7, "test_environment": ENVIRONMENT}},
        {"test_environment": None, "features": [{"id": 1, "test_environment": ENVIRONMENT}]},
        {"steps": [{"test": [{"test_environment": ENVIRONMENT}]}]},
    ],
)
@pytest.mark.parametrize("parse", [lambda payload: parse_test(payload, 9), lambda payload: parse_bug(payload, 9)])
def test_credentials_leave_wherever_an_environment_stands(
    parse: Callable[[object], TestRecord | BugRecord], payload: dict[str, object]
) -> None:
    assert "SECRET" not in repr(parse({"id": 1, **payload}))


def test_a_test_has_its_own_copies_of_features() -> None:
    copy = {
        "id": 501, "feature_id": 5, "title": "Cart", "description": None, "howtofind": "Top right",
        "user_stories": ["Pay", {"id": 10, "title": "Pay later"}], "enable_default": True, "enable_content": "false",
    }  # fmt: skip
    test = a_test(features=[copy, {"id": 502, "title": "No longer in the catalogue"}, {"title": "without id"}, None])
    assert test.test_features == [
        TestFeatureRecord(501, 5, "Cart", "", "Top right", ["Pay", "Pay later"], True, False, False),
        TestFeatureRecord(502, None, "No longer in the catalogue", "", "", [], False, False, False),
    ]


def test_requirements_become_platforms_with_whatever_is_missing_left_empty() -> None:
    full = {
        "category": {"id": 5, "key": "smartphones", "name": "Smartphones"},
        "operating_system": {"id": 20, "key": "ios", "name": "iOS"},
        "min_operating_system_version": {"name": "17.1"},
        "max_operating_system_version": None,
        "browsers": [{"id": 1, "name": "Safari"}],
        "devices": [{"id": 2, "name": "iPhone 15"}],
    }
    test = a_test(requirements=[full, {"category": None, "operating_system": None}])
    assert test.platforms == [
        PlatformRecord("Smartphones", "smartphones", "iOS", 20, "17.1", "", ["Safari"], ["iPhone 15"]),
        PlatformRecord("", "", "", None, "", "", [], []),
    ]


def test_the_other_fields_of_a_test() -> None:
    test = a_test(
        status="locked", review_status=None, demo=True, enable_low=False, enable_high=None, created_by="anna",
        submitted_by={"name": "bert"}, section={"id": 3, "name": "Checkout"}, product={"id": 9, "name": "Shop"},
    )  # fmt: skip
    assert (test.status, test.review_status, test.is_demo) == ("locked", "", True)
    assert (test.enable_low, test.enable_high, test.enable_critical) == (False, None, None)
    assert (test.created_by, test.submitted_by) == ("anna", "bert")
    assert (test.section, test.product_id) == (SectionRecord(3, "Checkout"), 9)
    assert (a_test().section, a_test(section={"name": "without id"}).section, a_test().product_id) == (None, None, None)


def test_a_test_reads_the_same_from_the_list_and_from_its_own_address() -> None:
    story = {"id": 10, "path": "Pay", "title": "Pay", "feature_id": 5}
    feature = {"id": 501, "feature_id": 5, "title": "Cart", "user_stories": [story, "as a string"]}
    listed = {"id": 1, "title": "Checkout", "status": "locked", "features": [feature], "requirements": []}
    figures = {"execution_status": "failed", "bugs_found": 2, "bug_ids": [101, 102]}
    story_shown = {**story, **figures, "tested_by_count": 2, "user_story_version_id": 9001}
    feature_shown = {**feature, **figures, "tester_count": 3, "user_stories": [story_shown, "as a string"]}
    shown = {**listed, "features": [feature_shown], "analytics": {"testers_count": 5, "total_bugs": 4}}
    assert parse_test(shown, 9) == parse_test(listed, 9)
    assert parse_test({**shown, "status": "archived"}, 9).fingerprint != parse_test(listed, 9).fingerprint


# Bugs ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "auto_accepted", "stored"),
    [
        ("forwarded", False, "forwarded"),
        ("accepted", False, "accepted"),
        ("accepted", None, "accepted"),
        ("accepted", "true", "accepted"),
        ("accepted", True, "auto_accepted"),
        ("rejected", True, "rejected"),
    ],
)
def test_accepted_by_time_is_a_status_of_its_own(status: str, auto_accepted: object, stored: str) -> None:
    assert a_bug(status=status, auto_accepted=auto_accepted).status == stored


def test_only_a_rejected_bug_has_a_rejection_reason() -> None:
    comments = [None, {"body": None}, {"body": "<p>This is a legit bug but already known.</p>", "author": {}}]
    assert a_bug(status="rejected", comments=comments).rejection_reason == "known_bug"
    assert a_bug(status="accepted", comments=comments).rejection_reason == ""
    assert a_bug(status="rejected", comments=None).rejection_reason == ""


def test_steps_are_a_list_or_one_string() -> None:
    assert a_bug(steps=["Open", "", "Click"]).steps == ["Open", "Click"]
    assert a_bug(steps="1. Open\n2. Click").steps == ["1. Open\n2. Click"]
    assert a_bug(steps=None).steps == []


@pytest.mark.parametrize(
    ("author", "kept"),
    [
        ({"name": "tess"}, "tess"),
        (" tess ", "tess"),
        ("x" * 300, "x" * 255),
        (None, ""),
        ({"name": None}, ""),
        ({}, ""),
        ([], ""),
    ],
)
def test_the_author_may_be_missing_in_many_ways(author: object, kept: str) -> None:
    assert a_bug(author=author).author == kept


CATALOGUED = {"id": 5, "title": "Cart"}


@pytest.mark.parametrize(
    ("links", "kept"),
    [
        ({"test_feature": {"id": 501, "feature": CATALOGUED}, "feature": CATALOGUED}, (501, 5, "Cart")),
        ({"test_feature": {"id": 501, "feature": CATALOGUED}}, (501, 5, "Cart")),
        ({"test_feature": {"id": 501, "feature_id": 5, "feature": None}}, (501, 5, "")),
        ({"test_feature": {"id": 501, "title": "Cart"}, "feature": None}, (501, None, "Cart")),
        ({"feature": CATALOGUED}, (None, 5, "Cart")),
        ({"feature": None, "test_feature": None}, (None, None, "")),
        ({}, (None, None, "")),
    ],
)
def test_a_bug_names_its_feature_in_either_place_or_nowhere(
    links: dict[str, object], kept: tuple[int | None, int | None, str]
) -> None:
    bug = a_bug(**links)
    assert (bug.test_feature_id, bug.feature_id, bug.test_feature_title) == kept


def test_devices_are_kept_in_order() -> None:
    phone = {
        "device": {"name": "Pixel 9"}, "operating_system": {"name": "Android 16"},
        "browsers": [{"name": "Chrome"}], "category": {"name": "Smartphones"},
    }  # fmt: skip
    bug = a_bug(devices=[phone, {"name": "Laptop", "browser": "Firefox"}, None])
    assert bug.devices == [
        DeviceRecord("Smartphones", "Pixel 9", "Android 16", ["Chrome"]),
        DeviceRecord("", "Laptop", "", ["Firefox"]),
    ]


@pytest.mark.parametrize(
    ("report", "kept"),
    [
        (None, None),
        ({}, None),
        ({"title": "Custom report", "content": {"data": []}}, None),
        (
            {"custom_report_configuration_id": 41, "content": {"data": [{"key": "a", "value": 1}, "junk"]}},
            ReportRecord("41", [{"key": "a", "value": 1}], ""),
        ),
        (
            {"content": {"data": [{"key": "a", "value": None}, {"key": "plain_text_interactions", "value": "Hi"}]}},
            ReportRecord("", [{"key": "a", "value": None}], "Hi"),
        ),
        ({"content": {"data": [], "plain_text_interactions": "Hi"}}, ReportRecord("", [], "Hi")),
        ({"custom_report_configuration_id": "41", "content": None}, ReportRecord("41", [], "")),
    ],
)
def test_a_custom_report_is_kept_without_its_transcript_among_the_fields(
    report: object, kept: ReportRecord | None
) -> None:
    assert a_bug(severity="custom", report=report).report == kept


def test_the_other_fields_of_a_bug() -> None:
    bug = a_bug(
        severity="high", known=True, language={"name": "de"}, location=None, expected_result="Paid",
        actual_result=["Not paid"], test={"id": 77, "title": "Checkout"}, exported_at="2026-03-02T00:00:00Z",
    )  # fmt: skip
    assert (bug.severity, bug.known, bug.language, bug.location) == ("high", True, "de", "")
    assert (bug.expected_result, bug.actual_result) == ("Paid", '["Not paid"]')
    assert (bug.mentioned_test_id, bug.reported_at, bug.exported_at) == (77, None, datetime(2026, 3, 2, tzinfo=UTC))
    assert (a_bug(known=None).known, a_bug(test=None).mentioned_test_id) == (False, None)


# Test cases ----------------------------------------------------------------------------------------------------------


def test_a_test_case_and_a_result() -> None:
    case = parse_case({"id": 1, "title": "Pay", "feature_id": 5, "steps": [{"id": 1, "description": "Open"}, "junk"]})
    assert (case.id, case.title, case.feature_id, case.steps) == (1, "Pay", 5, [{"id": 1, "description": "Open"}])
    result = parse_result({"id": 2, "test_case_id": 1, "status": "passed", "tester": {"name": "tess"}, "steps": None})
    assert (result.test_case_id, result.status, result.tester, result.steps) == (1, "passed", "tess", [])
    assert parse_result({"id": 2, "test_case": {"id": 1}, "tester": None}).test_case_id == 1


# Anything ------------------------------------------------------------------------------------------------------------

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
            check_is_json(getattr(record, "raw", "{}"))


def check_is_json(raw: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT jsonb_typeof(%s::jsonb)", [raw])
        assert cursor.fetchone() == ("object",)
