"""A sync that is killed costs nothing but its own end. The version with twenty kills is in ``tests/stress``."""

import random

from sync.models import Customer, SyncEvent
from sync.sandbox import SandboxServer
from tests.sync.support import calls, content, forget_everything, free_leases, kill_after, sync


def test_killed_twice_then_synced_is_the_same_as_undisturbed(
    customer: Customer, sandbox: SandboxServer, database_url: str
) -> None:
    total = sum(calls(sandbox, lambda: sync(customer)).values())
    undisturbed = content(customer)
    forget_everything(customer)
    dice = random.Random(7)
    for _ in range(2):
        killed = kill_after(sandbox, database_url, dice.randrange(2, total), "sync", TESTIO_PAGE_SIZE="10")
        assert killed.code == -9
    event = sync(customer)
    assert event.status == "succeeded"
    assert content(customer) == undisturbed
    ended = SyncEvent.objects.exclude(pk=event.pk)
    assert (
        list(ended.values_list("status", "error"))
        == [("interrupted", "The process that ran this sync ended without finishing it.")] * 2
    )
    assert set(ended.values_list("phases__status", flat=True)) <= {"succeeded", "interrupted"}
    assert free_leases()
