"""The API of the problems, as its callers meet it: real requests through the whole site."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any, get_args
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from problematic import models, schemas, suggestions
from problematic.models import ProblematicEvent, ProblematicMapping
from sync.models.process import this_process
from tests.factories import MARCH, BugFactory, CustomerFactory, ProductFactory, SyncLeaseFactory
from tests.problematic.api import BASE, CLEAR, MAP, READ, RETRY, caller, errors, kind, post
from tests.problematic.factories import (
    ProblematicEventFactory,
    ProblematicMappingFactory,
    RetryAttemptFactory,
    TriageEntryFactory,
)

pytestmark = pytest.mark.django_db

EVENTS = f"{BASE}/events"


@pytest.fixture
def admin_user(db: None) -> User:
    """A superuser without a password, whose hash would cost every test a second."""
    return User.objects.create_superuser("admin")


def _ids(response: Any) -> list[str]:
    return [event["event_id"] for event in response.json()["events"]]


def _resolved(**values: Any) -> ProblematicEvent:
    ended = {"status": "resolved", "resolved_at": MARCH, "resolution": "A sync read through this place."}
    return ProblematicEventFactory.create(**ended | values)


def _claimed() -> dict[str, Any]:
    return {"state": "running", "claimed_by": "here/1/1", "claimed_at": timezone.now(), **this_process()}


# Reading --------------------------------------------------------------------------------------------------------------


def test_an_event_in_the_list_is_what_the_command_prints_and_the_states_of_its_mappings(admin_client: Client) -> None:
    event = ProblematicEventFactory.create(first_position=4, last_position=5)
    for test_id, state in [(3, "queued"), (1, "dead"), (2, "succeeded")]:
        ProblematicMappingFactory.create(event=event, test_id=test_id, state=state)
    printed = StringIO()
    call_command("problematic", "list", "--json", stdout=printed)
    (listed,) = admin_client.get(EVENTS).json()["events"]
    assert listed.pop("mapping_states") == {"queued": 1, "running": 0, "succeeded": 1, "failed": 0, "dead": 1}
    assert [listed] == json.loads(printed.getvalue())["events"]
    assert listed["mapped_test_ids"] == [1, 3]


def test_only_open_events_are_listed_unless_other_states_are_asked_for(admin_client: Client) -> None:
    still_open, resolved = ProblematicEventFactory.create(), _resolved()
    cleared = _resolved(status="cleared")
    assert _ids(admin_client.get(EVENTS)) == [str(still_open.pk)]
    assert set(_ids(admin_client.get(f"{EVENTS}?status=resolved&status=cleared"))) == {
        str(resolved.pk),
        str(cleared.pk),
    }


def test_events_can_be_narrowed_down_to_products_and_a_customer(admin_client: Client) -> None:
    one, two, other = ProblematicEventFactory.create_batch(3)
    chosen = f"product_id={one.product_id}&product_id={two.product_id}"
    assert set(_ids(admin_client.get(f"{EVENTS}?{chosen}"))) == {str(one.pk), str(two.pk)}
    assert _ids(admin_client.get(f"{EVENTS}?customer={other.product.customer.name}")) == [str(other.pk)]
    assert _ids(admin_client.get(f"{EVENTS}?{chosen}&customer={other.product.customer.name}")) == []


def test_events_can_be_narrowed_down_by_age(admin_client: Client) -> None:
    old, young = (
        ProblematicEventFactory.create(first_seen_at=timezone.now() - timedelta(days=days, hours=1)) for days in (9, 2)
    )
    assert _ids(admin_client.get(f"{EVENTS}?min_age_days=3")) == [str(old.pk)]
    assert _ids(admin_client.get(f"{EVENTS}?max_age_days=3")) == [str(young.pk)]
    assert _ids(admin_client.get(f"{EVENTS}?min_age_days=2&max_age_days=10")) == [str(young.pk), str(old.pk)]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_show_every_event_once_while_others_come_and_go(admin_client: Client, limit: int) -> None:
    same_moment = ProblematicEventFactory.create_batch(4, first_seen_at=MARCH)
    later = ProblematicEventFactory.create_batch(3, first_seen_at=MARCH + timedelta(microseconds=1))
    expected = sorted([*same_moment, *later], key=lambda event: (event.first_seen_at, event.pk), reverse=True)
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = admin_client.get(f"{EVENTS}?limit={limit}{cursor and f'&cursor={cursor}'}")
        found += _ids(page)
        cursor = page.json()["next_cursor"]
        ProblematicEventFactory.create(first_seen_at=MARCH + timedelta(days=1))  # found meanwhile: on no later page
        ProblematicEvent.objects.filter(pk=found[0]).update(last_seen_at=timezone.now())
    assert found == [str(event.pk) for event in expected]


@pytest.mark.parametrize("address", [EVENTS, f"{EVENTS}/{{event}}", f"{EVENTS}/{{event}}/suggestions"])
def test_reading_costs_the_same_for_1_3_and_50_events(admin_client: Client, address: str) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert admin_client.get(address.format(event=event.pk)).status_code == 200
        assert [query["sql"] for query in captured.captured_queries if '"raw"' in query["sql"]] == []
        return len(captured)

    event = ProblematicEventFactory.create()
    _fill(event)
    one = queries()
    for more in (2, 47):
        for another in ProblematicEventFactory.create_batch(more, product=event.product):
            _fill(another)
            _fill(event)
        assert queries() == one


def _fill(event: ProblematicEvent) -> None:
    user = User.objects.create_user(f"user-{uuid4()}")
    RetryAttemptFactory.create(mapping__event=event, mapping__mapped_by=user)
    TriageEntryFactory.create(event=event, by=user)
    BugFactory.create(test=None, product=event.product, mentioned_test_id=7)


@pytest.mark.parametrize(
    "written", [str, lambda event: event.pk, lambda event: event.pk.hex[:9], lambda event: f"EVT_{event.pk.hex[:9]}"]
)
def test_an_event_is_found_by_all_its_names(admin_client: Client, written: Callable[[ProblematicEvent], str]) -> None:
    event = ProblematicEventFactory.create()
    assert admin_client.get(f"{EVENTS}/{written(event)}").json()["public_id"] == event.public_id


def test_an_event_is_told_with_its_mappings_and_its_history(admin_client: Client, admin_user: User) -> None:
    event = _resolved()
    mapping = ProblematicMappingFactory.create(
        event=event, test_id=5, state="failed", attempts=1, next_attempt_at=MARCH, last_error="Gone.", mapped_at=MARCH
    )
    RetryAttemptFactory.create(mapping=mapping, number=1, finished_at=MARCH, worker="w", detail="Gone.")
    ProblematicMappingFactory.create(event=event, test_id=4, state="succeeded", mapped_by=admin_user)
    TriageEntryFactory.create(event=event, action="mapped", at=MARCH, by=admin_user, test_ids=[4, 5])
    told = admin_client.get(f"{EVENTS}/{event}").json()
    noon = "2026-03-01T12:00:00Z"
    settled, waiting = told["mappings"]
    assert (settled["test_id"], settled["mapped_by"], settled["next_attempt_at"]) == (4, "admin", None)
    assert waiting == {
        "test_id": 5,
        "state": "failed",
        "attempts": 1,
        "next_attempt_at": noon,
        "last_error": "Gone.",
        "claimed_by": "",
        "claimed_at": None,
        "mapped_by": None,
        "mapped_at": noon,
        "history": [
            {
                "number": 1,
                "started_at": noon,
                "finished_at": noon,
                "worker": "w",
                "outcome": "failed",
                "detail": "Gone.",
            }
        ],
    }
    assert told["history"] == [{"action": "mapped", "at": noon, "by": "admin", "test_ids": [4, 5], "detail": ""}]
    assert (told["resolved_at"], told["resolution"]) == (noon, "A sync read through this place.")


def test_suggestions_come_with_their_reason(admin_client: Client) -> None:
    event = ProblematicEventFactory.create()
    BugFactory.create_batch(2, test=None, product=event.product, mentioned_test_id=77)
    (told,) = admin_client.get(f"{EVENTS}/{event}/suggestions").json()["suggestions"]
    assert told == suggestions.as_json(suggestions.suggest(event)[0])
    assert (told["test_id"], told["bugs"]) == (77, 2)


@pytest.mark.parametrize("name", ["evt_ffff", "evt_", "no id", "%00", "ffffffff-ffff-ffff-ffff-ffffffffffff"])
@pytest.mark.parametrize("below", ["", "/suggestions"])
def test_an_event_that_is_not_there_is_not_found(admin_client: Client, name: str, below: str) -> None:
    response = admin_client.get(f"{EVENTS}/{name}{below}")
    assert (response.status_code, response.json()["type"]) == (404, "/problems/not-found")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("product_id=x", "product_id.0"),
        ("product_id=99999999999999999999", "product_id.0"),
        ("status=broken", "status.0"),
        ("customer=%00", "customer"),
        ("customer=nobody", "customer"),
        ("cursor=x", "cursor"),
        ("min_age_days=-1", "min_age_days"),
        ("max_age_days=99999999999", "max_age_days"),
        ("products=1", "products"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_refused_by_name(admin_client: Client, query: str, field: str) -> None:
    response = admin_client.get(f"{EVENTS}?{query}")
    assert kind(response) == (422, "invalid")
    assert list(errors(response)) == [field]


@pytest.mark.parametrize("address", ["{event}", "{event}/suggestions"])
def test_addresses_without_parameters_refuse_every_parameter(admin_client: Client, address: str) -> None:
    response = admin_client.get(f"{EVENTS}/{address.format(event=ProblematicEventFactory.create())}?verbose=1")
    assert (kind(response), errors(response)) == (
        (422, "invalid"),
        {"verbose": "This address knows no such parameter. It knows none."},
    )


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
    event = _resolved()
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
    assert response.json() == {"position_ranges_cleared": 1, "test_ids_cleared": 3}
    assert list(ProblematicEvent.objects.open()) == [other]
    again = post(admin_client, f"{BASE}/clear", {"product_ids": [event.product_id]})
    assert again.json() == {"position_ranges_cleared": 0, "test_ids_cleared": 0}


def test_clearing_keeps_to_resolved_events_and_to_one_customer_when_asked(admin_client: Client) -> None:
    product = ProductFactory.create()
    still_open, resolved = ProblematicEventFactory.create(product=product), _resolved(product=product)
    elsewhere = _resolved()
    order = {"product_ids": [], "customer": product.customer.name, "resolved_only": True}
    assert post(admin_client, f"{BASE}/clear", order).json()["position_ranges_cleared"] == 1
    states = dict(ProblematicEvent.objects.values_list("pk", "status"))
    assert states == {still_open.pk: "open", resolved.pk: "cleared", elsewhere.pk: "resolved"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "product_ids"),
        ({"product_ids": None}, "product_ids"),
        ({"product_ids": [], "customer": "nobody"}, "customer"),
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


def test_clearing_a_product_that_is_being_synced_is_refused_with_the_time_to_come_back(admin_client: Client) -> None:
    event = ProblematicEventFactory.create()
    now = timezone.now()
    SyncLeaseFactory.create(product=event.product, holder=uuid4(), acquired_at=now, heartbeat_at=now, **this_process())
    response = post(admin_client, f"{BASE}/clear", {"product_ids": []})
    assert kind(response) == (409, "busy")
    assert response["Retry-After"] == str(response.json()["retry_after"])
    assert 590 <= response.json()["retry_after"] <= 600
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
    assert response["WWW-Authenticate"] == 'Session realm="TestIO Desk"'


def test_every_change_is_in_the_admin_log_with_its_user() -> None:
    client = caller(MAP, RETRY, CLEAR)
    event = ProblematicEventFactory.create(product__customer=CustomerFactory.create(name="acme"))
    post(client, f"{EVENTS}/{event}/mappings", {"test_ids": [8, 9]})
    post(client, f"{EVENTS}/{event}/mappings", {"test_ids": [8, 9]})  # changes nothing
    client.delete(f"{EVENTS}/{event}/mappings/8")
    job = post(client, f"{EVENTS}/{event}/retry", None).json()["public_id"]
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


def test_the_words_the_api_publishes_are_the_words_that_are_stored() -> None:
    published = [schemas.EventStatus, schemas.MappingState, schemas.Outcome, schemas.Action, schemas.JobStatus]
    stored = [
        models.EventStatus,
        models.MappingState,
        models.RetryAttempt.Outcome,
        models.TriageEntry.Action,
        models.RetryJob.Status,
    ]
    assert [list(get_args(words)) for words in published] == [choices.values for choices in stored]
