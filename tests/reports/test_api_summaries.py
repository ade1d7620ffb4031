"""One test, one person and the custom reports, as programs have them."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from reports.schemas.custom_reports import CustomReportPage
from reports.schemas.people import PersonSummary
from reports.schemas.tests import TestSummary
from sync.models import Test
from tests.factories import (
    BugDeviceFactory,
    BugFactory,
    CustomReportFactory,
    TestFactory,
    TestFeatureFactory,
    TestPlatformFactory,
)
from tests.sync.api.calling import V1, as_published, reader, rows

pytestmark = pytest.mark.django_db


def test_a_test_is_summed_up_with_its_bugs_by_what_became_of_them() -> None:
    test: Test = TestFactory.create(instructions="Buy something.")
    feature = TestFeatureFactory.create(test=test, title="Checkout")
    TestPlatformFactory.create(test=test, operating_system="Android", browsers=["Chrome"])
    for day, (severity, status) in enumerate(
        [("high", "accepted"), ("low", "auto_accepted"), ("low", "rejected"), ("critical", "forwarded")], start=1
    ):
        bug = BugFactory.create(
            test=test, test_feature=feature, severity=severity, status=status, known=day == 1,
            reported_at=datetime(2026, 3, day, tzinfo=UTC),
        )  # fmt: skip
    BugDeviceFactory.create(bug=bug, operating_system="iOS")
    BugFactory.create(test=test, missing_since=datetime.now(UTC))
    told = as_published(reader().get(f"{V1}/tests/{test.pk}"), TestSummary)
    bugs = told["bugs"]
    assert (bugs["total"], bugs["accepted"], bugs["auto_accepted"], bugs["rejected"], bugs["open"]) == (4, 1, 1, 1, 1)
    assert (bugs["known"], bugs["by_status"]["open"], bugs["by_severity"]["low"]) == (1, 1, 2)
    assert bugs["rates"] == {
        "overall_acceptance": 0.5, "active_acceptance": 0.25, "auto_acceptance": 0.5, "rejection": 0.25, "review": 0.5,
    }  # fmt: skip
    assert bugs["by_platform"] == {"(none)": 3, "iOS": 1}
    assert [(each["title"], each["bugs"]) for each in told["features"]] == [("Checkout", 4)]
    assert [each["operating_system"] for each in told["requirements"]] == ["Android"]
    assert [each["severity"] for each in told["recent_bugs"]] == ["critical", "low", "low", "high"]
    assert told["recent_bugs"][0]["status"] == "open"


def test_rates_of_a_test_without_bugs_are_null() -> None:
    test = TestFactory.create()
    told = as_published(reader().get(f"{V1}/tests/{test.pk}"), TestSummary)
    assert set(told["bugs"]["rates"].values()) == {None}


def test_a_person_is_summed_up() -> None:
    bug = BugFactory.create(status="accepted", severity="high", reported_at=datetime(2026, 3, 1, tzinfo=UTC))
    tester = bug.author
    assert tester
    BugFactory.create(
        author=tester, test=bug.test, status="rejected", severity="low", reported_at=datetime(2026, 3, 9, tzinfo=UTC)
    )
    told = as_published(reader().get(f"{V1}/people/{tester.pk}"), PersonSummary)
    assert (told["bugs_reported"], told["bugs"]["total"], told["bugs"]["rates"]["rejection"]) == (2, 2, 0.5)
    assert (told["first_activity_at"], told["last_activity_at"]) == ("2026-03-01T00:00:00Z", "2026-03-09T00:00:00Z")


def test_custom_reports_are_listed_with_their_fields() -> None:
    report = CustomReportFactory.create(data=[{"key": "Rating", "value": 4}, {"key": "Quote", "value": None}])
    page = as_published(reader().get(f"{V1}/custom-reports"), CustomReportPage)
    (row,) = page["custom_reports"]
    assert (row["bug_id"], row["fields"]) == (
        report.bug_id,
        [{"key": "Rating", "value": 4}, {"key": "Quote", "value": None}],
    )
    assert rows(reader(name="tom").get(f"{V1}/custom-reports?bug_id={report.bug_id + 1}"), "custom_reports") == []


@pytest.mark.parametrize("address", ["tests", "people"])
def test_what_the_caller_may_not_see_does_not_exist(address: str) -> None:
    bug = BugFactory.create()
    stranger = reader(BugFactory.create().product.customer)
    number = {"tests": bug.test_id, "people": bug.author_id}[address]
    assert stranger.get(f"{V1}/{address}/{number}").status_code == 404


def test_the_number_of_statements_does_not_grow_with_what_a_test_has() -> None:
    test = TestFactory.create()
    client = reader()
    counted = []
    for size in (1, 3, 50):
        while test.bugs.count() < size:
            BugDeviceFactory.create(bug=BugFactory.create(test=test))
            TestFeatureFactory.create(test=test)
        client.get(f"{V1}/tests/{test.pk}")
        with CaptureQueriesContext(connection) as statements:
            client.get(f"{V1}/tests/{test.pk}")
        counted.append(len(statements))
    assert counted[0] == counted[1] == counted[2]
