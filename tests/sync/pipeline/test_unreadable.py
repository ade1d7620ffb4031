"""Records TestIO cannot serialise: each costs itself, is announced exactly, and is read once it is repaired."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from sync.models import Bug, Customer, Product, SyncEvent, SyncPhase, Test
from sync.models.run import SyncEvent as Run
from sync.sandbox import SandboxServer, World
from sync.sandbox.comparison import compare
from sync.signals import Gap, gap_found, page_read
from tests.sync.support import content, forget_everything, free_leases, sync, versions, warnings_of


@dataclass(frozen=True, slots=True)
class Announced:
    run: SyncEvent
    product: Product
    gap: Gap
    stored: int


@pytest.fixture
def announced() -> Iterator[list[Announced]]:
    """The gaps announced during a test, with the number of tests stored at that moment, seen from inside."""
    heard: list[Announced] = []

    def receiver(sender: object, run: SyncEvent, product: Product, gap: Gap, **_: object) -> None:
        heard.append(Announced(run, product, gap, Test.objects.filter(product=product).count()))

    gap_found.connect(receiver)
    yield heard
    gap_found.disconnect(receiver)


def expected_gaps(world: World, product_id: int) -> list[tuple[int, int, int | None, int | None]]:
    """Positions and neighbours of every run of broken tests in the product's list."""
    order: list[int | None] = [None, *world.tests_of(product_id), None]
    gaps, first = [], 0
    for place, test_id in enumerate(order):
        if test_id in world.broken_tests:
            first = first or place
        elif first:
            gaps.append((first - 1, place - 2, order[first - 1], test_id))
            first = 0
    return gaps


def gaps_of(announced: list[Announced], product_id: int) -> list[tuple[int, int, int | None, int | None]]:
    return sorted(
        (
            each.gap.first_position,
            each.gap.last_position,
            each.gap.before.test_id if each.gap.before else None,
            each.gap.after.test_id if each.gap.after else None,
        )
        for each in announced
        if each.product.pk == product_id
    )


def test_gaps_are_exact_and_everything_else_is_there(
    customer: Customer, sandbox: SandboxServer, announced: list[Announced]
) -> None:
    world = sandbox.world
    first, second = world.product_ids()
    order, other = world.tests_of(first), world.tests_of(second)
    world.break_records(tests=[order[0], order[7], order[8], order[9], order[-1], other[4]])
    event = sync(customer)
    assert gaps_of(announced, first) == expected_gaps(world, first)
    assert gaps_of(announced, second) == expected_gaps(world, second)
    assert (event.status, event.gaps, event.tests_new) == ("partial", 6, 34)
    assert {each.run.pk for each in announced} == {event.pk}
    assert compare(world, customer).is_complete
    said = "\n".join(warnings_of(event))
    assert f"positions 7-9 (between test {order[6]} and test {order[10]}) cannot be read." in said
    assert f"position 0 (before test {order[1]}, at the top of the list) cannot be read." in said
    assert f"position 24 (after test {order[-2]}, at the end of the list) cannot be read." in said


def test_neighbours_carry_their_end_times(
    customer: Customer, sandbox: SandboxServer, announced: list[Announced]
) -> None:
    order = sandbox.world.tests_of(sandbox.world.product_ids()[0])
    sandbox.world.break_records(tests=[order[12]])
    sync(customer)
    gap = announced[0].gap
    assert gap.before is not None
    assert gap.after is not None
    ends = dict(Test.objects.values_list("pk", "end_at"))
    assert (gap.before.test_id, gap.before.end_at) == (order[11], ends[order[11]])
    assert (gap.after.test_id, gap.after.end_at) == (order[13], ends[order[13]])


def test_a_repaired_test_is_read_by_the_next_full_walk(
    customer: Customer, sandbox: SandboxServer, announced: list[Announced]
) -> None:
    world = sandbox.world
    broken = world.tests_of(world.product_ids()[0])[5:7]
    world.break_records(tests=broken)
    sync(customer)
    first_time = [each.gap for each in announced]
    announced.clear()
    assert sync(customer, mode=Run.Mode.FULL).status == "partial"
    assert [each.gap for each in announced] == first_time
    world.repair()
    announced.clear()
    event = sync(customer, mode=Run.Mode.FULL)
    assert (event.status, event.gaps, event.tests_new) == ("succeeded", 0, 2)
    assert announced == []
    assert compare(world, customer).is_complete


def test_a_known_test_that_broke_is_kept_and_not_marked_missing(customer: Customer, sandbox: SandboxServer) -> None:
    world = sandbox.world
    sync(customer)
    broken = world.tests_of(world.product_ids()[0])[3]
    world.break_records(tests=[broken])
    event = sync(customer, mode=Run.Mode.FULL)
    assert (event.status, event.gaps, event.missing) == ("partial", 1, 0)
    assert Test.objects.get(pk=broken).missing_since is None
    assert f"Test {broken} cannot be read: TestIO answers 500 for it." in warnings_of(event)


