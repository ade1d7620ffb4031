"""Reading through the API: lists and pages of events, one event, suggestions, and parameters that are refused."""

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any, get_args
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from problematic import models, schemas, suggestions
from problematic.models import ProblematicEvent
from tests.factories import MARCH, BugFactory
from tests.problematic.api import BASE, errors, kind, resolved_event
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


def test_an_event_in_the_list_is_what_the_command_prints_and_the_states_of_its_mappings(admin_client: Client) -> None:
    event = ProblematicEventFactory.create(first_position=4, last_position=5, first_seen_at=MARCH, last_seen_at=MARCH)
    for test_id, state in [(3, "queued"), (1, "dead"), (2, "succeeded")]:
        ProblematicMappingFactory.create(event=event, test_id=test_id, state=state)
    printed = StringIO()
    call_command("problematic", "list", "--json", stdout=printed)
    (listed,) = admin_client.get(EVENTS).json()["events"]
    assert listed.pop("mapping_states") == {"queued": 1, "running": 0, "succeeded": 1, "failed": 0, "dead": 1}
    assert [listed] == json.loads(printed.getvalue())["events"]
    assert listed["mapped_test_ids"] == [1, 3]


def test_only_open_events_are_listed_unless_other_states_are_asked_for(admin_client: Client) -> None:
    still_open, resolved = ProblematicEventFactory.create(), resolved_event()
    cleared = resolved_event(status="cleared")
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
    theirs = f"product_id={other.product_id}&customer={other.product.customer.name}"
    assert _ids(admin_client.get(f"{EVENTS}?{theirs}")) == [str(other.pk)]


def test_products_that_are_not_there_or_not_the_customers_are_refused_by_number(admin_client: Client) -> None:
    one, other = ProblematicEventFactory.create_batch(2)
    response = admin_client.get(f"{EVENTS}?product_id={one.product_id}&product_id=999999")
    assert (kind(response), errors(response)) == ((404, "not-found"), {"product_id.1": "There is no product 999999."})
    name = other.product.customer.name
    response = admin_client.get(f"{EVENTS}?product_id={one.product_id}&customer={name}")
    assert errors(response) == {"product_id.0": f"Customer {name} has no product {one.product_id}."}


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
    event = resolved_event()
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
    assert told["attempts"] == [{"test_id": 5, **waiting["history"][0]}]
    assert told["history"] == [{"action": "mapped", "at": noon, "by": "admin", "test_ids": [4, 5], "detail": ""}]
    assert (told["resolved_at"], told["resolution"]) == (noon, "A sync read through this place.")


def test_attempts_are_told_when_the_mapping_is_gone_too(admin_client: Client) -> None:
    attempt = RetryAttemptFactory.create(detail="Gone.")
    attempt.event.mappings.all().delete()
    told = admin_client.get(f"{EVENTS}/{attempt.event}").json()
    assert told["mappings"] == []
    assert [(each["test_id"], each["detail"]) for each in told["attempts"]] == [(attempt.test_id, "Gone.")]


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
        ("limit=1&limit=2", "limit"),
        ("product_id=x", "product_id.0"),
        ("product_id=99999999999999999999", "product_id.0"),
        ("status=broken", "status.0"),
        ("customer=%00", "customer"),
        ("cursor=*", "cursor"),
        ("min_age_days=-1", "min_age_days"),
        ("max_age_days=99999999999", "max_age_days"),
        ("products=1", "products"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_refused_by_name(admin_client: Client, query: str, field: str) -> None:
    response = admin_client.get(f"{EVENTS}?{query}")
    assert kind(response) == (422, "invalid")
    assert list(errors(response)) == [field]


def test_a_customer_that_is_not_there_is_named(admin_client: Client) -> None:
    response = admin_client.get(f"{EVENTS}?customer=nobody")
    assert (kind(response), list(errors(response))) == ((404, "not-found"), ["customer"])


@pytest.mark.parametrize("address", ["{event}", "{event}/suggestions"])
def test_addresses_without_parameters_refuse_every_parameter(admin_client: Client, address: str) -> None:
    response = admin_client.get(f"{EVENTS}/{address.format(event=ProblematicEventFactory.create())}?verbose=1")
    assert (kind(response), errors(response)) == (
        (422, "invalid"),
        {"verbose": "This address knows no such parameter. It knows none."},
    )


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


@pytest.mark.parametrize("below", ["", "/{event}"])
def test_what_the_caller_has_already_is_not_sent_again_while_nothing_changes(admin_client: Client, below: str) -> None:
    event = ProblematicEventFactory.create()
    address = EVENTS + below.format(event=event.pk)
    tag = admin_client.get(address)["ETag"]
    assert admin_client.get(address, headers={"If-None-Match": tag}).status_code == 304
    ProblematicEvent.objects.update(occurrences=7)
    assert admin_client.get(address, headers={"If-None-Match": tag}).status_code == 200


def test_all_events_are_counted_where_that_is_asked_for(admin_client: Client) -> None:
    ProblematicEventFactory.create_batch(3)
    assert admin_client.get(f"{EVENTS}?limit=1&count=true").json()["count"] == 3
