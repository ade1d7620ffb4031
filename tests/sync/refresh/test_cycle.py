"""One cycle over real HTTP, and what it tells of itself."""

import logging
import signal
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from sync.models import Customer, Product, SyncEvent, SyncLease
from sync.refresh import CLAIM_SECONDS, cycle
from sync.refresh.work import Kind
from sync.sandbox import SandboxServer
from sync.sandbox.comparison import compare
from sync.signals import cycle_ran
from tests.factories import SyncEventFactory
from tests.sync.support import free_leases, kill_after, make_customer, sync, versions, world_of


@pytest.fixture
def other(transactional_db: None) -> Iterator[tuple[SandboxServer, Customer]]:
    """Another customer, with products of other ids, at a TestIO of its own."""
    with SandboxServer(world_of(tests=6, products=1, bugs_per_test=1, first_id=900_000)) as sandbox:
        yield sandbox, make_customer(sandbox, "zeta")


def figures(**options: Any) -> dict[str, Any]:
    return cycle(**options).as_json()


def due_again() -> None:
    Product.objects.update(next_sync_at=Now())


def test_a_first_cycle_finds_everything_and_the_next_finds_nothing_to_do(
    customer: Customer, sandbox: SandboxServer
) -> None:
    done = figures()
    seconds = done.pop("seconds")
    assert done.pop("features") > 0
    assert done.pop("api_calls") == sandbox.stats.total
    assert done == {
        "dry_run": False, "runs_interrupted": 0, "leases_freed": 0, "lists": 1, "due": 2, "in_full": 0,
        "refreshed": 3, "partial": 0, "failed": 0, "busy": 0, "paused": 0, "cancelled": 0, "skipped": 0,
        "tests_new": 12, "tests_updated": 0, "bugs_new": sum(SyncEvent.objects.values_list("bugs_new", flat=True)),
        "bugs_updated": 0, "gaps": 0, "errors": 0, "notes": [],
        "tests_retried": 0, "tests_succeeded": 0, "tests_failed": 0,
    }  # fmt: skip
    assert seconds > 0
    assert compare(sandbox.world, customer).is_complete
    before = sandbox.stats.total
    idle = figures()
    assert (idle["lists"], idle["due"], idle["api_calls"], sandbox.stats.total) == (0, 0, 0, before)


def test_a_cycle_tells_what_failed_and_goes_on_with_the_rest(customer: Customer, sandbox: SandboxServer) -> None:
    sync(customer)
    due_again()
    down = sandbox.world.product_ids()[0]
    sandbox.faults.force(f"/products/{down}/", 503, times=100)
    done = cycle()
    assert (done.due, done.kinds[Kind.REFRESHED], done.kinds[Kind.FAILED]) == (2, 1, 1)
    [note] = done.notes
    assert note.startswith(f"{Product.objects.get(pk=down)}: failed: ")


def test_a_refused_token_pauses_one_customer_and_the_others_go_on(
    customer: Customer, sandbox: SandboxServer, other: tuple[SandboxServer, Customer]
) -> None:
    sandbox.faults.set(refuse=401)
    done = cycle()
    assert done.kinds[Kind.PAUSED] == 1
    assert compare(other[0].world, other[1]).is_complete
    assert list(Customer.objects.exclude(paused_at=None)) == [customer]
    again = cycle()
    assert (again.lists, again.due) == (0, 0)


def test_a_stop_ends_the_cycle_and_leaves_nothing_claimed(customer: Customer, sandbox: SandboxServer) -> None:
    sync(customer)
    due_again()
    stop = threading.Event()
    sandbox.faults.when("tests", lambda _: stop.set())
    done = cycle(stop=stop)
    assert done.kinds[Kind.CANCELLED] + done.kinds[Kind.REFRESHED] == 2
    assert not Product.objects.exclude(claimed_at=None).exists()
    assert free_leases()
    sandbox.faults.clear()
    assert cycle().due == done.kinds[Kind.CANCELLED] >= 1


