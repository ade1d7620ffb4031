import os
from contextlib import suppress
from uuid import uuid4

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from problematic import claims, clearing, triage
from problematic.clearing import Scope
from problematic.models import EventStatus, ProblematicEvent, ProblematicMapping
from problematic.triage import AlreadyClaimed, Mapped, TriageRefused
from sync import leases
from tests.problematic.crowd import Crowd
from tests.problematic.factories import ProblematicEventFactory, ProblematicMappingFactory

pytestmark = pytest.mark.django_db


def states(event: ProblematicEvent) -> dict[int, str]:
    return dict(event.mappings.values_list("test_id", "state"))


def history(event: ProblematicEvent) -> list[tuple[str, list[int]]]:
    return [(entry.action, entry.test_ids) for entry in event.history.all()]


def end(event: ProblematicEvent, status: EventStatus) -> None:
    values = {"status": status, "resolved_at": timezone.now(), "resolution": "It was read through."}
    ProblematicEvent.objects.filter(pk=event.pk).update(**values)


def run_now(mapping: ProblematicMapping) -> ProblematicMapping:
    return claims.claim(mapping.pk, "worker")


# Mapping --------------------------------------------------------------------------------------------------------------


def test_mapped_tests_are_queued_under_exactly_that_event(event: ProblematicEvent, user: User) -> None:
    other = ProblematicEventFactory.create(product=event.product)
    assert triage.map_tests(event, [5, 3, 5], user) == Mapped([5, 3], [], [])
    assert states(event) == {3: "queued", 5: "queued"}
    assert states(other) == {}
    assert set(event.mappings.values_list("mapped_by", flat=True)) == {user.pk}
    assert history(event) == [("mapped", [3, 5])]


def test_more_tests_can_be_mapped_later_and_the_same_ones_again(event: ProblematicEvent) -> None:
    triage.map_tests(event, [1, 2])
    assert triage.map_tests(event, [2, 3]) == Mapped([3], [], [2])
    assert triage.map_tests(event, [1, 2, 3]) == Mapped([], [], [1, 2, 3])
    assert states(event) == {1: "queued", 2: "queued", 3: "queued"}
    assert history(event) == [("mapped", [1, 2]), ("mapped", [3])]


def test_mapping_again_takes_up_what_was_dead_or_had_succeeded_and_nothing_else(event: ProblematicEvent) -> None:
    for number, state in enumerate(("dead", "succeeded", "failed", "queued"), start=1):
        ProblematicMappingFactory.create(event=event, test_id=number, state=state, attempts=8, last_error="no")
    run_now(ProblematicMappingFactory.create(event=event, test_id=5))
    assert triage.map_tests(event, [1, 2, 3, 4, 5]) == Mapped([], [1, 2], [3, 4, 5])
    assert states(event) == {1: "queued", 2: "queued", 3: "failed", 4: "queued", 5: "running"}
    revived = event.mappings.get(test_id=1)
    assert (revived.attempts, revived.last_error) == (0, "")
    assert [mapping.test_id for mapping in claims.claim_due("worker", 10)][-2:] == [1, 2]
    assert history(event) == [("revived", [1, 2])]


@pytest.mark.parametrize("status", [EventStatus.RESOLVED, EventStatus.CLEARED])
def test_nothing_is_mapped_to_an_event_that_is_not_open(event: ProblematicEvent, status: EventStatus) -> None:
    end(event, status)
    with pytest.raises(TriageRefused) as refused:
        triage.map_tests(event, [1])
    assert str(refused.value) == (f"Event {event} is {status}: It was read through. Nothing needs to be mapped to it.")
    assert (states(event), history(event)) == ({}, [])


@pytest.mark.parametrize("test_ids", [[], [0], [-5], [7, 2**63]], ids=str)
def test_numbers_that_are_no_test_ids_are_refused(event: ProblematicEvent, test_ids: list[int]) -> None:
    with pytest.raises(TriageRefused, match="Test ids are positive whole numbers"):
        triage.map_tests(event, test_ids)
    assert states(event) == {}


def test_nothing_is_mapped_to_an_event_that_is_gone(event: ProblematicEvent) -> None:
    gone = ProblematicEvent.objects.get(pk=event.pk)
    event.delete()
    with pytest.raises(TriageRefused, match=r"is not there any more"):
        triage.map_tests(gone, [1])


def test_mapping_needs_no_lease(event: ProblematicEvent) -> None:
    leases.acquire([event.product_id], uuid4())
    triage.map_tests(event, [1, 2])
    assert triage.unmap(event, [1]) == [1]
    assert states(event) == {2: "queued"}


def test_whoever_is_nobody_leaves_no_name(event: ProblematicEvent) -> None:
    triage.map_tests(event, [1], AnonymousUser())
    assert event.mappings.get().mapped_by is None
    assert event.history.get().by is None


