"""Bugs as TestIO sends them, one small payload per oddity, and what is kept of it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sync.testio.payloads import BugRecord, DeviceRecord, ReportRecord, parse_bug


def a_bug(**fields: Any) -> BugRecord:
    return parse_bug({"id": 1, **fields}, product_id=9)


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
