"""After a first sync: custom reports, test cases and their results, people, and no credentials anywhere."""

from typing import Any

import pytest
from django.db import models

from sync.models import Bug, CustomReport, Person, Test, TestCase, TestCaseResult, TestFreshness
from sync.sandbox.service import DEFAULT_TOKEN
from sync.sandbox.texts import CREDENTIAL_MARKER
from tests.sync.pipeline.synced import Synced, named, text
from tests.sync.support import tables_with

pytestmark = pytest.mark.django_db

INTERACTIONS = "plain_text_interactions"


def test_custom_reports(synced: Synced) -> None:
    expected: dict[int, tuple[Any, ...]] = {}
    for pk, bug in synced.bugs().items():
        report = bug["report"]
        if not report:
            continue
        content = report["content"]
        values = {field["key"]: field["value"] for field in content["data"]}
        fields = [_clean(field) for field in content["data"] if field["key"] != INTERACTIONS]
        transcript = values.get(INTERACTIONS, content.get(INTERACTIONS))
        expected[pk] = (str(report["custom_report_configuration_id"]), fields, text(transcript))
    stored = CustomReport.objects.values_list("bug_id", "configuration_id", "data", INTERACTIONS)
    assert {row[0]: row[1:] for row in stored} == expected
    assert expected


def _clean(field: dict[str, Any]) -> dict[str, Any]:
    return {key: value.replace("\0", "") if isinstance(value, str) else value for key, value in field.items()}


def test_cases_and_results_of_test_case_tests(synced: Synced) -> None:
    cases, results = {}, {}
    for pk in synced.world.test_case_tests():
        for case in synced.world.test_case_payload(pk)["test_cases"]:
            cases[pk, case["id"]] = (text(case["title"]), case["feature_id"], case["steps"])
        for result in synced.world.results_payload(pk):
            tester = named(result["tester"])
            results[pk, result["id"]] = (result["test_case_id"], result["status"], tester, result["steps"])
    assert _by_key(TestCase, "title", "feature_id", "steps") == cases
    assert _by_key(TestCaseResult, "test_case_id", "status", "tester", "steps") == results
    assert cases
    assert results


def _by_key(model: type[TestCase | TestCaseResult], *fields: str) -> dict[Any, Any]:
    return {row[:2]: row[2:] for row in models.QuerySet(model).values_list("test_id", "testio_id", *fields)}


def test_people_in_the_role_they_were_met_in(synced: Synced) -> None:
    testers = {named(bug.get("author")) for bug in synced.bugs().values()} - {""}
    customers = {text(test[role]) for test in synced.tests().values() for role in ("created_by", "submitted_by")} - {""}
    expected = {("tester", name) for name in testers} | {("customer", name) for name in customers}
    assert set(Person.objects.values_list("kind", "username")) == expected
    assert Person.objects.count() == len(expected)


def test_the_raw_payload_is_kept_without_credentials_and_without_nul(synced: Synced) -> None:
    for pk, test in synced.tests().items():
        expected = test | {"test_environment": _id_and_title(test["test_environment"])}
        raw = Test.objects.values_list("raw", flat=True).get(pk=pk)
        assert raw == _without_nul(expected)
    bugs = dict(Bug.objects.values_list("pk", "raw"))
    assert bugs == {pk: _without_nul(bug) for pk, bug in synced.bugs().items()}


def _id_and_title(environment: dict[str, Any] | None) -> dict[str, Any] | None:
    return environment and {key: environment[key] for key in ("id", "title")}


def _without_nul(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nul(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_without_nul(inner) for inner in value]
    return value.replace("\0", "") if isinstance(value, str) else value


def test_a_record_that_had_to_be_altered_says_so(synced: Synced) -> None:
    altered = {pk for pk, bug in synced.bugs().items() if bug != _without_nul(bug)}
    said = Bug.objects.filter(notes__contains=["NUL characters were removed"])
    assert set(said.values_list("pk", flat=True)) == altered
    assert altered


@pytest.mark.parametrize("secret", [CREDENTIAL_MARKER, DEFAULT_TOKEN])
def test_no_secret_is_anywhere_in_the_database(synced: Synced, secret: str) -> None:
    assert any(secret in str(test) for test in synced.tests().values()) or secret == DEFAULT_TOKEN
    assert tables_with(secret) == []
    assert "sync_test" in tables_with("Staging")


def test_finished_tests_are_settled_and_the_others_are_not(synced: Synced) -> None:
    final = {pk for pk, test in synced.tests().items() if test["status"] in ("archived", "cancelled")}
    with_cases = set(synced.world.test_case_tests())
    freshness = TestFreshness.objects.exclude(bugs_synced_at=None)
    assert freshness.count() == len(synced.tests())
    assert set(freshness.filter(bugs_settled=True).values_list("pk", flat=True)) == final
    assert set(freshness.exclude(results_synced_at=None).values_list("pk", flat=True)) == with_cases
    assert set(freshness.filter(results_settled=True).values_list("pk", flat=True)) == with_cases & final
