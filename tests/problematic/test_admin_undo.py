"""Undo on the pages of problems, the way from event to event, and ids pasted into the list."""

import re
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client

from problematic import clearing, triage
from problematic.clearing import Scope
from problematic.models import EventStatus, ProblematicEvent
from sync import leases
from tests.problematic.factories import ProblematicEventFactory, ProblematicMappingFactory
from tests.sync.admin.pages import listed, shown

pytestmark = pytest.mark.django_db

EVENTS = "/admin/problematic/problematicevent/"
KEPT = "_changelist_filters=status%3Dall"


@pytest.fixture
def desk() -> Client:
    return client_of(User.objects.create(username="maria", is_staff=True, is_superuser=True))


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def clerk(*permissions: str) -> Client:
    user = User.objects.create(username="clerk", is_staff=True)
    wanted = [*permissions, "view_problematicevent", "see_all_customers"]
    user.user_permissions.set(Permission.objects.filter(codename__in=wanted))
    return client_of(user)


def page(event: ProblematicEvent, query: str = KEPT) -> str:
    return f"{EVENTS}{event.pk}/change/?{query}"


def press_undo(client: Client, html: str, **more: str) -> tuple[str, list[str]]:
    """Press the first Undo button of a page; where that leads, and what is said there."""
    step = re.search(r'name="step" value="([^"]+)"', html)
    address = re.search(r'<form id="undo" method="post" action="([^"]+)"', html)
    assert step
    assert address
    return answered(client.post(address[1].replace("&amp;", "&"), {"step": step[1], **more}, follow=True))


def answered(response: Any) -> tuple[str, list[str]]:
    said = [re.sub(r" <button.*</button>", "", str(message)) for message in response.context["messages"]]
    return response.redirect_chain[-1][0], said


def test_mapping_is_undone_by_the_button_of_its_message(desk: Client) -> None:
    event = ProblematicEventFactory.create()
    mapped = desk.post(f"{EVENTS}{event.pk}/map/?{KEPT}", {"ticked": ["7", "8"]}, follow=True)
    assert mapped.redirect_chain[-1][0] == page(event)
    where, said = press_undo(desk, mapped.content.decode(), event=str(event.pk))
    assert (where, said) == (page(event), ["Took back the mapping of test ids 7, 8."])
    assert event.mappings.count() == 0
    assert [entry.change_message for entry in LogEntry.objects.order_by("pk")] == [
        "Mapped 7, 8.",
        "Took back the mapping of test ids 7, 8.",
    ]


def test_nothing_ticked_is_said(desk: Client) -> None:
    event = ProblematicEventFactory.create()
    assert answered(desk.post(f"{EVENTS}{event.pk}/map/?{KEPT}", {}, follow=True))[1] == ["Tick at least one test."]


def test_clearing_from_the_list_is_undone_on_the_list(desk: Client) -> None:
    events = ProblematicEventFactory.create_batch(2)
    ProblematicMappingFactory.create(event=events[0])
    chosen = {"action": "clear_selected", "_selected_action": [str(event.pk) for event in events], "index": "0"}
    asked = desk.post(f"{EVENTS}?status=all", chosen).content.decode()
    form = dict(re.findall(r'name="(events|fingerprint)" value="([^"]*)"', asked))
    cleared = desk.post(f"{EVENTS}clear/?{KEPT}", form, follow=True)
    assert cleared.redirect_chain[-1][0] == f"{EVENTS}?status=all"
    where, said = press_undo(desk, cleared.content.decode())
    assert (where, said) == (
        f"{EVENTS}?status=all",
        ["Took back the clearing of 2 events with 1 mapped test id."],
    )
    assert set(ProblematicEvent.objects.values_list("status", flat=True)) == {EventStatus.OPEN}


def test_the_page_of_an_event_offers_to_undo_its_last_step_as_long_as_that_goes(desk: Client) -> None:
    event = ProblematicEventFactory.create()
    triage.map_tests(event, [7])
    assert shown(desk, page(event)).count('name="step"') == 1
    clearing.clear(Scope.of([event.pk]))
    html = shown(desk, page(event))
    ProblematicEventFactory.create(product=event.product, boundary_before_id=event.boundary_before_id)
    assert 'name="step"' not in shown(desk, page(event))
    where, (said,) = press_undo(desk, html, event=str(event.pk))
    assert where == page(event)
    assert said.startswith(f"Nothing was undone. A sync has found the gap of event {event} anew, as evt_")


