"""Reports in the admin: one's own for everybody, everybody's for those who manage them."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from reports import catalogue, runs, saved, schedules
from reports.models import ReportRun, ReportSchedule, SavedReport
from reports.schedules import Timing
from tests.reports import world
from tests.sync.admin.pages import listed, queries, shown
from tests.testio_site.callers import member, with_session

pytestmark = pytest.mark.django_db

MODELS = (SavedReport, ReportSchedule, ReportRun)


@pytest.fixture
def small(settings: Any, tmp_path: Path) -> world.World:
    settings.DATA_DIR = tmp_path
    return world.make()


def everything_of(user: User, **more: Any) -> dict[type, Any]:
    """A saved report, its schedule and a file."""
    who = world.of(User.objects.get(pk=user.pk))
    report = saved.save(who, "mine", report="bugs", parameters={"severity": ["high"]}, title="Mine", **more)
    user.email = who.user.email = f"{user}@example.com"
    user.save()
    when = Timing(6, day=1)
    schedule = schedules.create(who, report, when, form="csv", recipients=[user.email])
    return {
        SavedReport: report, ReportSchedule: schedule,
        ReportRun: runs.make(catalogue.find(who, report.public_id), {}, "csv", who, saved=report),
    }  # fmt: skip


def address(model: type, view: str = "changelist", *args: object) -> str:
    return reverse(f"admin:reports_{model.__name__.lower()}_{view}", args=args)


def manager(*customers: Any) -> Client:
    user = member(*customers, name="manager", staff=True)
    names = [f"delete_{model.__name__.lower()}" for model in MODELS]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    return with_session(User.objects.get(pk=user.pk))


def test_everybody_sees_their_own_and_those_who_manage_reports_see_all_of_their_customers(small: world.World) -> None:
    rows = everything_of(member(small.acme, name="vera", staff=True), customers=["acme"])
    lists = {"vera": rows, "carl": {}, "manager": rows, "stranger": {}}
    clients = {
        "vera": with_session(User.objects.get(username="vera")),
        "carl": with_session(member(small.acme, name="carl", role="Operator", staff=True)),
        "manager": manager(small.acme),
    }
    for name, client in clients.items():
        for model in MODELS:
            wanted = [lists[name][model].pk] if lists[name] else []
            assert listed(client, address(model)) == wanted, (name, model)
    stranger = manager(small.other)
    User.objects.get(username="manager").customers.set([small.other])
    assert [listed(stranger, address(model)) for model in MODELS] == [[], [], []]


def test_a_shared_report_is_shown_to_those_who_find_it_on_the_pages(small: world.World) -> None:
    rows = everything_of(member(small.acme, name="vera"), is_shared=True)
    carl = with_session(member(small.acme, name="carl", staff=True))
    assert listed(carl, address(SavedReport)) == [rows[SavedReport].pk]
    assert listed(carl, address(ReportSchedule)) == []
    assert carl.post(address(SavedReport, "delete", rows[SavedReport].pk), {"post": "yes"}).status_code == 403


def test_each_row_has_a_page(small: world.World) -> None:
    rows = everything_of(member(small.acme, name="vera"), customers=["acme"])
    client = manager(small.acme)
    pages = {model: shown(client, address(model, "change", row.pk)) for model, row in rows.items()}
    report = rows[SavedReport].public_id
    assert (f"/reports/{report}/" in pages[SavedReport], "acme" in pages[SavedReport]) == (True, True)
    assert "On day 1 of every month at 06:00 UTC" in pages[ReportSchedule]
    assert ("succeeded" in pages[ReportRun], "/file" in pages[ReportRun]) == (True, False)


def test_a_list_takes_as_many_statements_for_many_rows_as_for_one(small: world.World) -> None:
    everything_of(member(small.acme, name="vera"))
    client = manager(small.acme)
    before = {model: len(queries(client, address(model))) for model in MODELS}
    for name in ("carl", "dora"):
        everything_of(member(small.acme, name=name))
    assert {model: len(queries(client, address(model))) for model in MODELS} == before


def test_schedules_are_ended_and_the_log_says_by_whom(small: world.World) -> None:
    vera, carl = member(small.acme, name="vera", staff=True), member(small.acme, name="carl")
    mine, other = (everything_of(user)[ReportSchedule] for user in (vera, carl))
    chosen = {"action": "end_selected", "_selected_action": [str(mine.pk), str(other.pk)], "index": "0"}
    assert with_session(vera).post(address(ReportSchedule), chosen).status_code == 302
    assert list(ReportSchedule.objects.all()) == [other]
    manager(small.acme).post(address(ReportSchedule), chosen)
    assert not ReportSchedule.objects.exists()
    log = LogEntry.objects.filter(content_type__model="reportschedule").order_by("pk")
    assert list(log.values_list("user__username", flat=True)) == ["vera", "manager"]


def test_deleting_a_saved_report_ends_its_mails_and_deleting_a_run_removes_its_file(small: world.World) -> None:
    rows = everything_of(member(small.acme, name="vera"))
    client, run = manager(small.acme), rows[ReportRun]
    assert run.path.exists()
    for model in (SavedReport, ReportRun):
        assert client.post(address(model, "delete", rows[model].pk), {"post": "yes"}).status_code == 302
    assert [model.objects.exists() for model in MODELS] == [False, False, False]
    assert not run.path.exists()


def test_nobody_adds_or_changes_a_report_here(admin_client: Client, small: world.World) -> None:
    run = ReportRun.objects.create(
        report="bugs", title="Bugs", format="csv", owner=User.objects.get(username="admin"), permission="sync.view_bug",
        expires_at=timezone.now(),
    )  # fmt: skip
    assert [admin_client.get(address(model, "add")).status_code for model in MODELS] == [403, 403, 403]
    assert admin_client.post(address(ReportRun, "change", run.pk), {"title": "x"}).status_code == 403
