"""The hiccups of every day on 5,000 tests and 50,000 bugs. The small version: ``tests/sync/pipeline``."""

from datetime import UTC, datetime

import pytest

from sync.models import Bug, Customer, SyncEvent, Test
from sync.sandbox import SandboxServer, World
from sync.sandbox.comparison import compare
from tests.sync.support import finish, free_leases, start

HICCUPS = {"random_500": 0.02, "random_429": 0.02, "retry_after": 1, "drop": 0.02, "truncate": 0.01}


@pytest.fixture
def world() -> World:
    return World.of_size("medium", now=datetime.now(UTC))


@pytest.mark.stress
def test_a_medium_sync_with_random_faults_loses_nothing_and_invents_no_gap(
    customer: Customer, sandbox: SandboxServer, database_url: str
) -> None:
    world = sandbox.world
    world.break_some(tests=5, bugs=3)
    sandbox.faults.set(**HICCUPS)
    done = finish(start(database_url, "sync", "--json"), timeout=230)
    assert (done.code, done.json["status"], done.json["gaps"]) == (3, "partial", 5 + len(world.tests_with_broken_bugs))
    assert {"500", "429", "drop", "reset", "truncate"} <= set(sandbox.stats.by_fault)
    found = compare(world, customer)
    assert found.is_complete
    hidden = {bug for test_id in world.tests_with_broken_bugs for bug in world.bugs_of(test_id)}
    assert Test.objects.count() == len(world.test_ids()) - 5
    # The bugs of unreadable tests are read too, by their product; those behind an unreadable bug are not.
    assert set(world.bug_ids()) - set(Bug.objects.values_list("pk", flat=True)) <= hidden | found.staged_bugs
    assert SyncEvent.objects.get().api_calls == sandbox.stats.total
    assert free_leases()
