"""`manage.py refresh`: once in this process, and for ever as a process of its own."""

import signal

import pytest
from django.db.models.functions import Now

from sync import schedule
from sync.models import Customer, Product, SyncEvent, Watcher
from sync.models.process import this_host
from sync.refresh import watching
from sync.sandbox import SandboxServer
from sync.sandbox.comparison import compare
from tests.factories import WatcherFactory
from tests.sync.commands.conftest import Manage
from tests.sync.support import finish, free_leases, make_customer, start, sync, wait_until


def test_one_cycle_is_done_and_its_figures_are_one_json_document(
    customer: Customer,
    sandbox: SandboxServer,
    manage: Manage,
) -> None:
    done = manage("refresh", "--json")
    assert done.code == 0
    assert (done.json["lists"], done.json["due"], done.json["refreshed"], done.json["tests_new"]) == (1, 2, 3, 40)
    assert compare(sandbox.world, customer).is_complete
    shown = manage("refresh", "--once")
    assert (shown.code, "Refresh cycle" in shown.stdout) == (0, True)


def test_the_exit_code_tells_how_it_went(customer: Customer, sandbox: SandboxServer, manage: Manage) -> None:
    sync(customer)
    first = sandbox.world.product_ids()[0]
    Product.objects.update(next_sync_at=Now())
    sandbox.faults.force(f"/products/{first}/", 503, times=1_000)
    assert manage("refresh").code == 3
    sandbox.faults.force("/products", 503, times=1_000)
    Product.objects.update(next_sync_at=Now())
    assert manage("refresh").code == 1


def test_a_paused_customer_is_a_note_and_exit_code_3(
    customer: Customer, sandbox: SandboxServer, manage: Manage
) -> None:
    sync(customer)
    retired = make_customer(sandbox, "retired", is_active=False)
    for each in (customer, retired):
        schedule.pause(each, "The token was refused.")
    paused_at = Customer.objects.values_list("paused_at", flat=True).get(pk=customer.pk)
    note = (
        f"acme: not refreshed since {paused_at:%Y-%m-%d %H:%M} UTC: The token was refused. It goes on after "
        "`manage.py customer set-token acme`, or a `manage.py sync --customer acme` that gets through."
    )
    done = manage("refresh", "--json")
    assert (done.code, done.json["due"], done.json["notes"]) == (3, 0, [note])
    shown = manage("refresh")
    assert (shown.code, " ".join(shown.stdout.split()).endswith(f"- {note}")) == (3, True)
    planned = manage("refresh", "--dry-run", "--json")
    assert (planned.code, planned.json["notes"]) == (0, [note])
    assert manage("customer", "set-token", "acme", stdin=sandbox.token).code == 0
    assert manage("refresh").code == 0


def test_an_active_customer_without_a_token_is_a_note_and_exit_code_3(
    customer: Customer, sandbox: SandboxServer, manage: Manage
) -> None:
    Customer.objects.filter(pk=customer.pk).update(encrypted_token=b"")
    make_customer(sandbox, "retired", is_active=False)
    done = manage("refresh", "--json")
    note = "acme: not refreshed: it has no API token. Run `manage.py customer set-token acme`."
    assert (done.code, done.json["lists"], done.json["notes"]) == (3, 0, [note])


def test_a_watcher_says_once_which_customers_are_paused(
    customer: Customer, sandbox: SandboxServer, database_url: str
) -> None:
    schedule.pause(customer, "The token was refused.")
    watcher = start(database_url, "refresh", "--watch")
    wait_until(lambda: Watcher.objects.filter(cycles__gt=0).exists(), "the first cycle")
    watcher.send_signal(signal.SIGTERM)
    done = finish(watcher)
    assert (done.code, done.stderr.count("The token was refused. It goes on after `manage.py customer set-token")) == (
        0,
        1,
    )
    assert sandbox.stats.total == 0


def test_when_everything_due_is_being_written_it_says_busy(
    customer: Customer,
    sandbox: SandboxServer,
    database_url: str,
    manage: Manage,
) -> None:
    sync(customer)
    pk = sandbox.world.product_ids()[0]
    sandbox.faults.set(latency_ms=1_000)
    other = start(database_url, "sync", "--product-ids", str(pk), "--full")
    wait_until(lambda: not free_leases(), "the sync to hold its lease")
    Product.objects.filter(pk=pk).update(next_sync_at=Now())
    done = manage("refresh", "--json")
    sandbox.faults.clear()
    assert finish(other).code == 0
    assert (done.code, done.json["busy"]) == (75, 1)


