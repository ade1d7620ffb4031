"""Workers as they are run: real processes, a real queue, a beat that ticks."""

import os
import signal
import statistics
import time
from pathlib import Path

import psutil
from django.db.models.functions import Now

from sync.models import Customer, Product, SyncEvent, SyncPhase
from sync.sandbox import SandboxServer
from sync.sandbox.comparison import compare
from tests.background import probes
from tests.background.states import about_to_be_read_slowly, all_settled
from tests.background.workers import Worker, is_running
from tests.sync.support import content, free_leases, wait_until


def test_what_comes_due_is_refreshed_with_nobody_watching(
    customer: Customer, sandbox: SandboxServer, database_url: str, home: Path, every_second: None
) -> None:
    with Worker(database_url, home, beat=True, processes=2):
        wait_until(lambda: all_settled(customer), "a first sync that nobody asked for")
        assert compare(sandbox.world, customer).is_complete
        product = customer.products.order_by("pk")[0]
        sandbox.world.insert_tests(product.pk, 2, bugs=1)
        Product.objects.filter(pk=product.pk).update(next_sync_at=Now())
        wait_until(lambda: compare(sandbox.world, customer).is_complete, "the new tests")
        assert set(SyncEvent.objects.values_list("trigger", flat=True)) == {"background"}


def test_two_beats_tick_twice_and_each_product_is_refreshed_once(
    customer: Customer, sandbox: SandboxServer, database_url: str, home: Path, every_second: None
) -> None:
    with Worker(database_url, home, beat=True), Worker(database_url, home, beat=True):
        wait_until(lambda: all_settled(customer), "a first sync")
    read = SyncPhase.objects.filter(name="tests").values_list("product", flat=True)
    assert sorted(read) == sorted(customer.products.values_list("pk", flat=True))


def test_a_task_starts_within_a_tenth_of_a_second(transactional_db: None, database_url: str, home: Path) -> None:
    noted = home / "noted"
    with Worker(database_url, home, processes=1) as worker:
        for number in range(15):
            worker.send(probes.note_delay, str(noted), time.time())
            wait_for_lines(noted, number + 1)
    delays = sorted(map(float, lines(noted)))
    # A twentieth on an idle machine (bench/dispatch.py); the tests may share theirs with others.
    assert statistics.median(delays) < 0.25


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def wait_for_lines(path: Path, count: int) -> None:
    wait_until(lambda: len(lines(path)) == count, "a task's start")


def began(path: Path, times: int = 1) -> bool:
    return sum(line.endswith("began") for line in lines(path)) == times


def test_a_worker_that_is_stopped_ends_its_task_and_leaves_no_process(
    transactional_db: None, database_url: str, home: Path
) -> None:
    noted = home / "noted"
    with Worker(database_url, home, beat=True) as worker:
        worker.send(probes.until_stopped, str(noted))
        wait_until(lambda: began(noted), "the task")
        children = worker.children
        asked = time.monotonic()
        assert worker.terminate() == 0
        assert time.monotonic() - asked < 15
    assert [line.split()[1] for line in lines(noted)] == ["began", "stopped"]
    wait_until(lambda: not any(map(is_running, children)), "the end of its children")


def test_a_service_manager_that_signals_the_whole_group_ends_the_task_in_order_too(
    transactional_db: None, database_url: str, home: Path
) -> None:
    noted = home / "noted"
    with Worker(database_url, home, beat=True, processes=2) as worker:
        worker.send(probes.until_stopped, str(noted))
        wait_until(lambda: began(noted), "the task")
        worker.signal(signal.SIGTERM)
        assert worker.process.wait(20) == 0
    assert [line.split()[1] for line in lines(noted)] == ["began", "stopped"]


def test_a_task_that_does_not_listen_does_not_keep_its_worker(
    transactional_db: None, database_url: str, home: Path
) -> None:
    noted = home / "noted"
    with Worker(database_url, home) as worker:
        worker.send(probes.deaf, str(noted))
        wait_until(lambda: began(noted), "the task")
        worker.terminate(25)
    assert [line.split()[1] for line in lines(noted)] == ["began"]


