"""The catalogue and the builder: found, filled in, shown, saved, shared, mailed, and one's own files alone."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from reports import catalogue, runs
from reports.builtin import REPORTS
from reports.models import ReportRun, ReportSchedule, SavedReport
from reports.pages.builder import fields
from sync import access
from tests.factories import TestFactory
from tests.reports.pages.scenes import Scene

pytestmark = pytest.mark.django_db

SAVED = {"title": "Rejected lately", "tags": "Review, weekly", "shared": "yes"}


def _shown(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, (address, response.content[:300])
    return response.content.decode()


def _save(client: Client) -> SavedReport:
    response = client.post("/reports/bugs/save/?set=1&status=rejected&period=last+30+days", SAVED)
    saved = SavedReport.objects.get()
    assert (response.status_code, response["Location"]) == (302, f"/reports/{saved.public_id}/")
    return saved


def test_the_catalogue_is_searched_by_name_tag_and_description(reader: Client, scene: Scene) -> None:
    assert 'href="/reports/bugs/"' in _shown(reader, "/reports/")
    found = _shown(reader, "/reports/?q=forms")
    assert ('href="/reports/custom-reports/"' in found, 'href="/reports/bugs/"' in found) == (True, False)
    assert 'href="/reports/gaps/"' in _shown(reader, "/reports/?tag=problems")
    assert "No report is like that" in _shown(reader, "/reports/?q=nothing-like-this")


@pytest.mark.parametrize("name", [report.name for report in REPORTS])
def test_every_report_has_a_page_with_a_form(reader: Client, scene: Scene, name: str) -> None:
    page = _shown(reader, f"/reports/{name}/?set=1&customer=acme")
    assert ('name="customer"' in page, "Made at" in page, "Some parameters cannot be used" in page) == (
        True,
        True,
        False,
    )
    assert (" style=" in page, "<script>" in page) == (False, False)


def test_parameters_are_read_from_the_address_and_shown_in_the_form(reader: Client, scene: Scene) -> None:
    page = _shown(reader, f"/reports/bugs/?set=1&status=rejected&product_id={scene.product.pk}&sort=id")
    assert page.count('<th scope="row" class="number">') == 2  # two of its five bugs are rejected
    assert '<input type="checkbox" name="status" value="rejected" checked>' in page
    assert f'value="{scene.product.pk}" checked> Shop of acme' in page


def test_a_wrong_parameter_is_told_at_its_field(reader: Client, scene: Scene) -> None:
    page = _shown(reader, "/reports/bugs/?set=1&period=whenever&product_id=999999")
    assert ("is not a period that can be read" in page, "Some parameters cannot be used" in page) == (True, True)
    assert "there is no product 999999" in _shown(reader, "/reports/bugs/?product_id=999999").lower()
    assert reader.get("/reports/nothing/").status_code == 404


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
def test_the_form_gives_back_what_the_address_had(scene: Scene, report: catalogue.Report) -> None:
    who = access.of_user(User(username="operator", is_superuser=True))
    filled = fields.fields(report, {}, {}, who)
    query = QueryDict(mutable=True)
    for field in filled:
        chosen = [option.value for option in field.options if option.is_chosen] or [field.value]
        query.setlist(field.name, chosen)
    assert report.read(fields.given(report, query)) == report.read({})


def test_a_report_is_saved_shared_and_deleted_by_its_owner_only(reader: Client, scene: Scene, member: Client) -> None:
    saved = _save(reader)
    assert (saved.parameters, saved.tags) == (
        {"status": ["rejected"], "period": "last 30 days"},
        ["review", "weekly"],
    )
    address = f"/reports/{saved.public_id}/"
    assert "Rejected lately" in _shown(member, "/reports/")
    assert [member.post(f"{address}{what}/").status_code for what in ("share", "delete")] == [302, 302]
    assert SavedReport.objects.get().is_shared
    reader.post(f"{address}share/")
    assert member.get(address).status_code == 404
    reader.post(f"{address}delete/")
    assert not SavedReport.objects.exists()


def test_a_cleared_field_is_empty_and_not_as_saved(reader: Client, scene: Scene) -> None:
    saved = _save(reader)
    rows = '<th scope="row" class="number">'
    assert _shown(reader, f"/reports/{saved.public_id}/").count(rows) == 2
    assert _shown(reader, f"/reports/{saved.public_id}/?set=1&status=").count(rows) == 5


def test_a_saved_report_is_mailed_until_its_owner_ends_it(reader: Client, scene: Scene, member: Client) -> None:
    address = f"/reports/{_save(reader).public_id}/"
    monthly = {"every": "month", "day": "31", "weekday": "0", "hour": "6", "format": "pdf", "recipients": "a@b.example"}
    assert member.post(f"{address}schedule/", monthly).status_code == 302
    assert not ReportSchedule.objects.exists()
    reader.post(f"{address}schedule/", {**monthly, "recipients": "nobody"})
    assert not ReportSchedule.objects.exists()
    reader.post(f"{address}schedule/", monthly)
    schedule = ReportSchedule.objects.get()
    assert (schedule.day, schedule.weekday, schedule.recipients) == (31, None, ["a@b.example"])
    assert "On day 31 of every month at 06:00 UTC" in _shown(reader, address)
    ending = f"/reports/mails/{schedule.public_id}/end/"
    assert [member.post(ending).status_code, reader.post(ending).status_code] == [404, 302]
    assert not ReportSchedule.objects.exists()


def test_files_are_shown_to_their_owner_alone_and_say_that_they_expired(
    reader: Client, scene: Scene, member: Client, settings: Any, tmp_path: Path
) -> None:
    settings.DATA_DIR = tmp_path
    owner = User.objects.get(username="reader")
    who = access.of_user(owner)
    run = runs.make(catalogue.find(who, "bugs"), {}, "csv", who)
    assert f"/api/v1/reports/runs/{run.public_id}/file" in _shown(reader, "/reports/files/")
    assert run.public_id not in _shown(member, "/reports/")
    ReportRun.objects.update(expires_at=timezone.now())
    expired = _shown(reader, "/reports/files/")
    assert (f"/{run.public_id}/file" in expired, "<span>expired</span>" in expired) == (False, True)
    delete = f"/reports/files/{run.public_id}/delete/"
    assert [member.post(delete).status_code, reader.get(delete).status_code] == [404, 405]
    assert reader.post(delete).status_code == 302
    assert not ReportRun.objects.exists()


def test_what_is_being_written_asks_again_and_too_much_is_refused(reader: Client, scene: Scene) -> None:
    now = timezone.now()
    for _ in range(runs.MOST_AT_ONCE):
        ReportRun.objects.create(
            report="bugs", title="Bugs", format="csv", owner=User.objects.get(username="reader"), rows_written=1,
            permission="sync.view_bug", expires_at=now, host="elsewhere", pid=1, process_started=1.0, rows_expected=4,
        )  # fmt: skip
    panel = _shown(reader, "/reports/files/")
    assert ('hx-trigger="load delay:1s"' in panel, 'aria-valuenow="25.0"' in panel) == (True, True)
    refused = reader.post("/reports/bugs/files/", {"format": "csv"}, headers={"HX-Request": "true"}).content.decode()
    assert "3 of your reports are being written" in refused


#: A figure's card, a chart's, a table's, one beside them.
PANEL = re.compile(r'<(section|div|figure)[^>]* class="(card|stats)[ "]|<(section|div|figure) class="(card|stats)[ "]')


@pytest.mark.parametrize("period", ["", "&period=last+30+days"])
def test_the_page_of_a_quality_report_costs_five_statements_and_one_for_each_panel(
    reader: Client, scene: Scene, period: str
) -> None:
    TestFactory.create(product=scene.product, testing_type=None, end_at=scene.test.end_at)
    address = f"/reports/quality/?set=1&customer=acme{period}"
    _shown(reader, address)
    with CaptureQueriesContext(connection) as captured:
        page = _shown(reader, address)
    assert len(captured) <= 5 + len(PANEL.findall(page)), [each["sql"][:80] for each in captured.captured_queries]
    assert 'href="/api/v1/reports/quality/bugs?customer=acme' in page