def test_a_dry_run_asks_nothing(customer: Customer, sandbox: SandboxServer, manage: Manage) -> None:
    done = manage("refresh", "--dry-run", "--json")
    assert (done.code, done.json["notes"]) == (0, ["List of acme: would be read, to find new products"])
    assert (sandbox.stats.total, SyncEvent.objects.count()) == (0, 0)


def test_a_watcher_refreshes_by_itself_refuses_a_second_one_and_ends_when_told(
    customer: Customer, sandbox: SandboxServer, database_url: str
) -> None:
    watcher = start(database_url, "refresh", "--watch", "--json")
    wait_until(lambda: Watcher.objects.filter(cycles__gt=0).exists(), "the first cycle")
    assert compare(sandbox.world, customer).is_complete
    row = watching()
    assert row
    assert (row.pid, row.host) == (watcher.pid, this_host())
    second = finish(start(database_url, "refresh", "--watch", "--json"))
    assert second.code == 75
    assert second.json["status"] == "busy"
    assert second.json["detail"].startswith(f"Process {watcher.pid} on {this_host()} watches already, since ")
    watcher.send_signal(signal.SIGTERM)
    done = finish(watcher)
    assert (done.code, done.json["lists"], done.json["refreshed"], done.json["due"]) == (0, 1, 3, 2)
    assert done.json["seconds"] == round(done.json["seconds"], 3) > 0
    assert (done.json["cycles"] >= 1, done.json["failed"], done.json["errors"]) == (True, 0, 0)
    assert "Traceback" not in done.stderr
    assert not Watcher.objects.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_the_middle_of_a_product_finishes_the_page_and_frees_everything(
    customer: Customer, sandbox: SandboxServer, database_url: str, number: signal.Signals
) -> None:
    sandbox.faults.set(latency_ms=100)
    watcher = start(database_url, "refresh", "--watch", TESTIO_PAGE_SIZE="2", TESTIO_MAX_CONCURRENT_REQUESTS="2")
    sandbox.faults.before_request(8, lambda _: watcher.send_signal(number))
    done = finish(watcher)
    assert (done.code, "Traceback" in done.stderr) == (0, False)
    assert free_leases()
    assert not Product.objects.exclude(claimed_at=None).exists()
    assert not SyncEvent.objects.running().exists()
    assert not Watcher.objects.exists()
    sandbox.faults.clear()
    assert sync(customer).status == "succeeded"


def test_a_watcher_takes_the_place_of_one_that_is_gone(
    customer: Customer, sandbox: SandboxServer, database_url: str
) -> None:
    WatcherFactory.create(name="refresh", process_started=1.0)
    assert watching() is None
    watcher = start(database_url, "refresh", "--watch")
    wait_until(lambda: Watcher.objects.filter(pid=watcher.pid, cycles__gt=0).exists(), "the takeover")
    watcher.send_signal(signal.SIGTERM)
    done = finish(watcher)
    assert done.code == 0
    assert "is gone; this one takes over." in done.stderr


def test_a_silent_watcher_elsewhere_is_replaced_only_after_the_timeout(
    customer: Customer, sandbox: SandboxServer, database_url: str
) -> None:
    WatcherFactory.create(name="refresh", host="another-host", pid=44)
    refused = finish(start(database_url, "refresh", "--watch"))
    assert (refused.code, "Process 44 on another-host watches already" in refused.stderr) == (75, True)


def test_the_name_of_the_watcher_is_a_setting(customer: Customer, sandbox: SandboxServer, database_url: str) -> None:
    WatcherFactory.create(name="refresh")
    watcher = start(database_url, "refresh", "--watch", TESTIO_WATCHER_NAME="second")
    wait_until(lambda: Watcher.objects.filter(name="second", cycles__gt=0).exists(), "a watcher of another name")
    watcher.send_signal(signal.SIGTERM)
    assert finish(watcher).code == 0
