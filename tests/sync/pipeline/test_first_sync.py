"""What a first sync of a whole small world leaves in the tables, compared with what the world says."""

from typing import Any

import pytest
from django.db import models

from sync.models import Bug, BugDevice, Feature, Person, Product, Section, Test, TestFeature, TestPlatform, UserStory
from sync.sandbox import World
from sync.sandbox.comparison import compare
from tests.sync.pipeline.synced import Json, Synced, moment, named, text
from tests.sync.support import free_leases

pytestmark = pytest.mark.django_db


def rows(model: type[models.Model], *fields: str) -> dict[Any, tuple[Any, ...]]:
    return {row[0]: row[1:] for row in models.QuerySet(model).values_list("pk", *fields)}


def test_the_run_is_green_and_counts_what_it_stored(synced: Synced) -> None:
    event = synced.event
    assert (event.status, event.error) == ("succeeded", "")
    assert (event.products, event.tests_new, event.bugs_new) == (4, 200, 2000)
    assert (event.tests_updated, event.bugs_updated, event.missing, event.gaps) == (0, 0, 0, 0)
    assert event.features == len(synced.features())
    assert event.api_calls == sum(synced.calls.values())
    assert compare(synced.world, synced.customer).is_complete
    assert free_leases()


def test_every_phase_of_every_product_has_its_row(synced: Synced) -> None:
    recorded = set(synced.event.phases.values_list("product_id", "name", "status"))
    with_cases = {synced.world.product_of(pk) for pk in synced.world.test_case_tests()}
    expected: set[tuple[int | None, str, str]] = {(None, "products", "succeeded")}
    for pk in synced.world.product_ids():
        names = ("features", "tests", "bugs", *(("results",) if pk in with_cases else ()))
        expected |= {(pk, name, "succeeded") for name in names}
    assert recorded == expected


def test_products_and_sections(synced: Synced) -> None:
    products: dict[int, Any] = {}
    sections: dict[int, Any] = {}
    for pk in synced.world.product_ids():
        payload = synced.world.product_payload(pk)
        with_default = payload.get("sections_with_default", [])
        own = [*payload["sections"], *with_default] if payload["sections"] or len(with_default) > 1 else []
        name, kind = payload.get("name", payload.get("title")), payload.get("type", payload.get("product_type"))
        products[pk] = (synced.customer.pk, name, kind, text(payload["description"]), bool(own), None)
        sections |= {section["id"]: (pk, text(section["name"]), None) for section in own}
    fields = ("customer_id", "name", "product_type", "description", "is_sectioned", "missing_since")
    assert rows(Product, *fields) == products
    assert rows(Section, "product_id", "name", "missing_since") == sections


def test_features_of_the_catalogue_and_stubs_of_those_it_no_longer_has(synced: Synced) -> None:
    expected = {
        pk: (product_id, text(payload["title"]), text(payload["description"]), text(payload["howtofind"]))
        for pk, (product_id, payload) in synced.features().items()
    }
    fields = ("product_id", "title", "description", "howtofind")
    present = {row[0]: row[1:] for row in Feature.objects.filter(missing_since=None).values_list("pk", *fields)}
    assert present == expected
    mentioned = {copy["feature_id"] for test in synced.tests().values() for copy in test["features"]}
    stubs = Feature.objects.exclude(missing_since=None)
    assert set(stubs.values_list("pk", flat=True)) == mentioned - set(expected)
    assert len(stubs) > 0


def test_user_stories(synced: Synced) -> None:
    expected = {
        (pk, story["id"], text(story["title"]), text(story["path"]))
        for pk, (_, payload) in synced.features().items()
        for story in payload["user_stories"]
        if text(story["title"])
    }
    assert set(UserStory.objects.values_list("feature_id", "testio_id", "title", "path")) == expected


def test_which_section_shows_which_feature(synced: Synced) -> None:
    expected = {
        (feature["id"], section_id)
        for section_id, product_id in Section.objects.values_list("pk", "product_id")
        for feature in synced.world.feature_payloads(product_id, section_id=section_id)
    }
    assert set(Feature.sections.through.objects.values_list("feature_id", "section_id")) == expected
    assert expected


