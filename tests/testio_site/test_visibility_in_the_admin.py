"""Nobody sees or changes in the admin what belongs to a customer they are no member of: every page, tried by a member
of one customer, with every right an operator has, while there is another."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import DjangoAssertNumQueries, Settings

from problematic.models import EventStatus, ProblematicEvent
from sync.admin.base import OfCustomers
from sync.models import Bug, Customer, SyncEvent
from testio_site.models import ApiToken
from testio_site.roles import ROOMS
from tests.factories import TestFactory
from tests.problematic.factories import ProblematicMappingFactory
from tests.sync.admin.pages import listed, shown
from tests.testio_site.callers import member, with_session
from tests.testio_site.two_customers import Side

pytestmark = pytest.mark.django_db

REGISTERED = [model for model in apps.get_models() if admin.site.is_registered(model)]
MODELS = [model for model in REGISTERED if model._meta.app_label in ROOMS]


@pytest.fixture(autouse=True)
def files_of_this_test_alone(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path


@pytest.fixture
def ours() -> Side:
    return Side.of("ours", 550_000_000)


@pytest.fixture
def theirs() -> Side:
    return Side.of("theirs", 770_000_000)


@pytest.fixture
def client(ours: Side) -> Client:
    return with_session(member(ours.customer, role="Operator", staff=True, name=ours.owner.username))


def address(model: type[Model], view: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{view}", args=args)


def row_of(side: Side, model: type[Model]) -> Any:
    return next((row for row in side.rows.values() if type(row) is model), None)


def traces(html: str, side: Side) -> set[str]:
    return {word for word in side.words if word in html}


def test_every_admin_of_a_room_says_whose_its_rows_are() -> None:
    pages = {model: admin.site.get_model_admin(model) for model in MODELS}
    assert [model for model, page in pages.items() if not isinstance(page, OfCustomers)] == []
    assert [model for model, page in pages.items() if not hasattr(page, "customer_path")] == []
    of_nobody = {model.__name__ for model, page in pages.items() if getattr(page, "customer_path", "") is None}
    # All but the first have a rule of their own.
    assert of_nobody == {"Watcher", "RetryJob", "SavedReport", "ReportSchedule", "ReportRun"}


def test_lists_and_pages_show_a_member_the_rows_of_their_customers_only(
    client: Client, ours: Side, theirs: Side
) -> None:
    for model in MODELS:
        if (foreign := row_of(theirs, model)) is None:
            continue
        assert listed(client, address(model, "changelist") + status(model)) == [
            row.pk for row in ours.rows.values() if type(row) is model
        ], model
        assert traces(shown(client, address(model, "change", row_of(ours, model).pk)), theirs) == set(), model
        for view in ("change", "history", "delete"):
            answer = client.get(address(model, view, foreign.pk))
            assert answer.status_code in (302, 403), (model, view)
            assert traces(answer.content.decode(), theirs) - {str(foreign.pk)} == set(), (model, view)


def status(model: type[Model]) -> str:
    return "?status=all" if model is ProblematicEvent else ""


def test_filters_offer_and_name_no_row_of_others(client: Client, ours: Side, theirs: Side) -> None:
    for model in MODELS:
        for declared in admin.site.get_model_admin(model).list_filter:
            if isinstance(declared, tuple):
                field = model._meta.get_field(str(declared[0]))
                related: Any = field.related_model
                query = f"?{field.name}__{related._meta.pk.name}__exact={row_of(theirs, related).pk}"
                page = shown(client, address(model, "changelist") + query)
                assert theirs.customer.name not in page, (model, field)
                offered = {"app_label": model._meta.app_label, "model_name": str(model._meta.model_name)}
                choices = client.get(reverse("admin:autocomplete"), offered | {"field_name": field.name, "term": ""})
                assert (choices.status_code, traces(choices.content.decode(), theirs)) == (200, set()), (model, field)
    assert "theirs" not in shown(client, address(ProblematicEvent, "changelist"))


def test_no_step_reaches_the_row_of_another_customer(client: Client, ours: Side, theirs: Side) -> None:
    stored = theirs.stored()
    event, run, customer = theirs.rows["event"], theirs.rows["run"], theirs.customer
    for view in ("map", "unmap", "retry", "ask_clear"):
        client.post(address(ProblematicEvent, view, event.pk), {"test_ids": str(theirs.rows["mapping"].test_id)})
    client.post(address(ProblematicEvent, "clear"), {"events": str(event.pk), "fingerprint": "x"})
    assert client.get(address(ProblematicEvent, "progress", event.pk)).status_code == 404
    assert client.post(address(SyncEvent, "cancel", run.pk)).status_code == 404
    assert client.get(address(SyncEvent, "progress", run.pk)).status_code == 404
    assert client.post(address(Customer, "resume", customer.pk)).status_code == 404
    for model, action in ((ProblematicEvent, "clear_selected"), (type(theirs.rows["product"]), "refresh_now")):
        chosen = {"action": action, "_selected_action": [str(row_of(theirs, model).pk)], "index": "0"}
        client.post(address(model, "changelist"), chosen)
    assert theirs.stored() == stored


def test_clearing_ones_own_event_with_anothers_in_the_form_clears_ones_own(
    client: Client, ours: Side, theirs: Side
) -> None:
    both = f"{ours.rows['event'].pk} {theirs.rows['event'].pk}"
    page = client.post(address(ProblematicEvent, "clear"), {"events": both, "fingerprint": "x"})
    assert traces(page.content.decode(), theirs) == set()
    fingerprint = page.context["selection"].fingerprint
    client.post(address(ProblematicEvent, "clear"), {"events": both, "fingerprint": fingerprint})
    states = [ProblematicEvent.objects.get(pk=side.rows["event"].pk).status for side in (ours, theirs)]
    assert states == [EventStatus.CLEARED, EventStatus.OPEN]


def test_mapping_a_number_tells_nothing_about_the_test_of_another_customer(
    client: Client, ours: Side, theirs: Side
) -> None:
    foreign, own = theirs.rows["test"], TestFactory.create(product=ours.rows["product"], title="ours too")
    for test in (foreign, own):
        mapping = ProblematicMappingFactory.create(event=ours.rows["event"], test_id=test.pk)
        page = shown(client, address(type(mapping), "change", mapping.pk))
        assert (str(test.pk) in page, test.title in page) == (True, test is own)
    page = shown(client, address(ProblematicEvent, "change", ours.rows["event"].pk))
    assert (own.title in page, foreign.title in page) == (True, False)


def test_whoever_sees_all_customers_sees_all_rows(ours: Side, theirs: Side) -> None:
    user = member(name="sally", role="Viewer", staff=True)
    user.user_permissions.add(Permission.objects.get(codename="see_all_customers"))
    assert set(listed(with_session(user), address(Bug, "changelist"))) == {ours.rows["bug"].pk, theirs.rows["bug"].pk}


def test_a_member_of_nothing_sees_nothing(ours: Side) -> None:
    assert listed(with_session(member(name="nell", staff=True)), address(Bug, "changelist")) == []


# Who is a member ------------------------------------------------------------------------------------------------------


def test_the_list_of_users_has_their_roles_and_customers_and_is_filtered_by_them(
    ours: Side, theirs: Side, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    reader = member(ours.customer, role="Operator", staff=True, name="reader")
    reader.user_permissions.add(Permission.objects.get(codename="view_user"))
    both = member(ours.customer, theirs.customer, role="Triage", name="both")
    sees_all = member(role="Viewer", name="sees-all")
    sees_all.user_permissions.add(Permission.objects.get(codename="see_all_customers"))
    client, users = with_session(reader), address(User, "changelist")
    with django_assert_max_num_queries(16):
        page = shown(client, users)
    columns = dict(re.findall(r"field-(roles|customers_shown)[^>]*>\s*([^<]*?)\s*<", page.partition(">both<")[2])[:2])
    assert columns == {"roles": "Triage", "customers_shown": "ours"}
    triage = both.groups.get().pk
    assert listed(client, f"{users}?role={triage}") == [both.pk]
    assert both.pk in listed(client, f"{users}?customer={ours.customer.pk}")
    assert listed(client, f"{users}?customer={theirs.customer.pk}") == []
    assert re.findall(r"field-customers_shown[^>]*>\s*([^<]*?)\s*<", page.partition(">sees-all<")[2])[:1] == ["all"]
    assert listed(client, f"{users}?is_active__exact=0") == []


@pytest.mark.parametrize("lookup", ["customers__id__exact", "customers", "customers__in", "customers__id__in"])
def test_the_address_of_the_list_of_users_tells_nobody_the_members_of_a_customer(theirs: Side, lookup: str) -> None:
    reader = member(role="Viewer", staff=True, name="reader")
    reader.user_permissions.add(Permission.objects.get(codename="view_user"))
    response = with_session(reader).get(f"{address(User, 'changelist')}?{lookup}={theirs.customer.pk}")
    assert response.status_code == 400


@pytest.mark.parametrize(
    ("model", "lookup"),
    [
        (User, "password__startswith"), (Group, "user__password__startswith"), (TOTPDevice, "key__startswith"),
        (ApiToken, "digest__startswith"), (ApiToken, "owner__password__startswith"),
    ],
)  # fmt: skip
def test_no_list_lets_anybody_guess_a_secret_through_its_address(
    admin_client: Client, model: type[Model], lookup: str
) -> None:
    assert admin_client.get(f"{address(model, 'changelist')}?{lookup}=a").status_code == 400


def test_members_are_chosen_on_the_page_of_the_user_and_on_that_of_the_customer(
    admin_client: Client, ours: Side
) -> None:
    nell = User.objects.create_user("nell")
    page = shown(admin_client, address(User, "change", nell.pk))
    assert "Customers whose data this user sees" in page
    assert "members" in shown(admin_client, address(Customer, "change", ours.customer.pk))
    form = {
        "username": "nell", "password": nell.password, "date_joined_0": "2026-01-01", "date_joined_1": "12:00",
        "Customer_members-TOTAL_FORMS": "1", "Customer_members-INITIAL_FORMS": "0",
        "Customer_members-0-customer": str(ours.customer.pk), "Customer_members-0-user": str(nell.pk),
    }  # fmt: skip
    assert admin_client.post(address(User, "change", nell.pk), form).status_code == 302
    assert list(nell.customers.all()) == [ours.customer]


def test_an_operator_sees_the_members_of_a_customer_and_cannot_add_any(client: Client, ours: Side) -> None:
    stranger = User.objects.create_user("stranger")
    page = address(Customer, "change", ours.customer.pk)
    assert "ours-owner" in shown(client, page)
    form = {
        "name": "ours", "api_base_url": ours.customer.api_base_url, "is_active": "on", "product_ids": "",
        "members": [str(stranger.pk)],
    }  # fmt: skip
    assert client.post(page, form).status_code == 302
    assert [user.username for user in ours.customer.members.all()] == ["ours-owner"]