def map_ids_of_our_own(event_id: str) -> list[int]:
    own = [os.getpid() * 10 + digit for digit in range(10)]
    triage.map_tests(ProblematicEvent.objects.get(pk=event_id), [*own, 7])
    return own


@pytest.mark.django_db(transaction=True)
def test_ten_processes_that_map_at_once_lose_nothing(event: ProblematicEvent, database_url: str) -> None:
    with Crowd(database_url, map_ids_of_our_own, str(event.pk), copies=10) as crowd:
        mapped = {test_id for own in crowd.results() for test_id in own}
    assert len(mapped) == 100
    assert set(states(event)) == mapped | {7}
    entries = [test_id for _, test_ids in history(event) for test_id in test_ids]
    assert sorted(entries) == sorted(mapped | {7})


# Unmapping ------------------------------------------------------------------------------------------------------------


def test_mappings_are_taken_back_whatever_became_of_them(event: ProblematicEvent, user: User) -> None:
    for number, state in enumerate(("queued", "failed", "dead", "succeeded"), start=1):
        ProblematicMappingFactory.create(event=event, test_id=number, state=state)
    ProblematicMappingFactory.create(test_id=1)
    assert triage.unmap(event, [4, 3, 2, 99], user) == [2, 3, 4]
    assert states(event) == {1: "queued"}
    assert ProblematicMapping.objects.count() == 2
    assert history(event) == [("unmapped", [2, 3, 4])]
    assert event.history.get().by == user


def test_taking_back_what_was_not_mapped_leaves_no_trace(event: ProblematicEvent) -> None:
    assert triage.unmap(event, [1, 2]) == []
    assert history(event) == []


def test_a_test_that_is_being_retried_keeps_all_of_them_mapped(event: ProblematicEvent) -> None:
    for number in (1, 2):
        ProblematicMappingFactory.create(event=event, test_id=number)
    running = run_now(event.mappings.get(test_id=2))
    with pytest.raises(AlreadyClaimed) as refused:
        triage.unmap(event, [1, 2])
    assert str(refused.value) == "Test 2 is being retried right now. Wait for the result, then unmap it."
    assert (states(event), history(event)) == ({1: "queued", 2: "running"}, [])
    claims.fail(running, "no such test")
    assert triage.unmap(event, [1, 2]) == [1, 2]


def test_the_attempts_stay_with_the_event_when_the_mapping_goes(event: ProblematicEvent) -> None:
    triage.map_tests(event, [1, 2])
    for mapping in event.mappings.all():
        claims.fail(run_now(mapping), "TestIO cannot read it")
    triage.unmap(event, [1])
    triage.map_tests(event, [1])
    claims.settle(run_now(event.mappings.get(test_id=1)))
    clearing.clear(Scope.of([event.pk]))
    assert not ProblematicMapping.objects.exists()
    assert not event.attempts.exclude(mapping=None).exists()
    assert list(event.attempts.values_list("test_id", "number", "outcome")) == [
        (1, 1, "failed"),
        (2, 1, "failed"),
        (1, 1, "succeeded"),
    ]


def retry_unmap_and_map(event_id: str, rounds: int) -> None:
    event = ProblematicEvent.objects.get(pk=event_id)
    for _ in range(rounds):
        for mapping in event.mappings.all():
            with suppress(AlreadyClaimed):
                claims.fail(claims.claim(mapping.pk, f"worker {os.getpid()}"), "no")
        with suppress(AlreadyClaimed):
            triage.unmap(event, [1, 2, 3])
        triage.map_tests(event, [1, 2, 3])


@pytest.mark.django_db(transaction=True)
def test_mapping_and_retrying_at_once_never_wait_for_each_other_in_a_ring(
    event: ProblematicEvent, database_url: str
) -> None:
    triage.map_tests(event, [1, 2, 3])
    with Crowd(database_url, retry_unmap_and_map, str(event.pk), 10, copies=6) as crowd:
        assert crowd.results() == [None] * 6


# Pasted ids -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["12 345 6", "12,345,6", "12, 345;6", "#12\n#345\r\n #6\n", "12 12 345,,6 345", "0012 345\t6"]
)
def test_ids_are_read_as_people_paste_them(text: str) -> None:
    assert triage.read_test_ids(text) == [12, 345, 6]


@pytest.mark.parametrize("text", ["", " \n", "#", "abc", "12 x3", "-5", "1.5", "٣", "²", "0", str(2**63), "evt_12"])
def test_what_is_no_test_id_is_named(text: str) -> None:
    with pytest.raises(TriageRefused, match=r"is no test id\. Give numbers, separated by spaces, commas or lines\."):
        triage.read_test_ids(text)


@given(
    ids=st.lists(st.integers(1, 2**63 - 1), min_size=1, unique=True),
    between=st.sampled_from([" ", ",", ", ", ";", "\n", "\r\n", "\t", " #", ",#"]),
)
def test_every_list_of_ids_is_read_back(ids: list[int], between: str) -> None:
    assert triage.read_test_ids(between.join(map(str, ids))) == ids