def test_a_dry_run_says_what_is_due_and_changes_nothing(customer: Customer, sandbox: SandboxServer) -> None:
    sync(customer)
    first, second = Product.objects.order_by("pk")
    Product.objects.filter(pk=first.pk).update(next_sync_at=Now())
    Product.objects.filter(pk=second.pk).update(next_full_sync_at=Now())
    Customer.objects.update(products_due_at=Now())
    SyncEventFactory.create(customer=customer, host="another-host", heartbeat_at="2020-01-01T00:00Z")
    SyncLease.objects.filter(pk=first.pk).update(holder=customer_id_as_holder(), acquired_at=Now(), process_started=1.0)
    kept = [versions(model) for model in (Product, Customer, SyncEvent, SyncLease)]
    sandbox.stats.reset()
    done = figures(dry_run=True)
    named = ("dry_run", "lists", "due", "in_full", "runs_interrupted", "leases_freed")
    assert [done[name] for name in named] == [True, 1, 2, 1, 1, 1]
    assert sorted(done["notes"]) == [
        "List of acme: would be read, to find new products",
        f"{first}: would be refreshed",
        f"{second}: would be read from top to bottom",
    ]
    assert sandbox.stats.total == 0
    assert [versions(model) for model in (Product, Customer, SyncEvent, SyncLease)] == kept


def customer_id_as_holder() -> str:
    return "00000000-0000-0000-0000-000000000001"


@pytest.fixture
def receivers() -> Iterator[list[Any]]:
    added: list[Any] = []

    yield added
    for receiver in added:
        cycle_ran.disconnect(receiver)


def test_others_take_part_in_the_cycle_with_figures_of_their_own(customer: Customer, receivers: list[Any]) -> None:
    told: list[Any] = []

    def retry(sender: object, customers: list[Customer], stop: threading.Event, dry_run: bool, **_: Any) -> Any:
        told.append((customers, stop.is_set(), dry_run))
        return {"tests_retried": 3}

    receivers.append(retry)
    cycle_ran.connect(retry)
    assert figures(dry_run=True)["tests_retried"] == 3
    assert told == [([customer], False, True)]


def test_one_of_the_others_that_breaks_is_told_and_spoils_nothing(
    customer: Customer, receivers: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    def retry(**_: Any) -> None:
        raise ValueError("broken")

    receivers.append(retry)
    cycle_ran.connect(retry)
    with caplog.at_level(logging.CRITICAL, "django.dispatch"):
        done = cycle()
    assert (done.errors, done.kinds[Kind.REFRESHED]) == (1, 3)
    assert done.notes == ["retry stopped on an error; the log has its details."]


def test_a_worker_that_is_killed_in_the_middle_is_followed_by_another_at_once(
    customer: Customer, sandbox: SandboxServer, database_url: str
) -> None:
    killed = kill_after(sandbox, database_url, 9, "refresh", TESTIO_PAGE_SIZE="2")
    assert killed.code == -signal.SIGKILL
    assert not free_leases()
    Customer.objects.update(products_claimed_at=None)
    done = cycle()
    assert (done.released.runs >= 1, done.released.leases >= 1) == (True, True)
    assert done.due >= done.released.leases
    assert SyncEvent.objects.filter(status="interrupted").count() == done.released.runs
    while Product.objects.exclude(claimed_at=None).exists():  # claimed by the dead one and not begun: due in a while
        Product.objects.exclude(claimed_at=None).update(claimed_at=Now() - timedelta(seconds=CLAIM_SECONDS))
        cycle()
    assert compare(sandbox.world, customer).is_complete
    assert free_leases()


@pytest.mark.parametrize("world", [world_of(tests=24, products=12, bugs_per_test=1)])
def test_many_products_at_once_find_enough_connections(customer: Customer, sandbox: SandboxServer) -> None:
    done = cycle()
    assert (done.due, done.kinds[Kind.REFRESHED], done.notes) == (12, 13, [])
    assert compare(sandbox.world, customer).is_complete
