"""A world that keeps changing, synced again and again: after each full sync both agree."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings

from sync.models import Bug, Customer, Test
from sync.models.run import SyncEvent
from sync.sandbox import SandboxServer, World
from sync.sandbox.comparison import compare
from tests.sync.support import read_later, sync

Change = Callable[[World, random.Random], Any]


@pytest.fixture
def world() -> World:
    return World(tests=150, products=3, bugs_per_test=3)


def some_test(world: World, dice: random.Random) -> int:
    return dice.choice(world.test_ids())


def delete_a_bug(world: World, dice: random.Random) -> None:
    bugs = world.bugs_of(some_test(world, dice))
    if bugs:
        world.delete_bug(dice.choice(bugs))


CHANGES: list[Change] = [
    lambda world, dice: world.insert_tests(dice.choice(world.product_ids()), dice.randint(1, 4), bugs=1),
    lambda world, dice: world.delete_test(some_test(world, dice)),
    lambda world, dice: world.change_test(some_test(world, dice), status=dice.choice(["locked", "archived"])),
    lambda world, dice: world.change_test(some_test(world, dice), title=f"Renamed {dice.random()}"),
    lambda world, dice: world.add_bugs(some_test(world, dice), 1),
    lambda world, dice: world.move_test(some_test(world, dice), dice.choice(world.product_ids())),
    delete_a_bug,
]


@pytest.mark.stress
@pytest.mark.parametrize("seed", range(3))
def test_after_each_full_sync_the_tables_agree_with_a_world_that_changes_between_and_during_syncs(
    customer: Customer, sandbox: SandboxServer, settings: Settings, seed: int
) -> None:
    settings.TESTIO_PAGE_SIZE = 7
    world, dice = sandbox.world, random.Random(seed)
    sync(customer)
    for _ in range(5):
        for _ in range(3):
            for _ in range(4):
                dice.choice(CHANGES)(world, dice)
            when = dice.randrange(1, 20)
            sandbox.stats.reset()
            sandbox.faults.before_request(when, lambda world: dice.choice(CHANGES)(world, dice))
            assert sync(customer).status in ("succeeded", "partial")
        sandbox.faults.clear()
        read_later()
        for _ in range(2):  # a test that moved is taken over by the second at the latest
            sync(customer, mode=SyncEvent.Mode.FULL, bugs="all")
        found = compare(world, customer)
        assert (found.lost_tests, found.lost_bugs) == (frozenset(), frozenset())
        assert (found.surplus_tests, found.surplus_bugs) == (frozenset(), frozenset())
        states = {pk: (world.status_of(pk), world.product_of(pk)) for pk in world.test_ids()}
        stored = Test.objects.filter(missing_since=None).values_list("pk", "status", "product_id")
        assert {pk: rest for pk, *rest in map(list, stored)} == {pk: list(state) for pk, state in states.items()}
        owners = {bug: test for test in world.test_ids() for bug in world.bugs_of(test)}
        assert dict(Bug.objects.filter(missing_since=None).values_list("pk", "test_id")) == owners
