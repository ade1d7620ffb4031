"""A service with the hiccups of every day loses nothing. The full-size version is in ``tests/stress``."""

import pytest
from pytest_django import Settings

from sync.models import Customer
from sync.sandbox import SandboxServer, World
from sync.sandbox.comparison import compare
from tests.sync.support import sync, world_of

HICCUPS = {"random_500": 0.02, "random_429": 0.02, "retry_after": 0, "drop": 0.02, "truncate": 0.01}


@pytest.fixture
def world() -> World:
    return world_of(tests=120, products=3, bugs_per_test=2)


@pytest.mark.parametrize("seed", [1, 2])
def test_with_random_faults_everything_readable_is_there_once(
    customer: Customer, sandbox: SandboxServer, settings: Settings, seed: int
) -> None:
    settings.TESTIO_PAGE_SIZE = 3  # many small pages: more calls, and so more faults
    world = sandbox.world
    world.break_some(tests=3, bugs=1)
    sandbox.faults.set(seed=seed, **HICCUPS)
    event = sync(customer)
    assert sum(sandbox.stats.by_fault[fault] for fault in ("500", "429", "drop", "reset", "truncate")) >= 3
    assert (event.status, event.gaps) == ("partial", 3 + 1)
    assert compare(world, customer).is_complete
    sandbox.faults.clear()
    world.repair()
    assert sync(customer, mode="full").status == "succeeded"
    found = compare(world, customer)
    assert (found.is_complete, found.staged_tests, found.staged_bugs) == (True, frozenset(), frozenset())
