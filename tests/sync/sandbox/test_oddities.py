"""Everything TestIO may send occurs even in the small world, so that no test or demo passes by luck."""

from collections.abc import Iterable, Iterator

import pytest

from sync.sandbox import World
from sync.sandbox.records import Json
from sync.sandbox.texts import CREDENTIAL_MARKER, ODD, ODD_TEXTS, REASON_KEYS, REJECTIONS


@pytest.fixture(scope="module")
def tests(small: World) -> list[Json]:
    return [small.test_payload(test_id) for test_id in small.test_ids()]


@pytest.fixture(scope="module")
def bugs(small: World) -> list[Json]:
    return [small.bug_payload(bug_id) for bug_id in small.bug_ids()]


def comments(bugs: Iterable[Json]) -> Iterator[Json]:
    return (comment for bug in bugs for comment in bug["comments"] or ())


def test_every_odd_text_is_the_title_of_a_bug_and_the_worst_of_a_test(tests: list[Json], bugs: list[Json]) -> None:
    assert set(ODD) <= {bug["title"] for bug in bugs}
    assert set(ODD[:10]) <= {test.get("title") for test in tests}
    assert "\0" in ODD_TEXTS["nul"]
    assert len(ODD_TEXTS["long"]) > 500
    assert any(ord(character) > 0xFFFF for character in ODD_TEXTS["emoji"])


def test_odd_text_is_in_comments_reports_names_and_features_too(small: World, bugs: list[Json]) -> None:
    features = [feature for product_id in small.product_ids() for feature in small.feature_payloads(product_id)]

    assert set(ODD) & {comment["body"] for comment in comments(bugs)}
    assert set(ODD) & {bug["actual_result"] for bug in bugs}
    assert set(ODD) & {feature["description"] for feature in features}
    assert any("\0" in feature["title"] for feature in features)
    authors = {str(bug["author"]["name"]) for bug in bugs if bug.get("author")}
    assert {"nul\0tester", "İlker Öztürk", "  padded tester "} <= authors


def test_a_title_is_under_one_or_both_of_its_names(tests: list[Json]) -> None:
    shapes = {(("title" in test), ("test_title" in test)) for test in tests}

    assert shapes == {(True, True), (True, False), (False, True)}
    assert all(test["title"] == test["test_title"] for test in tests if {"title", "test_title"} <= set(test))


def test_products_come_in_all_four_shapes(small: World) -> None:
    plain, sectioned, by_default, bare = (small.product_payload(product_id) for product_id in small.product_ids())

    assert (plain["sections"], len(plain["sections_with_default"])) == ([], 1)
    assert (len(sectioned["sections"]), len(sectioned["sections_with_default"])) == (3, 4)
    assert (by_default["sections"], len(by_default["sections_with_default"])) == ([], 2)
    assert ("name" in by_default, by_default["product_type"]) == (False, "mobile_app_android")
    assert (bare["default_section_id"], "sections_with_default" in bare) == (None, False)


def test_features_are_shared_between_sections_and_some_are_in_none(small: World) -> None:
    product_id = small.product_ids()[1]
    shown = [
        {feature["id"] for feature in small.feature_payloads(product_id, section_id=section_id)}
        for section_id in small.section_ids(product_id)
    ]

    assert any(one & other for one in shown for other in shown if one is not other)
    assert set().union(*shown) < set(small.feature_ids(product_id))


def test_user_stories_are_strings_or_objects(small: World) -> None:
    product_id = small.product_ids()[0]
    plain = small.feature_payloads(product_id)[1]
    expanded = small.feature_payloads(product_id, include_user_stories=True)[1]

    assert plain["user_stories"][-1] == ""
    assert [story["path"] for story in expanded["user_stories"]] == plain["user_stories"]
    assert {story["feature_id"] for story in expanded["user_stories"]} == {plain["id"]}


def test_some_tests_mention_features_their_catalogue_no_longer_has(small: World, tests: list[Json]) -> None:
    known = {feature_id for product_id in small.product_ids() for feature_id in small.feature_ids(product_id)}
    mentioned = {feature["feature_id"] for test in tests for feature in test["features"]}

    assert mentioned - known
    assert mentioned & known