def test_tests_with_all_their_columns(synced: Synced) -> None:
    people = dict(Person.objects.filter(kind="customer").values_list("pk", "username"))
    expected = {}
    for pk, test in synced.tests().items():
        environment = test["test_environment"] or {}
        expected[pk] = {
            "product_id": test["product"]["id"],
            "section_id": test["section"]["id"] if test["section"] else None,
            "title": text(test.get("title", test.get("test_title"))),
            "status": test["status"],
            "review_status": text(test["review_status"]),
            "testing_type": test["testing_type"],
            "start_at": moment(test["start_at"]),
            "end_at": moment(test["end_at"]),
            "goal": text(test["goal_text"]) or text(test["goal"]),
            "instructions": text(test.get("instructions_text")) or text(test["instructions"]),
            "out_of_scope": text(test["out_of_scope_text"]) or text(test["out_of_scope"]),
            "environment_id": environment.get("id"),
            "environment_title": environment.get("title", ""),
            "enable_low": test["enable_low"],
            "enable_high": test["enable_high"],
            "enable_critical": test["enable_critical"],
            "is_demo": test["demo"],
            "created_by_id": text(test["created_by"]) or None,
            "submitted_by_id": text(test["submitted_by"]) or None,
            "missing_since": None,
        }
    stored = {row.pop("id"): row for row in Test.objects.values("id", *next(iter(expected.values())))}
    for row in stored.values():
        for role in ("created_by_id", "submitted_by_id"):
            row[role] = people.get(row[role])
    assert stored == expected


def test_features_as_tests_copied_them(synced: Synced) -> None:
    expected = {
        copy["id"]: (
            pk,
            copy["feature_id"],
            text(copy["title"]),
            [text(story["title"]) for story in copy["user_stories"] if text(story["title"])],
            copy["enable_default"],
            copy["enable_content"],
            bool(copy["enable_visual"]),
            None,
        )
        for pk, test in synced.tests().items()
        for copy in test["features"]
    }
    flags = ("enable_default", "enable_content", "enable_visual", "missing_since")
    assert rows(TestFeature, "test_id", "feature_id", "title", "user_stories", *flags) == expected


def test_platforms(synced: Synced) -> None:
    expected = [
        (
            pk,
            position,
            named(wanted["category"]),
            wanted["category"]["key"],
            named(wanted["operating_system"]),
            wanted["operating_system"]["id"] if wanted["operating_system"] else None,
            named(wanted["min_operating_system_version"]),
            named(wanted["max_operating_system_version"]),
            [named(browser) for browser in wanted["browsers"]],
            [named(device) for device in wanted["devices"]],
        )
        for pk, test in sorted(synced.tests().items())
        for position, wanted in enumerate(test["requirements"])
    ]
    stored = TestPlatform.objects.order_by("test_id", "position").values_list(
        "test_id", "position", "category", "category_key", "operating_system", "operating_system_id",
        "min_version", "max_version", "browsers", "devices",
    )  # fmt: skip
    assert list(stored) == expected


def test_bugs_with_all_their_columns(synced: Synced) -> None:
    people = dict(Person.objects.filter(kind="tester").values_list("pk", "username"))
    expected = {pk: _bug(synced.world, bug) for pk, bug in synced.bugs().items()}
    stored = {row.pop("id"): row for row in Bug.objects.values("id", *next(iter(expected.values())))}
    for row in stored.values():
        row["author_id"] = people.get(row["author_id"])
    assert stored == expected


def _bug(world: World, bug: Json) -> Json:
    copy = bug.get("test_feature") or {}
    feature = bug.get("feature") or copy.get("feature") or {}
    automatic = bug["status"] == "accepted" and bug.get("auto_accepted")
    steps = bug["steps"] if isinstance(bug["steps"], list) else [bug["steps"]]
    return {
        "product_id": bug["product"]["id"],
        "test_id": bug["test"]["id"],
        "mentioned_test_id": bug["test"]["id"],
        "test_feature_id": copy.get("id"),
        "feature_id": feature.get("id") or copy.get("feature_id"),
        "author_id": named(bug.get("author")) or None,
        "title": text(bug["title"]),
        "severity": bug["severity"],
        "status": "auto_accepted" if automatic else bug["status"],
        "known": bool(bug.get("known")),
        "rejection_reason": world.rejection_reason(bug["id"]) or "",
        "language": text(bug["language"]),
        "location": text(bug["location"]),
        "expected_result": text(bug["expected_result"]),
        "actual_result": text(bug["actual_result"]),
        "steps": [text(step) for step in steps if text(step)],
        "reported_at": moment(bug.get("reported_at")),
        "exported_at": moment(bug["exported_at"]),
        "missing_since": None,
    }


def test_the_devices_bugs_were_seen_on(synced: Synced) -> None:
    expected = [
        (
            pk,
            position,
            named(device["category"]),
            named(device["device"]),
            named(device["operating_system"]),
            [named(browser) for browser in device["browsers"] or ()],
        )
        for pk, bug in sorted(synced.bugs().items())
        for position, device in enumerate(bug["devices"] or ())
    ]
    fields = ("bug_id", "position", "category", "device", "operating_system", "browsers")
    assert list(BugDevice.objects.order_by("bug_id", "position").values_list(*fields)) == expected
