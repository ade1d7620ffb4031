"""Products, features, tests and test cases as TestIO sends them, one small payload per oddity, and what is kept."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from sync.testio.payloads import (
    BugRecord,
    PlatformRecord,
    SectionRecord,
    StoryRecord,
    TestFeatureRecord,
    TestRecord,
    parse_bug,
    parse_case,
    parse_feature,
    parse_product,
    parse_result,
    parse_test,
)


def a_test(**fields: Any) -> TestRecord:
    return parse_test({"id": 1, **fields}, product_id=9)


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


def test_a_test_case_and_a_result() -> None:
    case = parse_case({"id": 1, "title": "Pay", "feature_id": 5, "steps": [{"id": 1, "description": "Open"}, "junk"]})
    assert (case.id, case.title, case.feature_id, case.steps) == (1, "Pay", 5, [{"id": 1, "description": "Open"}])
    result = parse_result({"id": 2, "test_case_id": 1, "status": "passed", "tester": {"name": "tess"}, "steps": None})
    assert (result.test_case_id, result.status, result.tester, result.steps) == (1, "passed", "tess", [])
    assert parse_result({"id": 2, "test_case": {"id": 1}, "tester": None}).test_case_id == 1