def test_every_environment_carries_marked_credentials_and_some_tests_have_none(tests: list[Json]) -> None:
    environments = [test["test_environment"] for test in tests]

    assert None in environments
    secrets = [
        environment[key] for environment in environments if environment for key in ("username", "password", "url")
    ]
    assert all(CREDENTIAL_MARKER in secret for secret in secrets)


def test_requirements_leave_out_systems_versions_browsers_and_devices(tests: list[Json]) -> None:
    requirements = [requirement for test in tests for requirement in test["requirements"]]

    for key in ("operating_system", "min_operating_system_version", "max_operating_system_version"):
        assert {requirement[key] is None for requirement in requirements} == {True, False}
    for key in ("browsers", "devices"):
        assert {bool(requirement[key]) for requirement in requirements} == {True, False}


def test_tests_differ_in_everything_a_report_groups_by(tests: list[Json]) -> None:
    types = {test["testing_type"] for test in tests}
    reviews = {test["review_status"] for test in tests}

    assert types == {"coverage", "focused", "rapid", "usability", "external", None}
    assert reviews == {"not_finalized", "review_initialized", "review_successful", "review_failed", None}
    assert {test["demo"] for test in tests} == {True, False}
    assert {test["submitted_by"] is None for test in tests} == {True, False}
    assert any(test["reviews"] for test in tests)


def test_bugs_have_every_severity_status_and_form_of_steps(bugs: list[Json]) -> None:
    assert {bug["severity"] for bug in bugs} == {"low", "high", "critical", "visual", "content", "custom"}
    assert {(bug["status"], bug.get("auto_accepted")) for bug in bugs} == {
        ("forwarded", False),
        ("forwarded", None),
        ("accepted", False),
        ("accepted", True),
        ("rejected", False),
        ("rejected", None),
    }
    assert {type(bug["steps"]) for bug in bugs} == {list, str, type(None)}
    assert any(bug["steps"] == [] for bug in bugs)


def test_bugs_lack_what_they_may_lack(bugs: list[Json]) -> None:
    for key in ("author", "reported_at", "known", "auto_accepted", "test_feature", "feature"):
        assert {key in bug for bug in bugs} == {True, False}, key
    for key in ("author", "reported_at", "known", "test_feature", "feature", "devices", "comments", "attachments"):
        assert any(bug.get(key, 0) is None for bug in bugs), key
    assert {bug["exported_at"] is None for bug in bugs} == {True, False}


def test_custom_reports_hold_fields_and_a_transcript_in_either_place(bugs: list[Json]) -> None:
    reports = [bug["report"] for bug in bugs if bug["severity"] == "custom" and bug["report"]]
    keys = [{field["key"] for field in report["content"]["data"]} for report in reports]

    assert {bool(found) for found in keys} == {True, False}
    assert any("plain_text_interactions" in found for found in keys)
    assert any("plain_text_interactions" in report["content"] for report in reports)
    assert {report["custom_report_configuration_id"] for report in reports} == {40, 41, 42, 43}


def test_every_rejection_reason_occurs_bare_and_in_html_beside_near_misses(small: World, bugs: list[Json]) -> None:
    rejected = [bug for bug in bugs if bug["status"] == "rejected"]
    reasons = [small.rejection_reason(bug["id"]) for bug in rejected]
    bodies = {comment["body"] for comment in comments(rejected)}

    assert set(reasons) == {*REASON_KEYS, None}
    for sentence in REJECTIONS.values():
        assert sentence in bodies
        assert f"<p>{sentence}</p>" in bodies
    assert "The test instructions were followed." in bodies


def test_only_rejected_bugs_have_a_rejection_reason(small: World, bugs: list[Json]) -> None:
    others = [bug for bug in bugs if bug["status"] != "rejected"]
    said = [bug for bug in others if REJECTIONS["known_bug"] in {comment["body"] for comment in comments([bug])}]

    assert said
    assert {small.rejection_reason(bug["id"]) for bug in others} == {None}


def test_results_include_open_testers_and_test_cases_nobody_defined(small: World) -> None:
    pairs = [(small.test_case_payload(each), small.results_payload(each)) for each in small.test_case_tests()]
    results = [result for _, found in pairs for result in found]

    assert {result["tester"] is None for result in results} == {True, False}
    assert {"passed", "failed"} <= {result["status"] for result in results}
    defined = {case["id"] for definition, _ in pairs for case in definition["test_cases"]}
    used = {result["test_case_id"] for result in results}
    assert used - defined
    assert defined - used
