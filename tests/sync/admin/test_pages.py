"""What holds for the pages of every model: they open, they cost the same for any number of rows, they only show."""

import re
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db.models import CharField, JSONField, Model, TextField
from django.test import Client
from django.urls import reverse
from unfold.admin import ModelAdmin

from sync.models import Bug, Product, SyncEvent, Test
from tests.factories import (
    BugDeviceFactory,
    BugFactory,
    CustomReportFactory,
    SyncPhaseFactory,
    TestFactory,
    TestFeatureFactory,
    TestPlatformFactory,
)
from tests.sync.admin.pages import (
    MODELS,
    READ_ONLY,
    factory_of,
    list_page,
    page,
    queries,
    row_query,
    shown,
)

pytestmark = pytest.mark.django_db

MARKUP = "<script>alert('inert')</script><img src=x onerror=alert(1)>"
every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
every_read_only_model = pytest.mark.parametrize("model", READ_ONLY, ids=lambda model: model.__name__)


def test_every_model_is_in_the_admin() -> None:
    assert [model for model in MODELS if not admin.site.is_registered(model)] == []


@pytest.mark.parametrize("model", [User, Group, *MODELS], ids=lambda model: model.__name__)
def test_every_admin_page_has_the_same_theme(model: type[Model]) -> None:
    assert isinstance(admin.site.get_model_admin(model), ModelAdmin)


@pytest.mark.parametrize("model", [User, Group], ids=lambda model: model.__name__)
def test_users_and_groups_can_be_managed(admin_client: Client, model: type[Model]) -> None:
    base = f"admin:auth_{model._meta.model_name}"
    assert admin_client.get(reverse(f"{base}_changelist")).status_code == 200
    assert admin_client.get(reverse(f"{base}_add")).status_code == 200


@every_model
def test_the_page_of_a_row_opens(admin_client: Client, model: type[Model]) -> None:
    assert shown(admin_client, page(model, factory_of(model).create().pk))


@every_model
def test_a_list_costs_the_same_for_three_rows_as_for_one_and_reads_no_payload(
    admin_client: Client, model: type[Model]
) -> None:
    factory_of(model).create()
    one = queries(admin_client, list_page(model))
    factory_of(model).create_batch(2)
    three = queries(admin_client, list_page(model))
    assert len(three) == len(one)
    assert [sql for sql in three if '"raw"' in sql] == []


def _fill_test(test: Test) -> None:
    TestFeatureFactory.create(test=test)
    TestPlatformFactory.create(test=test)


def _fill_bug(bug: Bug) -> None:
    BugDeviceFactory.create(bug=bug)


def _fill_run(run: SyncEvent) -> None:
    SyncPhaseFactory.create(event=run)


@pytest.mark.parametrize(("model", "fill"), [(Test, _fill_test), (Bug, _fill_bug), (SyncEvent, _fill_run)])
def test_a_page_costs_the_same_however_much_belongs_to_its_row(
    admin_client: Client, model: type[Model], fill: Any
) -> None:
    row = factory_of(model).create()
    fill(row)
    one = queries(admin_client, page(model, row.pk))
    fill(row)
    fill(row)
    assert len(queries(admin_client, page(model, row.pk))) == len(one)


@every_read_only_model
def test_no_row_of_the_sync_can_be_added_changed_or_deleted(admin_client: Client, model: type[Model]) -> None:
    row = factory_of(model).create()
    add = reverse(f"admin:sync_{model._meta.model_name}_add")
    addresses = [add, page(model, row.pk), page(model, row.pk, "delete")]
    assert [admin_client.post(address, {"post": "yes"}).status_code for address in addresses] == [403, 403, 403]
    admin_client.post(list_page(model), {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"})
    assert row_query(model, row.pk).exists()


@every_read_only_model
def test_text_from_testio_is_inert_everywhere(admin_client: Client, model: type[Model]) -> None:
    row = factory_of(model).create()
    row_query(model, row.pk).update(
        **{field.name: _hostile(field) for field in model._meta.concrete_fields if _hostile(field)}
    )
    for address in (list_page(model), page(model, row.pk)):
        assert re.findall(r"<script>alert|<img src=x", shown(admin_client, address)) == []


def _hostile(field: Any) -> object:
    if isinstance(field, JSONField):
        return [{"key": MARKUP, "value": MARKUP}]
    is_text = isinstance(field, CharField | TextField) and not field.choices
    return MARKUP[: field.max_length] if is_text else None


def test_text_from_testio_is_inert_in_the_tables_of_its_parent(admin_client: Client) -> None:
    bug = BugFactory.create(title=MARKUP, steps=[MARKUP], notes=[MARKUP])
    BugDeviceFactory.create(bug=bug, device=MARKUP, browsers=[MARKUP])
    CustomReportFactory.create(bug=bug, data=[{"key": MARKUP, "value": MARKUP}], plain_text_interactions=MARKUP)
    assert "&lt;script&gt;" in shown(admin_client, page(Bug, bug.pk))
    assert re.findall(r"<script>alert|<img src=x", shown(admin_client, page(Bug, bug.pk))) == []


def test_a_payload_is_shown_on_its_own_page_only(admin_client: Client) -> None:
    test = TestFactory.create(raw={"goal": "Grüße & <b>more</b>"})
    assert "Grüße &amp; &lt;b&gt;more&lt;/b&gt;" in shown(admin_client, page(Test, test.pk))
    assert "Grüße" not in shown(admin_client, list_page(Test))


@pytest.mark.parametrize("lookup", ["raw__icontains", "title__icontains", "test__raw__a", "fingerprint"])
def test_the_address_cannot_look_into_columns_that_are_no_filters(admin_client: Client, lookup: str) -> None:
    assert admin_client.get(list_page(Bug), {lookup: "a"}).status_code == 400


@pytest.mark.parametrize("model", [Test, Bug, Product], ids=lambda model: model.__name__)
def test_who_may_view_sees_and_who_may_not_does_not(client: Client, model: type[Model], django_user_model: Any) -> None:
    row = factory_of(model).create()
    client.force_login(django_user_model.objects.create_user("guest", is_staff=True))
    assert client.get(list_page(model)).status_code == 403
    assert client.get(page(model, row.pk)).status_code == 403
