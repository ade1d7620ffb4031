"""Taking steps of triage back: exactly, for whoever may, and only as long as nothing has happened since."""

from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now

from problematic import claims, clearing, triage, undo
from problematic.clearing import Scope
from problematic.models import EventStatus, ProblematicEvent, ProblematicMapping, TriageEntry
from problematic.undo import NotUndone
from sync import leases
from sync.pipeline import SyncBusy
from tests.factories import MARCH
from tests.problematic.crowd import Crowd
from tests.problematic.factories import (
    ProblematicEventFactory,
    ProblematicMappingFactory,
    RetryAttemptFactory,
)

pytestmark = pytest.mark.django_db


def everything(event: ProblematicEvent) -> list[dict[str, object]]:
    """What is stored of what is mapped to the event."""
    return [dict(row) for row in event.mappings.order_by("test_id").values()]


def stored(event: ProblematicEvent) -> tuple[object, ...]:
    row = ProblematicEvent.objects.get(pk=event.pk)
    return row.status, row.resolved_at, row.resolution


def history(event: ProblematicEvent) -> list[tuple[str, list[int]]]:
    return [(entry.action, entry.test_ids) for entry in event.history.all()]


def take_back(step: UUID, by: User | None = None) -> undo.Undone:
    return undo.undo(step, by, ProblematicEvent.objects.all())


def refusal(step: UUID) -> str:
    with pytest.raises(NotUndone) as refused:
        take_back(step)
    return str(refused.value)


def tried(event: ProblematicEvent, **values: object) -> ProblematicMapping:
    mapping = ProblematicMappingFactory.create(
        event=event, attempts=3, last_error="no", next_attempt_at=MARCH, **values
    )
    RetryAttemptFactory.create(mapping=mapping, event=event, test_id=mapping.test_id)
    return mapping


def test_tests_that_were_mapped_are_not_any_more(event: ProblematicEvent, user: User) -> None:
    triage.map_tests(event, [1])
    triage.map_tests(event, [1, 2, 3], step=(step := uuid4()))
    result = take_back(step, user)
    assert (result.what, result.test_ids, result.left_out) == ("mapping", [2, 3], [])
    assert [mapping["test_id"] for mapping in everything(event)] == [1]
    assert history(event) == [("mapped", [1]), ("mapped", [2, 3]), ("undone", [2, 3])]
    assert event.history.get(action="undone").by == user


def test_tests_that_were_queued_again_are_as_they_had_been(event: ProblematicEvent) -> None:
    tried(event, test_id=1, state="dead")
    tried(event, test_id=2, state="succeeded")
    before = everything(event)
    triage.map_tests(event, [1, 2, 3], step=(step := uuid4()))
    assert take_back(step).what == "mapping and queueing again"
    assert everything(event) == before


def test_tests_that_were_unmapped_are_mapped_again_with_all_their_attempts(event: ProblematicEvent) -> None:
    mapping = tried(event, test_id=1, state="failed")
    before = everything(event)
    triage.unmap(event, [1], step=(step := uuid4()))
    take_back(step)
    assert everything(event) == before
    assert [attempt.mapping_id for attempt in event.attempts.all()] == [mapping.pk]


def test_whoever_mapped_a_test_may_be_gone_when_it_comes_back(event: ProblematicEvent, user: User) -> None:
    tried(event, test_id=1, mapped_by=user)
    triage.unmap(event, [1], step=(step := uuid4()))
    user.delete()
    take_back(step)
    assert [mapping["mapped_by_id"] for mapping in everything(event)] == [None]


@pytest.mark.parametrize("status", [EventStatus.OPEN, EventStatus.RESOLVED])
def test_a_cleared_event_is_as_it_was_before(event: ProblematicEvent, status: EventStatus) -> None:
    if status != EventStatus.OPEN:
        values = {"status": status, "resolved_at": MARCH, "resolution": "It was read through."}
        ProblematicEvent.objects.filter(pk=event.pk).update(**values)
    tried(event, test_id=1, state="dead")
    before = stored(event), everything(event)
    clearing.clear(Scope.of([event.pk]), step=(step := uuid4()))
    assert stored(event)[0] == EventStatus.CLEARED
    result = take_back(step)
    assert (result.is_clear, result.events, result.count) == (True, [event], 1)
    assert (stored(event), everything(event)) == before


def test_a_step_is_taken_back_once_and_an_undo_is_not_undone(event: ProblematicEvent) -> None:
    triage.map_tests(event, [1], step=(step := uuid4()))
    assert undo.undoable(event) == step
    take_back(step)
    assert undo.undoable(event) is None
    assert refusal(step) == f"Event {event} was undone since, so this cannot be undone any more."


def test_a_step_that_nobody_knows_or_whose_events_are_not_seen_is_refused(event: ProblematicEvent) -> None:
    assert refusal(uuid4()) == "There is nothing to undo: no such step is known."
    triage.map_tests(event, [1], step=(step := uuid4()))
    with pytest.raises(NotUndone, match="no such step is known"):
        undo.undo(step, None, ProblematicEvent.objects.none())
    assert undo.actions_of(step, ProblematicEvent.objects.none()) == set()


