"""Any history of a list, as complete walks announce it: each gap keeps one open event."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from problematic import triage
from problematic.models import MappingState, ProblematicEvent, ProblematicMapping
from sync.signals import Gap, Neighbour, gap_found, page_read
from tests.factories import MARCH, ProductFactory, SyncEventFactory
from tests.problematic.factories import ProblematicEventFactory, ProblematicMappingFactory

Place = tuple[int, int, int | None, int | None]


@dataclass(slots=True)
class SimulatedWalk:
    """What a complete walk over ``order`` (ids, newest first; a higher id ends later) announces."""

    order: list[int]
    broken: set[int]
    is_complete: bool = True

    def gaps(self) -> list[Gap]:
        found: list[Gap] = []
        padded: list[int | None] = [None, *self.order, None]
        first = 0
        for place, test_id in enumerate(padded):
            if test_id in self.broken:
                first = first or place
            elif first:
                found.append(Gap(first - 1, place - 2, neighbour(padded[first - 1]), neighbour(test_id)))
                first = 0
        return found

    def leads(self, before_id: int | None, after_id: int | None) -> bool:
        readable = [each for each in self.order if each not in self.broken]
        if {before_id, after_id} - {None, *readable}:
            return False
        start = 0 if before_id is None else self.order.index(before_id)
        end = len(self.order) if after_id is None else self.order.index(after_id)
        return not self.broken.intersection(self.order[min(start, end) : max(start, end)])


def neighbour(test_id: int | None) -> Neighbour | None:
    return None if test_id is None else Neighbour(test_id, MARCH + timedelta(hours=test_id))


def place_of(gap: Gap) -> Place:
    before, after = (each.test_id if each else None for each in (gap.before, gap.after))
    return gap.first_position, gap.last_position, before, after


def open_places() -> list[Place]:
    events = ProblematicEvent.objects.open()
    columns = ("first_position", "last_position", "boundary_before_id", "boundary_after_id")
    return sorted(events.values_list(*columns))


def apply(change: str, number: int, order: list[int], broken: set[int]) -> None:
    test_id = order[number % len(order)] if order else 0
    if change == "break" and order:
        broken.add(test_id)
    elif change == "repair":
        broken.discard(test_id)
    elif change == "delete" and order:
        order.remove(test_id)
        broken.discard(test_id)
    elif change == "insert" and number * 10 + 5 not in order:
        order.append(number * 10 + 5)
        order.sort(reverse=True)


CHANGES = st.lists(st.tuples(st.sampled_from(["break", "repair", "delete", "insert"]), st.integers(0, 99)), max_size=6)


@pytest.mark.django_db
@hypothesis_settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rounds=st.lists(CHANGES, min_size=1, max_size=4))
def test_after_every_complete_walk_each_gap_has_one_open_event_and_nothing_mapped_is_lost(
    rounds: list[list[tuple[str, int]]],
) -> None:
    ProblematicEvent.objects.all().delete()
    product = ProductFactory.create()
    order, broken, mapped = list(range(1000, 0, -100)), {500, 600}, set[int]()
    for changes in [[], *rounds]:
        for change, number in changes:
            apply(change, number, order, broken)
        walked = SimulatedWalk(order, broken)
        run = SyncEventFactory.create(customer=product.customer)
        for gap in walked.gaps():
            gap_found.send(None, run=run, product=product, gap=gap)
        page_read.send(None, run=run, product=product, path=walked)
        assert open_places() == sorted(place_of(gap) for gap in walked.gaps())
        assert all(event.sync_event == run for event in ProblematicEvent.objects.open())
        for event in ProblematicEvent.objects.open():
            mapped.add(event.first_position + 1)
            triage.map_tests(event, [event.first_position + 1])
        assert set(ProblematicMapping.objects.values_list("test_id", flat=True)) == mapped


@pytest.mark.django_db
def test_what_was_stored_already_is_not_carried_over_when_gaps_become_one() -> None:
    event = ProblematicEventFactory.create(boundary_before_id=90, boundary_after_id=70)
    absorbed = ProblematicEventFactory.create(product=event.product, boundary_before_id=70, boundary_after_id=50)
    ProblematicMappingFactory.create(event=absorbed, test_id=61, state=MappingState.SUCCEEDED)
    ProblematicMappingFactory.create(event=absorbed, test_id=62, state=MappingState.DEAD)
    run = SyncEventFactory.create(customer=event.product.customer)
    ProblematicEvent.objects.filter(pk=event.pk).update(sync_event=run, boundary_after_id=50)

    page_read.send(None, run=run, product=event.product, path=SimulatedWalk([90, 60, 50], {60}))
    assert list(event.mappings.values_list("test_id", "state")) == [(62, "dead")]
    assert list(absorbed.mappings.values_list("test_id", "state")) == [(61, "succeeded")]
