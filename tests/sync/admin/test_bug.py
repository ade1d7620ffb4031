import pytest
from django.test import Client

from sync.models import Bug
from tests.factories import BugFactory, CustomReportFactory
from tests.sync.admin.pages import list_page, listed, page, shown

pytestmark = pytest.mark.django_db


def test_a_forwarded_bug_is_open_to_the_reader(admin_client: Client) -> None:
    bug = BugFactory.create(status="forwarded")
    BugFactory.create(status="accepted")
    for address in (list_page(Bug), page(Bug, bug.pk)):
        assert "forwarded" not in shown(admin_client, address)
    assert listed(admin_client, f"{list_page(Bug)}?status=open") == [bug.pk]


def test_bugs_are_filtered_by_severity(admin_client: Client) -> None:
    bug = BugFactory.create(severity="critical")
    BugFactory.create(severity="low")
    assert listed(admin_client, f"{list_page(Bug)}?severity=critical") == [bug.pk]


def test_a_bug_whose_test_was_not_read_shows_the_id_it_mentions(admin_client: Client) -> None:
    bug = BugFactory.create(test=None, mentioned_test_id=424242)
    assert "424242" in shown(admin_client, list_page(Bug))
    assert "424242" in shown(admin_client, page(Bug, bug.pk))


@pytest.mark.parametrize("data", [[], {}, "text", [1, None], [{"key": "only a key"}]])
def test_a_custom_report_of_any_shape_can_be_shown(admin_client: Client, data: object) -> None:
    report = CustomReportFactory.create(data=data)
    assert shown(admin_client, page(Bug, report.bug_id))