def test_nothing_is_taken_back_when_somebody_has_done_something_since(event: ProblematicEvent, user: User) -> None:
    triage.map_tests(event, [1], step=(step := uuid4()))
    triage.map_tests(event, [2], user)
    assert undo.undoable(event) != step
    assert refusal(step) == f"Event {event} was mapped by maria since, so this cannot be undone any more."
    assert [mapping["test_id"] for mapping in everything(event)] == [1, 2]


def test_a_mapping_that_a_retry_has_taken_up_stays(event: ProblematicEvent) -> None:
    triage.map_tests(event, [1], step=(step := uuid4()))
    claim = claims.claim(event.mappings.get().pk, "worker")
    said = f"Test 1 of event {event} was retried since, so mapping it cannot be undone. Unmap it instead."
    assert (undo.undoable(event), refusal(step)) == (None, said)
    claims.fail(claim, "no")
    assert refusal(step) == said
    assert [mapping["state"] for mapping in everything(event)] == ["failed"]


def test_a_gap_that_a_sync_has_found_anew_is_not_opened_twice(event: ProblematicEvent) -> None:
    clearing.clear(Scope.of([event.pk]), step=(step := uuid4()))
    ProblematicEventFactory.create(product=event.product)  # another place of the list
    anew = ProblematicEventFactory.create(product=event.product, boundary_before_id=event.boundary_before_id)
    assert refusal(step) == (
        f"A sync has found the gap of event {event} anew, as {anew}: map what is hidden there to that one."
    )
    assert stored(event)[0] == EventStatus.CLEARED


def test_of_many_cleared_events_those_come_back_to_which_nothing_has_happened() -> None:
    kept, changed = ProblematicEventFactory.create_batch(2)
    for event in (kept, changed):
        ProblematicMappingFactory.create(event=event)
    clearing.clear(Scope.of([kept.pk, changed.pk]), step=(step := uuid4()))
    TriageEntry.objects.create(event=changed, action=TriageEntry.Action.SEEN)
    result = take_back(step)
    assert (result.events, result.count) == ([kept], 1)
    assert result.left_out == [f"Event {changed} was seen again since, so this cannot be undone any more."]
    assert (stored(kept)[0], stored(changed)[0]) == (EventStatus.OPEN, EventStatus.CLEARED)


def test_no_cleared_event_comes_back_while_its_product_is_synced(event: ProblematicEvent) -> None:
    clearing.clear(Scope.of([event.pk]), step=(step := uuid4()))
    leases.acquire([event.product_id], uuid4())
    with pytest.raises(SyncBusy):
        take_back(step)
    assert history(event)[-1][0] == "cleared"


def test_mapping_is_taken_back_while_the_product_is_synced(event: ProblematicEvent) -> None:
    leases.acquire([event.product_id], uuid4())
    triage.map_tests(event, [1], step=(step := uuid4()))
    take_back(step)
    assert everything(event) == []


def _take_back_or_not(step: str) -> str:
    try:
        return undo.undo(UUID(step), None, ProblematicEvent.objects.all()).what
    except NotUndone:
        return "refused"


def _claim_due(_: str) -> list[int]:
    return [mapping.test_id for mapping in claims.claim_due("worker", 10)]


@pytest.mark.django_db(transaction=True)
def test_of_many_who_take_a_step_back_at_once_one_does(database_url: str) -> None:
    event = ProblematicEventFactory.create()
    tried(event, test_id=1, state="failed")
    clearing.clear(Scope.of([event.pk]), step=(step := uuid4()))
    with Crowd(database_url, _take_back_or_not_patiently, str(step), copies=6) as crowd:
        results = crowd.results()
    assert sorted(results) == ["clearing", *["refused"] * 5]
    assert [action for action, _ in history(event)] == ["cleared", "undone"]
    assert event.mappings.count() == 1


def _take_back_or_not_patiently(step: str) -> str:
    """Whoever finds the product taken by another of the crowd comes again."""
    while True:
        try:
            return _take_back_or_not(step)
        except SyncBusy:
            continue


@pytest.mark.django_db(transaction=True)
def test_a_mapping_is_either_taken_back_or_retried_and_never_both(database_url: str) -> None:
    event = ProblematicEventFactory.create()
    for number in range(1, 3):
        triage.map_tests(event, [number], step=(step := uuid4()))
        event.mappings.update(next_attempt_at=Now())
        with (
            Crowd(database_url, _take_back_or_not, str(step)) as undoing,
            Crowd(database_url, _claim_due, "") as claiming,
        ):
            (undone,), (claimed,) = undoing.results(), claiming.results()
        assert (undone == "mapping") != (number in claimed)
        assert event.mappings.filter(test_id=number).exists() == (number in claimed)