def test_gaps_are_announced_inside_the_transaction_that_stores_their_page(
    customer: Customer, sandbox: SandboxServer, announced: list[Announced]
) -> None:
    product_id = sandbox.world.product_ids()[0]
    sandbox.world.break_records(tests=[sandbox.world.tests_of(product_id)[10]])
    sync(customer, product_ids=[product_id])
    # The rows of the gap's page are there for the receiver, together with those of the pages before.
    assert announced[0].stored >= 10


def test_a_receiver_that_fails_takes_its_page_with_it(customer: Customer, sandbox: SandboxServer) -> None:
    world = sandbox.world
    good, bad = world.product_ids()
    order = world.tests_of(bad)
    world.break_records(tests=[order[12]])

    def receiver(sender: object, **_: object) -> None:
        raise LookupError("a receiver that cannot do its work")

    gap_found.connect(receiver)
    try:
        with pytest.raises(LookupError):
            sync(customer)
    finally:
        gap_found.disconnect(receiver)
    stored = set(Test.objects.filter(product=bad).values_list("pk", flat=True))
    assert stored == set(order[: len(stored)])
    assert 0 < len(stored) <= 12
    phase = SyncPhase.objects.get(product=bad, name="tests")
    assert (phase.seen, phase.gaps, phase.status) == (len(stored), 0, "failed")
    assert Test.objects.filter(product=good).count() == len(world.tests_of(good))
    run = SyncEvent.objects.get()
    assert (run.status, run.gaps) == ("failed", 0)
    assert "unexpected error" in run.error
    assert free_leases()


def test_a_walk_says_which_stretches_it_read_without_a_gap(customer: Customer, sandbox: SandboxServer) -> None:
    product_id = sandbox.world.product_ids()[0]
    order = sandbox.world.tests_of(product_id)
    sandbox.world.break_records(tests=[order[10]])
    paths: list[Any] = []

    def receiver(sender: object, path: object, **_: object) -> None:
        paths.append(path)

    page_read.connect(receiver)
    try:
        sync(customer, product_ids=[product_id])
    finally:
        page_read.disconnect(receiver)
    path = paths[-1]
    assert path.leads(None, order[9])
    assert path.leads(order[0], order[9])
    assert path.leads(order[11], None)
    assert not path.leads(order[9], order[11])
    assert not path.leads(None, None)


def test_an_unreadable_bug_costs_only_the_bugs_of_its_test(customer: Customer, sandbox: SandboxServer) -> None:
    world = sandbox.world
    test_id = next(pk for pk in world.test_ids() if len(world.bugs_of(pk)) > 1)
    world.break_records(bugs=world.bugs_of(test_id)[:1])
    event = sync(customer)
    assert (event.status, event.gaps) == ("partial", 1)
    assert Bug.objects.count() == 120 - len(world.bugs_of(test_id))
    assert compare(world, customer).is_complete
    assert [said for said in warnings_of(event) if said.startswith(f"The bugs of test {test_id} cannot be read")]
    world.repair()
    event = sync(customer)
    assert (event.status, event.bugs_new) == ("succeeded", len(world.bugs_of(test_id)))


def test_bugs_of_unreadable_tests_wait_for_their_test_and_get_all_their_links_with_it(
    customer: Customer, sandbox: SandboxServer
) -> None:
    world = sandbox.world
    sync(customer)
    undisturbed = content(customer)
    forget_everything(customer)
    broken = [pk for pk in world.test_ids() if len(world.bugs_of(pk)) > 3][:2]
    world.break_records(tests=broken)
    assert sync(customer).status == "partial"
    waiting = Bug.objects.filter(test=None)
    assert set(waiting.values_list("mentioned_test_id", flat=True)) == set(broken)
    assert set(waiting.values_list("pk", flat=True)) == {bug for pk in broken for bug in world.bugs_of(pk)}
    before = versions(Bug)
    sync(customer, mode=Run.Mode.FULL)
    assert versions(Bug) == before
    world.repair()
    assert sync(customer, mode=Run.Mode.FULL).status == "succeeded"
    assert content(customer) == undisturbed


def test_bugs_of_unreadable_tests_are_read_by_the_next_sync_when_this_one_ends_before_them(
    customer: Customer, sandbox: SandboxServer
) -> None:
    world = sandbox.world
    deep = next(pk for pk in reversed(world.tests_of(world.product_ids()[0])) if world.bugs_of(pk))
    world.break_records(tests=[deep])
    sandbox.faults.force("/bugs?filter_product_ids", 503, times=100)
    assert sync(customer).status == "partial"
    assert not Bug.objects.filter(mentioned_test_id=deep).exists()
    sandbox.faults.clear()
    sync(customer)
    assert set(Bug.objects.filter(mentioned_test_id=deep).values_list("pk", flat=True)) == set(world.bugs_of(deep))
