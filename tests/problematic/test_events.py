"""Gaps of real walks over a list that changes between them, as events."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.dispatch import Signal

from problematic import clearing, triage
from problematic.events import NOT_FOUND, READ_THROUGH
from problematic.models import EventStatus, ProblematicEvent, TriageEntry
from sync.models import Customer, SyncEvent, Test
from sync.sandbox import SandboxServer, World
from sync.signals import gap_found, page_read
from tests.sync.support import free_leases, make_customer, sync, world_of

pytestmark = pytest.mark.django_db(transaction=True)

Place = tuple[int, int, int | None, int | None]


def walk(customer: Customer, **options: Any) -> SyncEvent:
    """The whole list of tests, and nothing else."""
    return sync(customer, **{"mode": SyncEvent.Mode.INCREMENTAL_ONLY, "force": True} | options)


def place(event: ProblematicEvent) -> Place:
    return event.first_position, event.last_position, event.boundary_before_id, event.boundary_after_id


def open_places() -> list[Place]:
    return sorted(place(event) for event in ProblematicEvent.objects.open())


def only_event() -> ProblematicEvent:
    return ProblematicEvent.objects.get()


def last_entry(event: ProblematicEvent) -> TriageEntry:
    return event.history.latest("pk")


def history(event: ProblematicEvent) -> list[str]:
    return [entry.action for entry in event.history.all()]


@contextmanager
def failing(signal: Signal) -> Iterator[None]:
    """One more receiver, which fails after ours has done its work."""

    def receiver(**_: object) -> None:
        raise LookupError("a receiver that cannot do its work")

    signal.connect(receiver)
    try:
        yield
    finally:
        signal.disconnect(receiver)


def test_two_gaps_are_two_events_with_exact_positions_and_neighbours(customer: Customer, world: World) -> None:
    [product_id] = world.product_ids()
    order = world.tests_of(product_id)
    world.break_records(tests=[order[3], order[8], order[9]])
    run = walk(customer)
    one, two = ProblematicEvent.objects.order_by("first_position")
    assert place(one) == (3, 3, order[2], order[4])
    assert place(two) == (8, 9, order[7], order[10])
    ends = dict(Test.objects.values_list("pk", "end_at"))
    assert (one.boundary_before_end_at, one.boundary_after_end_at) == (ends[order[2]], ends[order[4]])
    assert (two.boundary_before_end_at, two.boundary_after_end_at) == (ends[order[7]], ends[order[10]])
    assert one.event_id != two.event_id
    for event in (one, two):
        assert re.fullmatch("evt_[0-9a-f]{12}", event.public_id)
        assert (event.product_id, event.sync_event, event.status) == (product_id, run, EventStatus.OPEN)
        assert (event.occurrences, event.recovery_attempts) == (1, 1)
        assert event.first_seen_at == event.last_seen_at
        assert history(event) == ["found"]
    assert one.history.get().detail == f"Run {run}: position 3 (between test {order[2]} and test {order[4]})."
    assert (two.size, two.position_range) == (2, "8-9")


def test_gaps_at_the_top_and_at_the_end_lack_a_neighbour(customer: Customer, world: World, product_id: int) -> None:
    order = world.tests_of(product_id)
    world.break_records(tests=[order[0], order[-1]])
    walk(customer)
    assert open_places() == [(0, 0, None, order[1]), (19, 19, order[-2], None)]


def test_a_list_that_cannot_be_read_at_all_is_one_event() -> None:
    world = world_of(tests=4, products=1, bugs_per_test=0)
    with SandboxServer(world) as sandbox:
        customer = make_customer(sandbox)
        order = world.tests_of(world.product_ids()[0])
        world.break_records(tests=order)
        walk(customer)
        assert open_places() == [(0, 3, None, None)]
        event = only_event()
        world.repair([order[3]])
        walk(customer)
        assert open_places() == [(0, 2, None, order[3])]
        assert only_event() == event
        world.repair()
        walk(customer)
        assert only_event().status == EventStatus.RESOLVED


def test_a_gap_seen_again_is_the_same_event_and_only_counted(customer: Customer, world: World, product_id: int) -> None:
    world.break_records(tests=world.tests_of(product_id)[5:6])
    walk(customer)
    first = only_event()
    run = walk(customer)
    again = only_event()
    assert (again.pk, place(again), again.first_seen_at) == (first.pk, place(first), first.first_seen_at)
    assert (again.occurrences, again.recovery_attempts, again.sync_event) == (2, 2, run)
    assert again.last_seen_at > first.last_seen_at
    assert history(again) == ["found"]


def test_one_of_two_adjacent_tests_repaired_leaves_the_same_event(
    customer: Customer, world: World, product_id: int
) -> None:
    order = world.tests_of(product_id)
    world.break_records(tests=order[6:8])
    walk(customer)
    event = only_event()
    world.repair([order[6]])
    run = walk(customer)
    moved = only_event()
    assert (moved.pk, place(moved)) == (event.pk, (7, 7, order[6], order[8]))
    assert history(moved) == ["found", "seen"]
    assert last_entry(moved).detail == f"Run {run}: position 7 (between test {order[6]} and test {order[8]})."


def test_the_outer_ones_of_three_repaired_leave_the_same_event(
    customer: Customer, world: World, product_id: int
) -> None:
    order = world.tests_of(product_id)
    world.break_records(tests=order[6:9])
    walk(customer)
    event = only_event()
    world.repair([order[6], order[8]])
    walk(customer)
    assert (only_event().pk, place(only_event())) == (event.pk, (7, 7, order[6], order[8]))


def test_the_middle_one_of_three_repaired_splits_the_event(customer: Customer, world: World, product_id: int) -> None:
    order = world.tests_of(product_id)
    world.break_records(tests=order[6:9])
    walk(customer)
    event = only_event()
    world.repair([order[7]])
    walk(customer)
    assert open_places() == [(6, 6, order[5], order[7]), (8, 8, order[7], order[9])]
    event.refresh_from_db()
    assert place(event) == (6, 6, order[5], order[7])
    assert (event.occurrences, history(event)) == (2, ["found", "seen"])
    other = ProblematicEvent.objects.exclude(pk=event.pk).get()
    assert (other.occurrences, history(other)) == (1, ["found"])


def test_gaps_that_become_one_are_one_event_with_what_was_mapped_to_both(
    customer: Customer, world: World, product_id: int
) -> None:
    order = world.tests_of(product_id)
    world.break_records(tests=[order[6], order[8]])
    walk(customer)
    upper, lower = ProblematicEvent.objects.order_by("first_position")
    triage.map_tests(upper, [order[6], 77])
    triage.map_tests(lower, [order[8], 77])
    world.break_records(tests=[order[7]])
    walk(customer)
    [survivor] = ProblematicEvent.objects.open()
    [gone] = ProblematicEvent.objects.exclude(pk=survivor.pk)
    assert place(survivor) == (6, 8, order[5], order[9])
    assert set(survivor.mappings.values_list("test_id", flat=True)) == {order[6], order[8], 77}
    assert gone.status == EventStatus.RESOLVED
    assert gone.resolution is not None
    assert gone.resolution.startswith(f"This gap became one with that of event {survivor}, which goes on")
    carried = last_entry(survivor)
    assert (carried.action, carried.test_ids) == ("seen", [order[6]] if gone == upper else [order[8]])


@pytest.mark.parametrize("gone", [[5], [7], [5, 7], [4, 5]], ids=str)
def test_a_gap_whose_neighbours_were_deleted_is_the_same_event(
    customer: Customer, world: World, product_id: int, gone: list[int]
) -> None:
    order = world.tests_of(product_id)
    world.break_records(tests=[order[6]])
    walk(customer)
    event = only_event()
    for position in gone:
        world.delete_test(order[position])
    walk(customer)
    left = world.tests_of(product_id)
    at = left.index(order[6])
    assert (only_event().pk, place(only_event())) == (event.pk, (at, at, left[at - 1], left[at + 1]))
    assert only_event().status == EventStatus.OPEN


def test_a_new_test_above_a_gap_at_the_top_is_its_new_neighbour(
    customer: Customer, world: World, product_id: int
) -> None:
    order = world.tests_of(product_id)
    world.break_records(tests=[order[0]])
    walk(customer)
    event = only_event()
    [new] = world.insert_tests(product_id)
    walk(customer, force=False)
    assert (only_event().pk, place(only_event())) == (event.pk, (1, 1, new, order[1]))


def test_what_a_later_incremental_walk_reads_through_resolves_itself_and_says_so(
    customer: Customer, world: World, product_id: int
) -> None:
    world.break_records(tests=world.tests_of(product_id)[2:3])
    walk(customer)
    world.repair()
    run = walk(customer, force=False)
    event = only_event()
    assert (event.status, event.resolution) == (EventStatus.RESOLVED, f"{READ_THROUGH} (Run {run}.)")
    assert event.resolved_at is not None
    assert history(event) == ["found", "resolved"]
    assert last_entry(event).detail == event.resolution
    walk(customer)
    assert history(only_event()) == ["found", "resolved"]


def test_a_gap_that_comes_back_after_it_was_resolved_is_a_new_event(
    customer: Customer, world: World, product_id: int
) -> None:
    broken = world.tests_of(product_id)[12:13]
    world.break_records(tests=broken)
    walk(customer)
    world.repair()
    walk(customer)
    resolved = only_event()
    world.break_records(tests=broken)
    walk(customer)
    [again] = ProblematicEvent.objects.open()
    assert again != resolved
    assert (place(again), again.occurrences) == (place(resolved), 1)


def test_a_gap_that_was_cleared_and_is_still_there_is_found_anew(
    customer: Customer, world: World, product_id: int
) -> None:
    world.break_records(tests=world.tests_of(product_id)[12:13])
    walk(customer)
    cleared = only_event()
    clearing.clear(clearing.Scope([customer]))
    walk(customer)
    [again] = ProblematicEvent.objects.open()
    assert again != cleared
    assert (place(again), history(again)) == (place(cleared), ["found"])
    assert [entry.action for entry in cleared.history.all()] == ["found", "cleared"]


def test_an_incremental_walk_that_stops_before_a_gap_says_nothing_about_it(
    customer: Customer, world: World, product_id: int
) -> None:
    world.break_records(tests=world.tests_of(product_id)[18:19])
    walk(customer)
    walk(customer, force=False)
    assert (only_event().status, only_event().occurrences) == (EventStatus.OPEN, 1)


def test_a_complete_walk_resolves_what_it_did_not_meet_any_more(
    customer: Customer, world: World, product_id: int
) -> None:
    order = world.tests_of(product_id)
    world.break_records(tests=[order[6]])
    walk(customer)
    for test_id in order[5:8]:
        world.delete_test(test_id)
    run = walk(customer)
    assert (only_event().status, only_event().resolution) == (EventStatus.RESOLVED, f"{NOT_FOUND} (Run {run}.)")


def test_a_page_that_is_rolled_back_takes_its_events_with_it(customer: Customer, world: World, product_id: int) -> None:
    world.break_records(tests=world.tests_of(product_id)[6:7])
    with failing(gap_found), pytest.raises(LookupError):
        walk(customer)
    assert not ProblematicEvent.objects.exists()
    assert not TriageEntry.objects.exists()
    assert free_leases()
    walk(customer)
    assert only_event().occurrences == 1


def test_a_page_that_is_rolled_back_resolves_nothing(customer: Customer, world: World, product_id: int) -> None:
    world.break_records(tests=world.tests_of(product_id)[6:7])
    walk(customer)
    world.repair()
    with failing(page_read), pytest.raises(LookupError):
        walk(customer)
    assert (only_event().status, history(only_event())) == (EventStatus.OPEN, ["found"])


def test_products_keep_their_events_apart() -> None:
    world = world_of(tests=24, products=2, bugs_per_test=0)
    with SandboxServer(world) as sandbox:
        customer = make_customer(sandbox)
        first, second = world.product_ids()
        world.break_records(tests=[world.tests_of(first)[3], world.tests_of(second)[3]])
        walk(customer)
        assert sorted(event.product_id for event in ProblematicEvent.objects.all()) == [first, second]
        world.repair()
        walk(customer, product_ids=[first])
        states = {event.product_id: event.status for event in ProblematicEvent.objects.all()}
        assert states == {first: EventStatus.RESOLVED, second: EventStatus.OPEN}
