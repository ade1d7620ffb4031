"""`manage.py sync` as real processes: stopped by signals, and two of them at once."""

import re
import signal
import threading
import time

import pytest

from sync.models import Customer, Product, SyncEvent, SyncPhase, Test
from sync.sandbox import SandboxServer
from sync.sandbox.comparison import compare
from tests.sync.commands.conftest import Manage
from tests.sync.support import content, finish, forget_everything, free_leases, start, sync, wait_until


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_after_the_page_in_hand(
    customer: Customer, sandbox: SandboxServer, database_url: str, number: signal.Signals
) -> None:
    sandbox.faults.set(latency_ms=50)
    process = start(database_url, "sync", "--json", TESTIO_PAGE_SIZE="5", TESTIO_MAX_CONCURRENT_REQUESTS="2")
    sandbox.faults.before_request(8, lambda _: process.send_signal(number))
    began = time.monotonic()
    done = finish(process)
    assert done.code == 1
    assert (done.json["status"], done.json["error"]) == (
        "cancelled", "The run was asked to stop; what was stored before stays.",
    )  # fmt: skip
    assert f"{number.name}: finishing the page in hand, then stopping." in done.stderr
    assert "Traceback" not in done.stderr
    assert time.monotonic() - began < 30
    assert sandbox.stats.total <= 8 + 4
    run = SyncEvent.objects.get()
    assert (run.status, run.tests_new) == ("cancelled", Test.objects.count())
    assert set(SyncPhase.objects.values_list("status", flat=True)) <= {"succeeded", "cancelled"}
    assert free_leases()
    sandbox.faults.clear()
    assert sync(customer).status == "succeeded"
    assert compare(sandbox.world, customer).is_complete


def test_with_all_customers_a_signal_keeps_the_next_from_being_begun(
    customer: Customer, sandbox: SandboxServer, database_url: str
) -> None:
    other = Customer(name="zeta", api_base_url=sandbox.base_url)
    other.set_token(sandbox.token)
    other.save()
    process = start(database_url, "sync", "--all-customers", "--json", TESTIO_PAGE_SIZE="5")
    sandbox.faults.before_request(6, lambda _: process.send_signal(signal.SIGTERM))
    done = finish(process)
    assert done.code == 1
    assert [(run["customer"], run["status"]) for run in done.json["runs"]] == [("acme", "cancelled")]
    assert list(SyncEvent.objects.values_list("customer__name", flat=True)) == ["acme"]


def test_of_two_syncs_at_once_one_is_told_to_come_back_within_two_seconds(
    customer: Customer, sandbox: SandboxServer, database_url: str, manage: Manage
) -> None:
    sync(customer)
    undisturbed = content(customer)
    product_id = str(sandbox.world.product_ids()[0])
    release = threading.Event()
    sandbox.faults.when("tests", lambda _: release.wait(60))
    first = start(database_url, "sync", "--product-ids", product_id, "--full", "--force")
    wait_until(lambda: not free_leases(), "the first sync to hold its lease")
    second = finish(start(database_url, "sync", "--product-ids", product_id, "--json"))
    began = time.monotonic()
    third = manage("sync", "--product-ids", product_id)  # in this process: without the time Python takes to start
    seconds = time.monotonic() - began
    release.set()
    assert finish(first).code == 0
    assert second.code == 75
    assert second.json["status"] == "busy"
    assert second.json["retry_after"] >= 1
    [sentence] = [line for line in second.stderr.splitlines() if line.startswith("CommandError: ")]
    assert re.match(r"CommandError: Sync in progress\. Retry in \d+ seconds?\. ", sentence)
    assert f"(Product {product_id} is being written by process {first.pid} on " in sentence
    assert (third.code, seconds < 2) == (75, True)
    assert content(customer) == undisturbed


def test_two_first_syncs_at_once_leave_one_set_of_rows(
    customer: Customer, sandbox: SandboxServer, database_url: str
) -> None:
    sync(customer)
    undisturbed = content(customer)
    forget_everything(customer)
    sandbox.faults.set(latency_ms=100)
    processes = [start(database_url, "sync", "--json") for _ in range(2)]
    ended = [finish(process).code for process in processes]
    # The slower one found everything taken (75), or, when the other had ended, synced a second time (0); a mixture
    # of both is partial (3).
    assert 0 in ended or ended == [3, 3]
    assert set(ended) <= {0, 3, 75}
    sandbox.faults.clear()
    sync(customer)
    assert content(customer) == undisturbed
    assert Product.objects.count() == 2
    assert free_leases()