def test_whoever_may_not_do_a_thing_may_not_undo_it(desk: Client) -> None:
    event = ProblematicEventFactory.create()
    triage.map_tests(event, [7], step=(mapped := uuid4()))
    mapper = clerk("map_tests")
    assert 'name="step"' in shown(mapper, page(event))
    clearing.clear(Scope.of([event.pk]), step=(cleared := uuid4()))
    assert 'name="step"' not in shown(mapper, page(event))
    assert mapper.post(f"{EVENTS}undo/", {"step": str(cleared)}).status_code == 403
    User.objects.get(username="clerk").user_permissions.set(
        Permission.objects.filter(codename__in=["clear_events", "view_problematicevent", "see_all_customers"])
    )
    assert mapper.post(f"{EVENTS}undo/", {"step": str(mapped)}).status_code == 403
    assert mapper.post(f"{EVENTS}undo/", {"step": str(cleared)}).status_code == 302
    event.refresh_from_db()
    assert event.status == EventStatus.OPEN


def test_an_undo_names_a_step_and_takes_a_post(desk: Client) -> None:
    event = ProblematicEventFactory.create()
    triage.map_tests(event, [7], step=(step := uuid4()))
    assert desk.get(f"{EVENTS}undo/", {"step": str(step)}).headers["Location"] == EVENTS
    for odd in ("", "x"):
        where, said = answered(desk.post(f"{EVENTS}undo/", {"step": odd}, follow=True))
        assert (where, said) == (EVENTS, ["Nothing was undone: no step was named."])
    assert event.mappings.count() == 1


def test_what_belongs_to_other_customers_is_not_undone() -> None:
    event = ProblematicEventFactory.create()
    triage.map_tests(event, [7], step=(step := uuid4()))
    stranger = clerk("map_tests")
    User.objects.get(username="clerk").user_permissions.remove(Permission.objects.get(codename="see_all_customers"))
    _, said = answered(stranger.post(f"{EVENTS}undo/", {"step": str(step)}, follow=True))
    assert said == ["Nothing was undone. There is nothing to undo: no such step is known."]
    assert event.mappings.count() == 1


def test_an_undo_that_must_wait_for_a_sync_can_be_tried_again(desk: Client) -> None:
    event = ProblematicEventFactory.create()
    clearing.clear(Scope.of([event.pk]))
    html = shown(desk, page(event))
    held, _ = leases.acquire([event.product_id], uuid4())
    where, (said,) = press_undo(desk, html, event=str(event.pk))
    assert said.startswith("Nothing was undone. ")
    assert "Retry in" in said
    held[0].release()
    assert press_undo(desk, shown(desk, where), event=str(event.pk))[1] == [
        "Took back the clearing of 1 event with 0 mapped test ids."
    ]


def test_the_way_leads_through_the_list_somebody_came_from(desk: Client) -> None:
    a, b, c = (ProblematicEventFactory.create(occurrences=number) for number in (3, 2, 1))
    kept = "_changelist_filters=o%3D-6"
    steps = {
        event: re.findall(r'rel="(prev|next)"', shown(desk, page(event, kept).replace("&amp;", "&")))
        for event in (a, b, c)
    }
    assert steps == {a: ["next"], b: ["prev", "next"], c: ["prev"]}
    html = shown(desk, page(b, kept))
    assert re.findall(r'<a href="([^"]+)" rel="(?:prev|next)"', html) == [page(a, kept), page(c, kept)]
    assert "2 of 3 in the list" in html
    assert f'<a href="{EVENTS}?o=-6" data-key="l"' in html


def test_an_event_that_left_the_list_is_followed_by_the_first_that_is_there(desk: Client) -> None:
    left, there = ProblematicEventFactory.create_batch(2)
    clearing.clear(Scope.of([left.pk]))
    html = shown(desk, page(left, "_changelist_filters=status%3Dopen"))
    assert "Not in the list any more: 1 there" in html
    assert f'href="{page(there, "_changelist_filters=status%3Dopen")}" rel="next"' in html


@pytest.mark.parametrize("filters", ["p%3Dx", "odd%3D1", "%0A", "product__id__exact%3Dx", "status%3Dodd"])
def test_a_list_that_no_address_can_mean_leads_nowhere(desk: Client, filters: str) -> None:
    assert 'rel="next"' not in shown(desk, page(ProblematicEventFactory.create(), f"_changelist_filters={filters}"))


def test_events_are_found_by_pasted_ids_of_theirs_and_of_mapped_tests(desk: Client) -> None:
    first, second, _ = ProblematicEventFactory.create_batch(3)
    ProblematicMappingFactory.create(event=second, test_id=501234)
    address = f"{EVENTS}?q={first.public_id}, T-501234; https://example.org/tests/7 12"
    assert set(listed(desk, address)) == {first.pk, second.pk}
    assert "Not found: https://example.org/tests/7, 12." in shown(desk, address)
    cleared = f"{EVENTS}?status=cleared&q={first.public_id} 501234"
    assert f"Left out by the filters: {first.public_id}, 501234." in shown(desk, cleared)
