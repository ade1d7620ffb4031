"""Saved reports and what is mailed of them, for programs: whose they are, and who may mail whom."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core import mail
from django.db.models.functions import Now
from django.test import Client

from reports import saved, schedules
from reports.models import ReportRun, ReportSchedule, SavedReport
from reports.schemas.saved import SavedCard, ScheduleCard
from sync.models import Customer
from testio_site.roles import Scope
from tests.reports import world
from tests.sync.api.calling import as_published, refusal
from tests.testio_site.callers import member, token_of, with_session, with_token

pytestmark = pytest.mark.django_db

BASE = "/api/v1/reports"


@pytest.fixture
def small() -> world.World:
    return world.make()


def someone(name: str, *customers: Customer, role: str = "Viewer") -> User:
    user = member(*customers, role=role, name=name)
    user.email = f"{name}@example.com"
    user.save()
    return User.objects.get(pk=user.pk)


def send(client: Client, method: str, address: str, **body: Any) -> Any:
    return client.generic(method, f"{BASE}/{address}", world.as_json(body), content_type="application/json")


def keep(client: Client, name: str = "mine", **more: Any) -> Any:
    return send(client, "POST", "saved", name=name, report="bugs", **more)


def monthly(client: Client, kept: str, *recipients: str) -> Any:
    return send(client, "POST", "schedules", saved=kept, day=31, format="csv", recipients=list(recipients))


# Saved reports --------------------------------------------------------------------------------------------------------


def test_a_viewer_saves_reads_changes_and_deletes_a_report_of_their_own(small: world.World) -> None:
    client = with_session(someone("vera", small.acme))
    made = keep(client, parameters={"severity": ["high"], "period": "last month"}, tags=["Weekly"])
    assert made.status_code == 201
    card = as_published(client.get(made["Location"]), SavedCard)
    assert card == made.json()
    assert (card["title"], card["tags"], card["is_mine"], card["is_shared"]) == ("mine", ["weekly"], True, False)
    changed = send(client, "PATCH", f"saved/{card['id']}", title="High ones", is_shared=True, customers=["acme"])
    assert changed.json() == card | {"title": "High ones", "is_shared": True, "customers": ["acme"]}
    assert [each["id"] for each in client.get(f"{BASE}/saved?mine=true").json()["saved"]] == [card["id"]]
    assert client.delete(made["Location"]).status_code == 204
    assert client.get(f"{BASE}/saved").json() == {"saved": []}


def test_a_name_is_used_once_and_what_comes_with_the_program_keeps_its_own(small: world.World) -> None:
    client = with_session(someone("vera", small.acme))
    first = keep(client).json()
    assert [keep(client).status_code, keep(client, "bugs").status_code] == [409, 409]
    second = keep(client, "second").json()
    assert send(client, "PATCH", f"saved/{second['id']}", name="mine").status_code == 409
    assert SavedReport.objects.get(name="mine").public_id == first["id"]


def test_a_shared_report_is_read_by_others_and_changed_by_its_owner_alone(small: world.World) -> None:
    vera = with_session(someone("vera", small.acme))
    kept = keep(vera, is_shared=True, customers=["acme"]).json()["id"]
    mine = keep(vera, "other")
    colleague = with_session(someone("carl", small.acme, role="Operator"))
    assert [each["id"] for each in colleague.get(f"{BASE}/saved").json()["saved"]] == [kept]
    assert colleague.get(f"{BASE}/saved?mine=true").json() == {"saved": []}
    told = colleague.get(f"{BASE}/saved/{kept}").json()
    assert (told["owner"], told["is_mine"]) == ("vera", False)
    refused = [
        send(colleague, "PATCH", f"saved/{kept}", title="x"),
        send(colleague, "DELETE", f"saved/{kept}"),
        monthly(colleague, kept, "carl@example.com"),
    ]
    assert [each.status_code for each in refused] == [403, 403, 403]
    assert "Only whoever saved a report changes it." in refused[0].json()["detail"]
    assert colleague.get(mine["Location"]).status_code == 404
    stranger = with_session(someone("sam", small.other))
    assert [stranger.get(f"{BASE}/saved").json(), stranger.get(f"{BASE}/saved/{kept}").status_code] == [
        {"saved": []},
        404,
    ]


def test_what_is_named_and_not_there_is_refused_at_once_wherever_it_is_named(small: world.World) -> None:
    client = with_session(someone("vera", small.acme))
    theirs, nobodys = small.bank.pk, 999_999
    for product in (theirs, nobodys):
        refused = keep(client, parameters={"product_id": [product]}, customers=["acme", "other"])
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (404, "customers.1")
        for report in ("bugs", "tests", "quality", "metrics", "gaps"):
            asked: dict[str, Any] = {"report": report, "parameters": {"product_id": [product]}}
            ran = send(client, "POST", "runs", format="csv", **asked)
            assert (ran.status_code, ran.json()["errors"][0]["field"]) == (404, "parameters.product_id"), report
            assert send(client, "POST", "saved", name="new", **asked).status_code == 404
    for parameters in ({"customer": "other"}, {"customer": "nobody"}):
        ran = send(client, "POST", "runs", format="csv", report="bugs", parameters=parameters)
        assert (ran.status_code, ran.json()["errors"][0]["field"]) == (404, "parameters.customer")
    named = {"keep": [f"product={theirs}"]}
    assert send(client, "POST", "runs", format="csv", report="metrics", parameters=named).status_code == 404
    contradiction = {"product_id": [small.shop.pk], "since": "2026-02-01", "until": "2026-01-01"}
    ran = send(client, "POST", "runs", format="csv", report="quality", parameters=contradiction)
    assert (ran.status_code, ran.json()["type"]) == (409, "/problems/bad-parameters")
    assert not ReportRun.objects.exists()


def test_a_token_needs_the_scope_to_operate_to_leave_something_behind(small: world.World) -> None:
    vera = someone("vera", small.acme)
    assert keep(with_token(token_of(vera, Scope.READ))).status_code == 403
    assert keep(with_token(token_of(vera, Scope.READ, Scope.OPERATE, name="more"))).status_code == 201


def test_a_token_for_some_customers_saves_and_mails_nothing_about_others(small: world.World) -> None:
    vera = someone("vera", small.acme, small.other, role="Operator")
    everything = keep(with_session(vera)).json()["id"]
    token = with_token(token_of(vera, Scope.READ, Scope.OPERATE, customers=[small.acme]))
    refused = monthly(token, everything, "vera@example.com")
    assert (refused.status_code, "this token is for some of them" in refused.json()["detail"]) == (403, True)
    kept = keep(token, "narrow").json()
    assert kept["customers"] == ["acme"]
    wider = send(token, "PATCH", f"saved/{kept['id']}", customers=[]).json()
    assert wider["customers"] == ["acme"]
    assert monthly(token, kept["id"], "vera@example.com").status_code == 201
    hidden = keep(with_session(vera), "banks", customers=["other"])
    assert [token.get(hidden["Location"]).status_code, keep(token, "banks").status_code] == [404, 409]


# Schedules ------------------------------------------------------------------------------------------------------------


def test_a_report_is_mailed_every_week_until_its_owner_ends_it(small: world.World) -> None:
    vera = with_session(someone("vera", small.acme))
    kept = keep(vera).json()["id"]
    made = send(
        vera, "POST", "schedules", saved=kept, weekday="tuesday", hour=7, format="pdf", recipients=["Vera@example.com"]
    )
    assert made.status_code == 201
    card = as_published(vera.get(made["Location"]), ScheduleCard)
    assert (card["saved"], card["every"], card["weekday"], card["day"], card["last_outcome"]) == (
        kept, "week", "tuesday", None, None,
    )  # fmt: skip
    assert vera.get(f"{BASE}/schedules").json() == {"schedules": [card]}
    colleague = with_session(someone("carl", small.acme, role="Operator"))
    assert colleague.get(f"{BASE}/schedules").json() == {"schedules": []}
    assert [client.delete(made["Location"]).status_code for client in (colleague, vera)] == [404, 204]
    assert not ReportSchedule.objects.exists()


def test_times_and_addresses_that_cannot_be_used_are_refused_by_field(small: world.World) -> None:
    vera = with_session(someone("vera", small.acme))
    kept = keep(vera).json()["id"]
    asked = {"saved": kept, "recipients": ["vera@example.com"]}
    assert list(refusal(send(vera, "POST", "schedules", **asked))) == ["weekday"]
    assert list(refusal(send(vera, "POST", "schedules", **asked, weekday="monday", day=1))) == ["weekday"]
    assert list(refusal(send(vera, "POST", "schedules", **asked, day=32))) == ["day"]
    assert list(refusal(send(vera, "POST", "schedules", **asked | {"recipients": ["nobody"]}, day=1))) == ["recipients"]
    gone = send(vera, "POST", "schedules", **asked | {"saved": "sav_000000000000"}, day=1)
    assert (gone.status_code, gone.json()["errors"][0]["field"]) == (404, "saved")


def test_a_viewer_mails_to_themselves_and_to_those_who_see_the_same_customers(small: world.World) -> None:
    vera = someone("vera", small.acme, small.other)
    for name, customers in (("carl", [small.acme]), ("both", [small.acme, small.other]), ("sam", [small.other])):
        someone(name, *customers)
    gone = someone("gone", small.acme)
    gone.is_active = False
    gone.save()
    client = with_session(vera)
    reports = {
        "all": keep(client, "all").json()["id"],
        "acme": keep(client, "acme", customers=["acme"]).json()["id"],
        "by-name": keep(client, "by-name", parameters={"customer": "acme"}).json()["id"],
        "shop": keep(client, "shop", parameters={"product_id": [small.shop.pk]}).json()["id"],
    }
    people = ("vera", "carl", "both", "sam", "gone", "nobody")
    reached = {
        name: [who for who in people if monthly(client, kept, f"{who}@EXAMPLE.com").status_code == 201]
        for name, kept in reports.items()
    }
    of_acme = ["vera", "carl", "both"]
    assert reached == {"all": ["vera", "both"], "acme": of_acme, "by-name": of_acme, "shop": of_acme}
    refused = monthly(client, reports["acme"], "vera@example.com", "sam@example.com", "lead@elsewhere.example")
    assert refused.status_code == 403
    assert refused.json()["detail"].startswith(
        "lead@elsewhere.example, sam@example.com: no user who sees all customers"
    )


def test_an_operator_mails_to_any_address(small: world.World) -> None:
    client = with_session(someone("otto", small.acme, role="Operator"))
    assert monthly(client, keep(client).json()["id"], "lead@elsewhere.example").status_code == 201


@pytest.mark.django_db(transaction=True)
def test_who_may_be_mailed_is_asked_again_before_every_mail(small: world.World) -> None:
    vera, carl = someone("vera", small.acme), someone("carl", small.acme)
    client = with_session(vera)
    assert monthly(client, keep(client).json()["id"], "carl@example.com").status_code == 201
    small.acme.members.remove(carl)
    ReportSchedule.objects.update(next_run_at=Now())
    assert list(schedules.deliver_due()) == [False]
    assert ReportSchedule.objects.get().last_error.startswith("carl@example.com: no user who sees all customers")
    assert mail.outbox == []


def test_nobody_without_a_role_saves_or_mails(small: world.World) -> None:
    looker = User.objects.create_user("looker")
    looker.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    looker.customers.add(small.acme)
    client = with_session(User.objects.get(pk=looker.pk))
    assert [keep(client).status_code, monthly(client, "sav_1", "a@b.example").status_code] == [403, 403]


def test_the_pages_follow_the_same_rules(small: world.World) -> None:
    vera, otto = someone("vera", small.acme), someone("otto", small.acme, role="Operator")
    for user in (vera, otto):
        client = with_session(user)
        client.post("/reports/bugs/save/?set=1", {"title": "Mine"})
        (row,) = saved.own(world.of(user))
        order = {"every": "month", "day": "1", "hour": "6", "format": "csv", "recipients": "lead@elsewhere.example"}
        client.post(f"/reports/{row.public_id}/schedule/", order)
        page = client.get(f"/reports/{row.public_id}/").content.decode()
        hint = "those of people who see all customers this report is about"
        assert (ReportSchedule.objects.filter(saved=row).exists(), hint in page) == (user == otto, user == vera)
