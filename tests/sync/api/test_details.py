"""One record at a time: with everything that came with it, or as if it did not exist."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from sync.models import Bug
from sync.schemas.bugs import BugDetail
from sync.schemas.customers import CustomerRow
from sync.schemas.features import FeatureDetail
from sync.schemas.products import ProductSummary
from tests.factories import (
    MARCH,
    BugDeviceFactory,
    BugFactory,
    CustomReportFactory,
    FeatureFactory,
    SectionFactory,
    TestFactory,
    UserStoryFactory,
)
from tests.sync.api.calling import V1, as_published, ids, reader, refusal

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    return reader()


def custom_bug() -> Bug:
    bug = BugFactory.create(
        severity="custom",
        steps=["open it", "look"],
        raw={
            "comments": [
                {"author": {"name": "tess"}, "body": "<p>See here</p>", "created_at": "2026-03-01T13:00:00Z"},
                {"author": None, "body": None},
                "odd",
            ]
        },
    )
    BugDeviceFactory.create(bug=bug, position=1, device="iPhone 20")
    BugDeviceFactory.create(bug=bug, position=0)
    CustomReportFactory.create(bug=bug)
    return bug


def test_a_bug_is_answered_with_everything_that_was_asked_for(client: Client) -> None:
    bug = custom_bug()
    query = "include=steps&include=devices&include=comments&include=report"
    shown = as_published(client.get(f"{V1}/bugs/{bug.pk}?{query}"), BugDetail)
    assert (shown["has_report"], shown["steps"]) == (True, ["open it", "look"])
    assert [device["device"] for device in shown["devices"]] == ["Pixel 9", "iPhone 20"]
    assert shown["comments"] == [
        {"author": "tess", "body": "<p>See here</p>", "created_at": "2026-03-01T13:00:00Z"},
        {"author": None, "body": "", "created_at": None},
    ]
    assert shown["report"] == {
        "configuration_id": "41",
        "fields": [{"key": "issue_type", "value": "Violation"}],
        "plain_text_interactions": "",
    }


def test_a_bug_brings_no_part_nobody_asked_for_and_reads_the_payload_for_comments_alone(client: Client) -> None:
    bug = custom_bug()
    with CaptureQueriesContext(connection) as queries:
        shown = as_published(client.get(f"{V1}/bugs/{bug.pk}?include=steps"), BugDetail)
    assert {"devices", "comments", "report"} & set(shown) == set()
    assert [query["sql"] for query in queries if '"raw"' in query["sql"]] == []


def test_a_bug_without_a_report_or_comments_says_so(client: Client) -> None:
    bug = BugFactory.create()
    shown = as_published(client.get(f"{V1}/bugs/{bug.pk}?include=report&include=comments"), BugDetail)
    assert (shown["has_report"], shown["report"], shown["comments"]) == (False, None, [])


def test_the_bugs_of_a_test_are_a_list_of_their_own(client: Client) -> None:
    test = TestFactory.create()
    early, late = (BugFactory.create(test=test, reported_at=MARCH + timedelta(hours=hours)) for hours in (1, 2))
    BugFactory.create()
    assert ids(client.get(f"{V1}/tests/{test.pk}/bugs"), "bugs") == [late.pk, early.pk]
    assert list(refusal(client.get(f"{V1}/tests/{test.pk}/bugs?test_id=1"))) == ["test_id"]


def test_a_feature_is_answered_with_its_stories_and_sections(client: Client) -> None:
    section = SectionFactory.create()
    feature = FeatureFactory.create(product=section.product)
    feature.sections.add(section)
    story = UserStoryFactory.create(feature=feature)
    shown = as_published(client.get(f"{V1}/features/{feature.pk}"), FeatureDetail)
    assert [each["title"] for each in shown["stories"]] == [story.title]
    assert shown["sections"] == [{"id": section.pk, "name": section.name}]


def test_a_product_and_a_customer_look_as_they_are_published(client: Client) -> None:
    test = TestFactory.create()
    product = as_published(client.get(f"{V1}/products/{test.product_id}"), ProductSummary)
    assert product["tests"] == 1
    as_published(client.get(f"{V1}/customers/{test.product.customer.name}"), CustomerRow)


def test_what_belongs_to_another_customer_does_not_exist() -> None:
    bug = BugFactory.create(feature=FeatureFactory.create())
    caller = reader(TestFactory.create().product.customer)
    customer = bug.product.customer.name
    for mine, absent in (
        (f"/bugs/{bug.pk}", "/bugs/1"),
        (f"/products/{bug.product_id}", "/products/1"),
        (f"/tests/{bug.test_id}/bugs", "/tests/1/bugs"),
        (f"/features/{bug.feature_id}", "/features/1"),
        (f"/customers/{customer}", "/customers/nobody"),
    ):
        answers = [caller.get(f"{V1}{address}") for address in (mine, absent)]
        assert [answer.status_code for answer in answers] == [404, 404]
        details = [answer.json()["detail"] for answer in answers]
        numbers = [address.split("/")[2] for address in (mine, absent)]
        assert details[0].replace(numbers[0], "") == details[1].replace(numbers[1], "")
