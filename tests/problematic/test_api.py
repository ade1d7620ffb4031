"""Changing things through the API: mapping, clearing, who may, and where it is written down."""

import json
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from problematic.models import ProblematicEvent, ProblematicMapping, RetryJob
from sync.models.process import this_process
from tests.factories import CustomerFactory, ProductFactory, SyncLeaseFactory
from tests.problematic.api import BASE, CLEAR, MAP, READ, RETRY, caller, errors, kind, post, resolved_event
from tests.problematic.factories import (
    ProblematicEventFactory,
    ProblematicMappingFactory,
)

pytestmark = pytest.mark.django_db

EVENTS = f"{BASE}/events"


@pytest.fixture
def admin_user(db: None) -> User:
    """A superuser without a password, whose hash would cost every test a second."""
    return User.objects.create_superuser("admin")


def _claimed() -> dict[str, Any]:
    return {"state": "running", "claimed_by": "here/1/1", "claimed_at": timezone.now(), **this_process()}


# Mapping --------------------------------------------------------------------------------------------------------------


def test_mapping_says_what_it_did_and_is_safe_to_repeat(admin_client: Client) -> None:
    event = ProblematicEventFactory.create()
    ProblematicMappingFactory.create(event=event, test_id=1, state="dead")
    mapped = post(admin_client, f"{EVENTS}/{event}/mappings", {"test_ids": [2, 1, 2]})
    assert (mapped.status_code, mapped.json()) == (
        200,
        {"event_id": str(event.pk), "added": [2], "revived": [1], "unchanged": []},
    )
    again = post(admin_client, f"{EVENTS}/{event}/mappings", {"test_ids": [1, 2]})
    assert again.json() == {"event_id": str(event.pk), "added": [], "revived": [], "unchanged": [1, 2]}
    assert list(event.mappings.values_list("test_id", "state")) == [(1, "queued"), (2, "queued")]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"test_ids": []}, "test_ids"),
        ({"test_ids": [0]}, "test_ids.0"),
        ({"test_ids": [1, -2]}, "test_ids.1"),
        ({"test_ids": ["12"]}, "test_ids.0"),
        ({"test_ids": [True]}, "test_ids.0"),
        ({"test_ids": [1.5]}, "test_ids.0"),
        ({"test_ids": [2**63]}, "test_ids.0"),
        ({"test_ids": list(range(1, 1002))}, "test_ids"),
        ({"test_ids": [1], "by": "me"}, "by"),
        ({}, "test_ids"),
        ([], "body"),
        (None, "body"),
    ],
)
def test_test_ids_that_are_none_are_refused_and_nothing_is_mapped(
    admin_client: Client, body: object, field: str
) -> None:
    event = ProblematicEventFactory.create()
    response = post(admin_client, f"{EVENTS}/{event}/mappings", json.dumps(body))
    assert (kind(response), list(errors(response))) == ((422, "invalid"), [field])
    assert not ProblematicMapping.objects.exists()


def test_nothing_is_mapped_to_an_event_that_is_no_longer_open(admin_client: Client) -> None:
    event = resolved_event()
    response = post(admin_client, f"{EVENTS}/{event}/mappings", {"test_ids": [1]})
    assert kind(response) == (409, "not-open")
    assert "A sync read through this place." in response.json()["detail"]
    assert not LogEntry.objects.exists()


def test_a_mapping_can_be_taken_back_once(admin_client: Client) -> None:
    mapping = ProblematicMappingFactory.create()
    address = f"{EVENTS}/{mapping.event}/mappings/{mapping.test_id}"
    first, second = admin_client.delete(address), admin_client.delete(address)
    assert (first.status_code, first.content) == (204, b"")
    assert kind(second) == (404, "not-found")
    assert not ProblematicMapping.objects.exists()


def test_a_mapping_stays_while_its_test_is_being_retried(admin_client: Client) -> None:
    mapping = ProblematicMappingFactory.create(**_claimed())
    response = admin_client.delete(f"{EVENTS}/{mapping.event}/mappings/{mapping.test_id}")
    assert kind(response) == (409, "already-claimed")
    assert ProblematicMapping.objects.filter(pk=mapping.pk).exists()