def test_the_task_of_a_killed_process_goes_to_another(transactional_db: None, database_url: str, home: Path) -> None:
    noted = home / "noted"
    with Worker(database_url, home) as worker:
        worker.send(probes.until_stopped, str(noted))
        wait_until(lambda: began(noted), "the task")
        os.kill(int(lines(noted)[0].split()[0]), signal.SIGKILL)
        wait_until(lambda: began(noted, 2), "the task again")
        worker.terminate()
    assert [line.split()[1] for line in lines(noted)] == ["began", "began", "stopped"]


def test_children_and_beat_of_a_killed_parent_end_by_themselves(
    transactional_db: None, database_url: str, home: Path
) -> None:
    noted = home / "noted"
    with Worker(database_url, home, beat=True, processes=2) as worker:
        worker.send(probes.until_stopped, str(noted))
        wait_until(lambda: began(noted), "the task")
        children = worker.children
        worker.process.kill()
        wait_until(lambda: not any(map(is_running, children)), "the end of its children")
    assert [line.split()[1] for line in lines(noted)] == ["began", "stopped"]


def test_a_beat_that_died_is_started_again(transactional_db: None, database_url: str, home: Path) -> None:
    with Worker(database_url, home, beat=True) as worker:
        wait_until(lambda: len(worker.children) == 2, "beat")
        before = set(worker.children)
        for pid in before:  # beat, and the one that does tasks with it
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: len(set(worker.children) - before) == 2, "both again")
        assert "Beat ended with exit code" in worker.log


def test_a_stopped_worker_finishes_its_page_and_the_product_is_due_at_once(
    customer: Customer, sandbox: SandboxServer, database_url: str, home: Path, every_second: None
) -> None:
    sandbox.faults.set(latency_ms=300)
    slowly = {"TESTIO_PAGE_SIZE": "3", "TESTIO_MAX_CONCURRENT_REQUESTS": "1"}
    with Worker(database_url, home, slowly, beat=True) as worker:
        wait_until(lambda: sandbox.stats.by_kind["tests"] > 2, "the middle of a product")
        worker.terminate()
    [run] = SyncEvent.objects.filter(phases__name="tests").distinct()
    assert (run.status, free_leases()) == ("cancelled", True)
    product_id = run.phases.filter(name="tests").get().product_id
    assert product_id is not None
    assert Product.objects.due().filter(pk=product_id).exists()


def is_in_the_middle_of_a_product(worker: Worker) -> bool:
    children = {child.pid for child in psutil.Process(worker.process.pid).children(recursive=True)}
    running = SyncPhase.objects.filter(name="tests", status="running", seen__gt=0, event__pid__in=children)
    return running.exists()


def test_another_worker_takes_over_from_a_killed_one_at_once(
    customer: Customer, sandbox: SandboxServer, database_url: str, home: Path, every_second: None
) -> None:
    undisturbed = about_to_be_read_slowly(customer, sandbox)
    with Worker(database_url, home, {"TESTIO_PAGE_SIZE": "2"}, beat=True) as first:
        wait_until(lambda: sandbox.stats.by_kind["tests"] > 0, "the first product")
        with Worker(database_url, home, beat=True, processes=2):
            wait_until(lambda: is_in_the_middle_of_a_product(first), "the middle of a product")
            first.kill()
            killed = time.monotonic()
            wait_until(lambda: SyncEvent.objects.filter(status="interrupted").exists(), "somebody who notices")
            dead = SyncEvent.objects.get(status="interrupted")
            product_id = dead.phases.filter(name="tests").get().product_id
            assert product_id is not None
            again = SyncEvent.objects.exclude(pk=dead.pk).filter(phases__name="tests", phases__product_id=product_id)
            wait_until(again.exists, "somebody who takes over")
            assert time.monotonic() - killed < 20  # a tick or two; a lease on another host would last for ten minutes
            sandbox.faults.clear()
            wait_until(lambda: all_settled(customer), "the end of all products")
    assert content(customer) == undisturbed
    assert SyncEvent.objects.filter(status="interrupted").count() == 1
    assert free_leases()
