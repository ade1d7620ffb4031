"""Syncs killed at twenty random moments. The small version: ``tests/sync/pipeline``."""

import random

import pytest

from sync.models import Customer, SyncEvent
from sync.sandbox import SandboxServer
from sync.sandbox.comparison import compare
from tests.sync.support import calls, content, forget_everything, free_leases, kill_after, sync

PAGES = {"TESTIO_PAGE_SIZE": "20"}


@pytest.mark.stress
@pytest.mark.parametrize("seed", range(4))
def test_killed_five_times_and_resumed_each_time_ends_as_if_nothing_had_happened(
    customer: Customer, sandbox: SandboxServer, database_url: str, seed: int
) -> None:
    dice = random.Random(seed)
    sandbox.world.break_some(tests=2, bugs=1)
    total = sum(calls(sandbox, lambda: sync(customer)).values())
    undisturbed = content(customer)
    forget_everything(customer)
    kills = 0
    while kills < 5:
        moment, delay = dice.randrange(1, total), dice.uniform(0, 0.1)
        ended = kill_after(sandbox, database_url, moment, "sync", delay=delay, **PAGES)
        if ended.code == -9:
            kills += 1
        else:  # there was less left to do than that: begin anew
            assert ended.code == 3
            forget_everything(customer)
    event = sync(customer)
    assert content(customer) == undisturbed
    assert compare(sandbox.world, customer).is_complete
    assert free_leases()
    ended_before = SyncEvent.objects.exclude(pk=event.pk)
    assert set(ended_before.values_list("status", flat=True)) == {"interrupted"}