# Clearing -------------------------------------------------------------------------------------------------------------


def test_clearing_says_how_much_went_and_touches_nothing_else(admin_client: Client) -> None:
    event, other = ProblematicEventFactory.create_batch(2)
    ProblematicMappingFactory.create_batch(3, event=event)
    response = post(admin_client, f"{BASE}/clear", {"product_ids": [event.product_id]})
    assert response.json() == {"position_ranges_cleared": 1, "test_ids_cleared": 3, "left_out": []}
    assert list(ProblematicEvent.objects.open()) == [other]
    again = post(admin_client, f"{BASE}/clear", {"product_ids": [event.product_id]})
    assert again.json() == {"position_ranges_cleared": 0, "test_ids_cleared": 0, "left_out": []}


def test_clearing_keeps_to_resolved_events_and_to_one_customer_when_asked(admin_client: Client) -> None:
    product = ProductFactory.create()
    still_open, resolved = ProblematicEventFactory.create(product=product), resolved_event(product=product)
    elsewhere = resolved_event()
    order = {"product_ids": [], "customer": product.customer.name, "resolved_only": True}
    assert post(admin_client, f"{BASE}/clear", order).json()["position_ranges_cleared"] == 1
    states = dict(ProblematicEvent.objects.values_list("pk", "status"))
    assert states == {still_open.pk: "open", resolved.pk: "cleared", elsewhere.pk: "resolved"}


def test_what_is_being_retried_is_left_out_of_a_clear_or_refused(admin_client: Client) -> None:
    event = ProblematicMappingFactory.create(**_claimed()).event
    ProblematicEventFactory.create()
    response = post(admin_client, f"{BASE}/clear", {"product_ids": []})
    assert response.json() == {"position_ranges_cleared": 1, "test_ids_cleared": 0, "left_out": [event.public_id]}
    assert list(ProblematicEvent.objects.open()) == [event]
    again = post(admin_client, f"{BASE}/clear", {"product_ids": []})
    assert kind(again) == (409, "already-claimed")
    assert ProblematicMapping.objects.exists()


@pytest.mark.parametrize("step", ["clear", "unmap"])
def test_a_claim_whose_worker_is_gone_stands_in_nobodys_way(admin_client: Client, step: str) -> None:
    mapping = ProblematicMappingFactory.create(**_claimed() | {"pid": None})
    if step == "clear":
        assert post(admin_client, f"{BASE}/clear", {"product_ids": []}).json()["test_ids_cleared"] == 1
    else:
        assert admin_client.delete(f"{EVENTS}/{mapping.event}/mappings/{mapping.test_id}").status_code == 204
    assert not ProblematicMapping.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "product_ids"),
        ({"product_ids": None}, "product_ids"),
        ({"product_ids": [], "customer": "a\0b"}, "customer"),
        ({"product_ids": [], "resolved_only": 1}, "resolved_only"),
        ({"product_ids": [], "resolved": True}, "resolved"),
    ],
)
def test_nothing_is_cleared_by_an_order_that_is_not_clear(admin_client: Client, body: object, field: str) -> None:
    ProblematicEventFactory.create()
    response = post(admin_client, f"{BASE}/clear", body)
    assert (kind(response), list(errors(response))) == ((422, "invalid"), [field])
    assert ProblematicEvent.objects.open().count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"product_ids": [], "customer": "nobody"}, "customer"),
        ({"product_ids": [999_999]}, "product_ids.0"),
    ],
)
def test_nothing_is_cleared_when_the_order_names_what_is_not_here(
    admin_client: Client, body: object, field: str
) -> None:
    ProblematicEventFactory.create()
    response = post(admin_client, f"{BASE}/clear", body)
    assert (kind(response), list(errors(response))) == ((404, "not-found"), [field])
    assert ProblematicEvent.objects.open().count() == 1


