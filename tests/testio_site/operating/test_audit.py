"""The audit trail: who did what, when and from where; who may read it; and that it stays."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from axes.models import AccessLog
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpResponseRedirect
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from django_otp.plugins.otp_totp.models import TOTPDevice

from problematic.models import ProblematicEvent
from reports.models import SavedReport
from sync import runs
from sync.models import Customer
from testio_site import tokens
from testio_site.models import ApiToken, AuditEntry
from testio_site.operating.audit import gathering, pruning, signals, trail
from testio_site.operating.audit.doorway import Doorway
from testio_site.operating.audit.gathering import Scope as Whose
from testio_site.roles import Scope
from tests.factories import CustomerFactory, ProductFactory, SyncEventFactory, SyncLeaseFactory
from tests.problematic.factories import ProblematicEventFactory
from tests.testio_site.callers import member, token_of, with_session, with_token
from tests.testio_site.test_entrance import code_of

pytestmark = pytest.mark.django_db

PAGE = "/operate/audit/"
Kind = AuditEntry.Kind
HERE = "192.0.2.7"


@pytest.fixture
def acme() -> Customer:
    return CustomerFactory.create(name="acme")


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss", password="a long passphrase")


def told(*kinds: Kind) -> list[tuple[str, str, str, str | None, str]]:
    """Kind, name, what, address and way of the entries, in order; of all kinds but logins unless they are named."""
    rows = AuditEntry.objects.filter(kind__in=kinds) if kinds else AuditEntry.objects.exclude(kind=Kind.LOGIN)
    return list(rows.order_by("pk").values_list("kind", "name", "what", "address", "through"))


def write(what: str = "Did something.", **values: Any) -> AuditEntry:
    return AuditEntry.objects.create(**{"kind": Kind.CHANGE, "name": "maria", "what": what, **values})


def listed(client: Client, query: str = "") -> list[str]:
    """What the page tells, the newest first."""
    return [row[0].text for row in client.get(f"{PAGE}{query}").context["table"].rows]


# What is told ---------------------------------------------------------------------------------------------------------


def test_triage_in_the_admin_is_told_with_its_customer_and_address(acme: Customer) -> None:
    event = ProblematicEventFactory.create(product__customer=acme)
    client = with_session(member(acme, role="Triage", staff=True))
    address = reverse("admin:problematic_problematicevent_map", args=[event.pk])
    client.post(address, {"test_ids": "100239"}, REMOTE_ADDR=HERE)
    assert told() == [("triage", "mia", f"{event}: Mapped 100239.", HERE, "browser")]
    assert AuditEntry.objects.get(kind=Kind.TRIAGE).customer == acme


def test_a_call_of_the_api_is_told_with_the_token_it_came_through(acme: Customer) -> None:
    event = ProblematicEventFactory.create(product__customer=acme)
    token = token_of(member(acme, role="Triage"), *Scope)
    url = f"/api/v1/problematic/events/{event.public_id}/mappings"
    with_token(token).post(url, json.dumps({"test_ids": [7]}), content_type="application/json", REMOTE_ADDR=HERE)
    assert told(Kind.TRIAGE) == [("triage", "mia", f"{event}: Mapped 7.", HERE, f"API token {token.beginning}…")]


def test_many_rows_changed_at_once_are_all_told(acme: Customer, boss: User) -> None:
    """Django writes several lines of its log without announcing them."""
    people = [User.objects.create(username=f"user-{number}") for number in range(3)]
    form = {"action": "delete_selected", "_selected_action": [each.pk for each in people], "post": "yes"}
    with_session(boss).post(reverse("admin:auth_user_changelist"), form, REMOTE_ADDR=HERE)
    assert sorted(what for _, _, what, *_ in told()) == [f"Deleted user user-{number}." for number in range(3)]
    assert {(name, address) for _, name, _, address, _ in told()} == {("boss", HERE)}


def test_runs_are_told_with_who_started_and_who_cancelled_them(acme: Customer) -> None:
    mia, li = member(acme, role="Operator"), member(acme, name="li")
    run = SyncEventFactory.create(customer=acme, requested_by=li, mode="full")
    assert runs.request_cancel(run, mia)
    assert gathering.gather(Whose()) == 0
    assert [(name, what, address) for _, name, what, address, _ in told()] == [
        ("li", f"Started {run} of acme (full).", None), ("mia", f"Cancelled {run} of acme.", None),
    ]  # fmt: skip


def test_a_button_of_the_home_is_told(acme: Customer) -> None:
    with_session(member(acme, role="Operator")).post(f"/operate/customers/{acme.pk}/resume/", REMOTE_ADDR=HERE)
    assert told() == [("sync", "mia", "Resumed the background refresh of acme.", HERE, "browser")]


def test_a_changing_request_that_nobody_speaks_of_is_kept_as_it_was(acme: Customer, boss: User) -> None:
    address = reverse("admin:sync_customer_resume", args=[acme.pk])
    request = RequestFactory().post(address, {"action": "clear"}, REMOTE_ADDR=HERE)
    request.user = boss
    Doorway(lambda _: HttpResponseRedirect("/"))(request)
    assert told() == [("other", "boss", f"POST {address} (clear)", HERE, "browser")]


def test_the_buttons_of_the_admin_are_told_in_words(acme: Customer, boss: User) -> None:
    client = with_session(boss)
    acme.set_token("secret")
    acme.save()
    shop, other = (ProductFactory.create(customer=acme, name=name) for name in ("Shop", "Other"))
    long_ago = timezone.now() - timedelta(days=1)
    held = SyncLeaseFactory.create(
        product=shop, holder=uuid4(), acquired_at=long_ago, heartbeat_at=long_ago, host="elsewhere"
    )
    task = PeriodicTask.objects.get(name="Forget old runs")
    client.post(reverse("admin:sync_customer_resume", args=[acme.pk]), REMOTE_ADDR=HERE)
    for model, action, rows in (
        ("sync_product", "refresh_now", [shop.pk, other.pk]),
        ("sync_synclease", "release", [held.pk]),
        ("django_celery_beat_periodictask", "disable_tasks", [task.pk]),
    ):
        chosen = {"action": action, "_selected_action": rows, "index": "0"}
        client.post(reverse(f"admin:{model}_changelist"), chosen, REMOTE_ADDR=HERE)
    entries = AuditEntry.objects.exclude(kind=Kind.LOGIN).order_by("at", "pk")
    found = list(entries.values_list("kind", "what", "customer_name", "address"))
    refreshed = sorted(what for _, what, *_ in found if "refreshed" in what)
    assert refreshed == [f"Product {each}: Asked for it to be refreshed." for each in (other, shop)]
    assert [each for each in found if each[1] not in refreshed] == [
        ("sync", "Customer acme: Resumed its background refresh.", "acme", HERE),
        ("sync", f"Sync lease {held}: Released: its holder is gone.", "acme", HERE),
        ("change", "Periodic task Forget old runs: every day: Disabled.", "", HERE),
    ]


def test_what_somebody_did_with_a_report_is_told_in_words(acme: Customer) -> None:
    client = with_session(member(acme))
    client.post("/reports/quality/save/", {"name": "mine", "title": "Mine"})
    kept = SavedReport.objects.get().public_id
    client.post(f"/reports/{kept}/share/")
    client.delete(f"/api/v1/reports/saved/{kept}")
    assert [(kind, what) for kind, _, what, *_ in told()] == [
        ("report", "Saved the report “quality” as one of their own."),
        ("report", f"Changed who finds the report {kept}."),
        ("report", f"Deleted the saved report {kept}."),
    ]


def test_a_form_with_faults_and_an_answer_of_nothing_but_trouble_are_not_told(acme: Customer, boss: User) -> None:
    client = with_session(boss)
    client.post(reverse("admin:auth_user_add"), {"username": ""})
    event = ProblematicEventFactory.create(product__customer=acme)
    client.post(reverse("admin:problematic_problematicevent_map", args=[event.pk]), {"test_ids": "no number"})
    run = SyncEventFactory.create(customer=acme, status="failed", finished_at=timezone.now())
    client.post(f"/syncs/{run.public_id}/cancel/")
    client.post("/syncs/start/now/", {"customer": "acme", "plan": "1"})
    client.post("/syncs/start/now/", {"customer": "acme", "ids": "no number"})
    client.post("/operate/products/refresh/")
    assert told() == []


def test_what_somebody_may_not_do_is_told_as_refused_and_does_not_fill_the_table(
    acme: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trail, "MOST_ALIKE", 2)
    address = f"/operate/customers/{acme.pk}/resume/"
    for _ in range(4):
        assert with_session(member(acme)).post(address, REMOTE_ADDR=HERE).status_code == 403
    assert told() == [("refused", "mia", f"Was refused: POST {address}", HERE, "browser")] * 2


def test_what_people_do_with_their_own_account_is_told(boss: User) -> None:
    client = Client(REMOTE_ADDR=HERE)
    client.force_login(boss)
    client.get("/two-factor/")
    device = TOTPDevice.objects.get(user=boss)
    client.post("/two-factor/", {"code": code_of(device)})
    new = "another long passphrase"
    client.post("/password/", {"old_password": "a long passphrase", "new_password1": new, "new_password2": new})
    assert told(Kind.ACCOUNT) == [
        ("account", "boss", "Switched on two-factor login.", HERE, "browser"),
        ("account", "boss", "Changed their password.", HERE, "browser"),
    ]
    assert told(Kind.OTHER) == []


def test_logins_and_their_failures_are_told_and_a_name_that_nobody_has_is_not_kept(boss: User) -> None:
    client = Client(REMOTE_ADDR=HERE)
    for name, password in (("boss", "wrong"), ("my secret typed too early", "x"), ("boss", "a long passphrase")):
        client.post("/admin/login/", {"username": name, "password": password})
    client.post(reverse("logout"))
    assert [(kind, name, address) for kind, name, _, address, _ in told(Kind.FAILED, Kind.LOGIN, Kind.LOGOUT)] == [
        ("failed_login", "boss", HERE), ("failed_login", "(no such user)", HERE),
        ("login", "boss", HERE), ("logout", "boss", HERE),
    ]  # fmt: skip


def test_whoever_goes_on_guessing_does_not_fill_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail, "MOST_ALIKE", 2)
    for _ in range(4):
        signals.login_failed({"username": "nobody"})
    assert len(told(Kind.FAILED)) == 2


def test_api_tokens_are_told_wherever_they_are_made_or_revoked(acme: Customer, boss: User) -> None:
    token = token_of(boss)  # as the command line does
    with_session(boss).post(reverse("admin:testio_site_apitoken_revoke", args=[token.pk]), REMOTE_ADDR=HERE)
    other = token_of(boss, name="other")
    tokens.revoke(other)
    assert [(name, what, through) for _, name, what, _, through in told()] == [
        ("", f"Created API token {token} for boss.", "command line"),
        ("boss", f"API token {token}: Revoked.", "browser"),
        ("", f"Created API token {other} for boss.", "command line"),
        ("", f"Revoked API token {other} of boss.", "command line"),
    ]
    secrets = [each.secret for each in (token, other) if each.secret]
    assert [secret for secret in secrets for _, _, what, *_ in told() if secret in what] == []


def test_what_is_told_is_told_once(acme: Customer) -> None:
    SyncEventFactory.create(customer=acme, requested_by=member(acme))
    gathering.gather(Whose())
    gathering.gather(Whose())
    assert len(told()) == 1


def test_what_was_written_down_before_the_trail_began_is_in_it(acme: Customer, boss: User) -> None:
    event = ProblematicEventFactory.create(product__customer=acme)
    kind = ContentType.objects.get_for_model(ProblematicEvent)
    for row, said in ((str(event.pk), "Mapped 7."), ("nonsense", "Cleared.")):
        LogEntry.objects.create(
            user=boss, content_type=kind, object_id=row, object_repr=str(event), action_flag=CHANGE, change_message=said
        )
    gathering.gather(Whose(), apps=apps)
    rows = AuditEntry.objects.order_by("pk").values_list("what", "customer_name", "address")
    assert list(rows) == [(f"{event}: Mapped 7.", "acme", None), (f"{event}: Cleared.", "", None)]


# Who reads it ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("role", "status"), [("Viewer", 403), ("Triage", 403), ("Operator", 200)])
def test_operators_may_read_it(acme: Customer, role: str, status: int) -> None:
    client = with_session(member(acme, role=role))
    for url in (PAGE, f"{PAGE}file/csv/"):
        answer = client.get(url)
        answer.getvalue()  # reads the file to its end
        assert answer.status_code == status


def test_a_member_reads_of_their_customers_and_of_themselves(acme: Customer) -> None:
    mia, other = member(acme, role="Operator"), CustomerFactory.create(name="theirs")
    client = with_session(mia)
    AuditEntry.objects.all().delete()
    write("Ours.", customer=acme, customer_name="acme")
    write("Theirs.", customer=other, customer_name="theirs", by=mia)
    write("Mine.", by=mia, name="mia")
    write("Somebody's.")
    write("Of my login.", name="mia")
    assert listed(client) == ["Of my login.", "Mine.", "Ours."]
    other.delete()
    assert listed(client) == ["Of my login.", "Mine.", "Ours."]


def test_it_outlives_the_people_and_customers_it_tells_of(acme: Customer, boss: User) -> None:
    mia = member(acme)
    client = with_session(boss)
    AuditEntry.objects.all().delete()
    write("Ours.", customer=acme, customer_name="acme", by=mia, name="mia")
    acme.delete()
    mia.delete()
    (row,) = client.get(PAGE).context["table"].rows
    assert [cell.text for cell in row][0::2] == ["Ours.", "mia", "acme"]


def test_only_what_is_older_than_the_chosen_age_is_removed() -> None:
    now = timezone.now()
    for age in (1, 29, 31, 800):
        write(f"{age}", at=now - timedelta(days=age))
    assert (pruning.prune(0), pruning.prune(30), pruning.prune(30)) == (0, 2, 0)
    assert list(AuditEntry.objects.order_by("-at").values_list("what", flat=True)) == ["1", "29"]


def test_nothing_in_the_admin_changes_or_removes_an_entry() -> None:
    assert not admin.site.is_registered(AuditEntry)
    names = AuditEntry._meta.permissions, AuditEntry._meta.default_permissions
    assert names == ((("view_audit", "Can read the audit trail"),), ())


# Filters, pages, files ------------------------------------------------------------------------------------------------


@pytest.fixture
def reader(boss: User) -> Client:
    client = with_session(boss)
    AuditEntry.objects.all().delete()
    return client


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?person=li", ["By li."]),
        ("?kind=token", ["A token."]),
        ("?customer=acme", ["Of acme."]),
        ("?period=2025-03", ["In March."]),
        ("?period=31+March+2025", ["In March."]),
        ("?kind=nonsense&after=nonsense&period=2025", ["In March."]),
        ("?person=nobody", []),
    ],
)
def test_it_is_filtered_by_person_kind_customer_and_period(
    reader: Client, acme: Customer, query: str, expected: list[str]
) -> None:
    write("By li.", name="li")
    write("A token.", kind=Kind.TOKEN)
    write("Of acme.", customer=acme, customer_name="acme")
    write("In March.", at=datetime(2025, 3, 31, 23, 59, 59, tzinfo=UTC))
    assert listed(reader, query) == expected
    answer = reader.get(f"{PAGE}file/json/{query}")
    (table,) = json.loads(answer.getvalue())["sections"][0]["tables"]
    assert [row["what"] for row in table["rows"]] == expected


def test_a_period_that_cannot_be_read_is_said_and_nothing_is_listed(reader: Client) -> None:
    write()
    page = reader.get(f"{PAGE}?period=Q9")
    assert (page.context["table"].rows, "is not a period that can be read" in page.content.decode()) == ([], True)
    assert reader.get(f"{PAGE}file/csv/?period=Q9").status_code == 404


def test_pages_hold_everything_once_though_entries_come_meanwhile(reader: Client) -> None:
    now = timezone.now()
    for number in range(120):
        write(f"{number}", at=now - timedelta(seconds=number // 3))
    found, url = [], PAGE
    while url:
        page = reader.get(url)
        found += [int(row[0].text) for row in page.context["table"].rows]
        url = page.context["pager"]["next_url"]
        write("-1", at=now + timedelta(hours=1))
    assert sorted(found) == list(range(120))


def test_a_file_has_all_of_it_and_no_formula(reader: Client) -> None:
    write("=HYPERLINK(1)", name="@li", address=HERE, through="browser", at=datetime(2025, 3, 1, tzinfo=UTC))
    for number in range(60):
        write(f"{number}")
    answer = reader.get(f"{PAGE}file/csv/?customer=")
    rows = list(csv.reader(io.StringIO(answer.getvalue().decode())))
    assert rows[0] == ["at", "kind", "who", "what", "customer", "address", "through"]
    assert (len(rows), rows[-1][1:]) == (62, ["Change", "'@li", "'=HYPERLINK(1)", "", HERE, "browser"])
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_taking_it_away_is_in_it(reader: Client) -> None:
    reader.get(f"{PAGE}file/csv/", REMOTE_ADDR=HERE).getvalue()
    reader.get(f"{PAGE}file/json/?person=li&period=2025-03", REMOTE_ADDR=HERE).getvalue()
    assert told() == [
        ("export", "boss", "Downloaded the audit trail as CSV.", HERE, "browser"),
        ("export", "boss", "Downloaded the audit trail as JSON (person li, period 2025-03).", HERE, "browser"),
    ]


def test_there_is_no_other_form_of_file(reader: Client) -> None:
    assert reader.get(f"{PAGE}file/pdf/").status_code == 404


def test_a_secret_is_never_in_the_way_an_entry_came(acme: Customer) -> None:
    token: ApiToken = token_of(member(acme))
    request = with_token(token).get("/api/v1/customers").wsgi_request
    assert trail.through(request) == f"API token {token.beginning}…"


def test_a_header_that_opens_nothing_is_no_way_an_entry_came(acme: Customer) -> None:
    client = with_session(member(acme, role="Operator"))
    client.post(f"/operate/customers/{acme.pk}/resume/", headers={"Authorization": "Bearer desk_FAKE1234"})
    assert [through for *_, through in told()] == ["browser"]


@pytest.mark.django_db(transaction=True)
def test_the_migration_begins_the_trail_with_what_was_there() -> None:
    acme, boss = CustomerFactory.create(name="acme"), User.objects.create(username="boss")
    run = SyncEventFactory.create(customer=acme, requested_by=boss)
    kind = ContentType.objects.get_for_model(Customer)
    LogEntry.objects.create(
        user=boss, content_type=kind, object_id=str(acme.pk), object_repr="acme", action_flag=CHANGE,
        change_message='[{"changed": {"fields": ["Active"]}}]',
    )  # fmt: skip
    AccessLog.objects.create(username="boss", ip_address=HERE, attempt_time=timezone.now(), user_agent="", path_info="")
    try:
        MigrationExecutor(connection).migrate([("testio_site", "0001_api_tokens_and_roles")])
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())  # all, as the other tests need them
    rows = AuditEntry.objects.order_by("what").values_list("kind", "name", "what", "customer_name", "address")
    assert list(rows) == [
        ("change", "boss", "Customer acme: Changed Active.", "acme", None), ("login", "boss", "Logged in.", "", HERE),
        ("sync", "boss", f"Started {run} of acme (incremental).", "acme", None),
    ]  # fmt: skip