def test_clearing_a_product_that_is_being_synced_is_refused_with_the_time_to_come_back(admin_client: Client) -> None:
    event = ProblematicEventFactory.create()
    now = timezone.now()
    SyncLeaseFactory.create(product=event.product, holder=uuid4(), acquired_at=now, heartbeat_at=now, **this_process())
    response = post(admin_client, f"{BASE}/clear", {"product_ids": []})
    assert kind(response) == (409, "busy")
    assert response["Retry-After"] == str(response.json()["retry_after"])
    assert 110 <= response.json()["retry_after"] <= 120
    assert ProblematicEvent.objects.open().count() == 1


# Permissions and the admin log ----------------------------------------------------------------------------------------

CALLS: list[tuple[str, str, str, object]] = [
    (READ, "GET", "/events", None),
    (READ, "GET", "/events/{event}", None),
    (READ, "GET", "/events/{event}/suggestions", None),
    (READ, "GET", "/jobs/{event}", None),
    (MAP, "POST", "/events/{event}/mappings", {"test_ids": [1]}),
    (MAP, "DELETE", "/events/{event}/mappings/1", None),
    (RETRY, "POST", "/events/{event}/retry", None),
    (RETRY, "POST", "/retry", {"all": True}),
    (CLEAR, "POST", "/clear", {"product_ids": []}),
]


@pytest.mark.parametrize(("permission", "method", "address", "body"), CALLS)
def test_each_call_needs_its_own_permission(permission: str, method: str, address: str, body: object) -> None:
    event = ProblematicEventFactory.create()
    address = BASE + address.format(event=event)
    call: dict[str, Any] = {"data": json.dumps(body) if body else "", "content_type": "application/json"}
    others = {READ, MAP, RETRY, CLEAR} - {permission}
    refused = caller(*others, name="without").generic(method, address, **call)
    assert kind(refused) == (403, "forbidden")
    assert f"problematic.{permission}" in refused.json()["detail"]
    assert not ProblematicMapping.objects.exists()
    assert caller(permission, name="with").generic(method, address, **call).status_code != 403


@pytest.mark.parametrize(("permission", "method", "address", "body"), CALLS)
def test_nobody_gets_in_without_logging_in(
    client: Client, permission: str, method: str, address: str, body: object
) -> None:
    response = client.generic(method, BASE + address.format(event="evt_1"), json.dumps(body))
    assert kind(response) == (401, "not-logged-in")
    assert response["WWW-Authenticate"] == 'Bearer realm="TestIO Desk"'


def test_every_change_is_in_the_admin_log_with_its_user() -> None:
    client = caller(MAP, RETRY, CLEAR)
    event = ProblematicEventFactory.create(product__customer=CustomerFactory.create(name="acme"))
    post(client, f"{EVENTS}/{event}/mappings", {"test_ids": [8, 9]})
    post(client, f"{EVENTS}/{event}/mappings", {"test_ids": [8, 9]})  # changes nothing
    client.delete(f"{EVENTS}/{event}/mappings/8")
    job = post(client, f"{EVENTS}/{event}/retry", None).json()["public_id"]
    RetryJob.objects.update(status="interrupted", finished_at=timezone.now())
    all_of_it = post(client, f"{BASE}/retry", {"all": True}).json()["public_id"]
    post(client, f"{BASE}/clear", {"product_ids": [event.product_id]})
    post(client, f"{BASE}/clear", {"product_ids": [event.product_id]})  # changes nothing
    log = LogEntry.objects.order_by("pk").values_list("user__username", "object_repr", "change_message")
    assert list(log) == [
        ("tess", str(event), "Mapped 8, 9."),
        ("tess", str(event), "Unmapped 8."),
        ("tess", str(event), f"Started {job}: a retry of 1 mapped test."),
        ("tess", all_of_it, f"Started {all_of_it}: a retry of 1 mapped test."),
        (
            "tess",
            "problematic events",
            f"Cleared 1 position ranges with 1 mapped test ids (products {event.product_id} of acme).",
        ),
    ]
    assert event.history.exclude(by__username="tess").count() == 0
