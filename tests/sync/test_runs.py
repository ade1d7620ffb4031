import logging
import signal
from datetime import timedelta
from multiprocessing.connection import Connection
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from sync import runs
from sync.leases import LeaseLost
from sync.models import Customer, Product, SyncEvent, SyncPhase
from sync.models.process import this_host
from sync.models.run import Status
from sync.runs import MAX_WARNINGS, Cancelled, Phase, phase
from sync.testio.errors import TestIOCancelled, TestIOError
from tests.factories import CustomerFactory, ProductFactory, SyncEventFactory, SyncPhaseFactory
from tests.sync.races import Another

pytestmark = pytest.mark.django_db

TESTS, BUGS = SyncPhase.Name.TESTS, SyncPhase.Name.BUGS


@pytest.fixture
def product() -> Product:
    return ProductFactory.create()


@pytest.fixture
def run(product: Product) -> SyncEvent:
    return begin(product.customer)


def begin(customer: Customer) -> SyncEvent:
    return runs.begin(customer, trigger=SyncEvent.Trigger.COMMAND, mode=SyncEvent.Mode.FULL)


def stored(run: SyncEvent) -> SyncEvent:
    return SyncEvent.objects.get(pk=run.pk)


def the_phase() -> SyncPhase:
    return SyncPhase.objects.get()


# A run ---------------------------------------------------------------------------------------------------------------


def test_a_run_begins_as_this_process_and_without_an_end(run: SyncEvent) -> None:
    begun = stored(run)
    assert (begun.status, begun.finished_at, begun.trigger, begun.mode) == ("running", None, "command", "full")
    assert (begun.host, begun.process_is_gone) == (this_host(), False)
    assert begun.started_at == begun.heartbeat_at


@pytest.mark.parametrize("status", [status for status in Status if status != Status.RUNNING])
def test_a_run_ends_once_and_keeps_its_first_end(run: SyncEvent, status: Status) -> None:
    assert runs.finish(run, status, "first")
    ended = stored(run)
    assert (ended.status, ended.error, ended.finished_at is None) == (status, "first", False)
    assert run.finished_at == ended.finished_at
    assert not runs.finish(run, Status.SUCCEEDED, "second")
    again = stored(run)
    assert (again.status, again.error, again.finished_at) == (status, "first", ended.finished_at)


def test_the_end_of_a_run_adds_its_phases_up(run: SyncEvent, product: Product) -> None:
    other = ProductFactory.create(customer=product.customer)
    done: dict[str, Any] = {"event": run, "status": Status.SUCCEEDED, "finished_at": Now()}
    SyncPhaseFactory.create(**done, product=None, name="products", seen=2, created=2, api_calls=1)
    for each in (product, other):
        SyncPhaseFactory.create(**done, product=each, name="features", seen=7, created=5, missing=1, api_calls=2)
        SyncPhaseFactory.create(**done, product=each, name="tests", seen=9, created=3, updated=2, gaps=1, api_calls=4)
        SyncPhaseFactory.create(**done, product=each, name="bugs", seen=90, created=30, updated=20, missing=3)
        SyncPhaseFactory.create(**done, product=each, name="results", seen=5, created=4, updated=1, api_calls=8)
    SyncPhaseFactory.create(name="tests", created=1000, api_calls=1000)  # of another run
    runs.finish(run, Status.SUCCEEDED)
    assert (run.features, run.tests_new, run.tests_updated, run.bugs_new, run.bugs_updated) == (14, 6, 4, 60, 40)
    assert (run.missing, run.gaps, run.api_calls) == (8, 2, 29)


@pytest.mark.parametrize(
    ("ended", "left_open"),
    [
        (Status.INTERRUPTED, Status.INTERRUPTED),
        (Status.CANCELLED, Status.CANCELLED),
        (Status.FAILED, Status.FAILED),
        (Status.PARTIAL, Status.FAILED),
    ],
)
def test_phases_left_open_end_with_their_run(run: SyncEvent, ended: Status, left_open: Status) -> None:
    closed = SyncPhaseFactory.create(event=run, name="features", status=Status.SUCCEEDED, finished_at=Now())
    SyncPhaseFactory.create(event=run, product=closed.product, name="tests")
    elsewhere = SyncPhaseFactory.create()
    runs.finish(run, ended, "why")
    shown = [(row.name, row.status, row.error, row.finished_at is None) for row in run.phases.all()]
    assert shown == [("features", "succeeded", "", False), ("tests", left_open, "why", False)]
    assert SyncPhase.objects.get(pk=elsewhere.pk).status == Status.RUNNING


def test_a_run_is_partial_as_soon_as_one_phase_was_not_clean(run: SyncEvent, product: Product) -> None:
    assert runs.outcome(run) == Status.SUCCEEDED
    with phase(run, TESTS, product):
        assert runs.outcome(run) == Status.PARTIAL
    assert runs.outcome(run) == Status.SUCCEEDED
    with phase(run, BUGS, product) as recorded:
        recorded.count(gaps=1)
    assert runs.outcome(run) == Status.PARTIAL


# A phase -------------------------------------------------------------------------------------------------------------


def test_a_phase_counts_and_ends_green(run: SyncEvent, product: Product) -> None:
    with phase(run, TESTS, product) as recorded:
        recorded.count(seen=3, created=2)
        recorded.count(seen=2, updated=1, missing=1)
        recorded.meter.add()
        recorded.warn("worth knowing")
        recorded.save()
        assert (the_phase().status, the_phase().seen, the_phase().finished_at) == ("running", 5, None)
    row = the_phase()
    assert (row.event, row.product, row.name, row.status, row.error) == (run, product, "tests", "succeeded", "")
    assert (row.seen, row.created, row.updated, row.missing, row.gaps, row.api_calls) == (5, 2, 1, 1, 0, 1)
    assert row.warnings == ["worth knowing"]
    assert row.finished_at
    assert row.finished_at >= row.started_at


def test_a_problem_or_a_gap_keeps_a_phase_from_being_green(run: SyncEvent, product: Product) -> None:
    with phase(run, TESTS, product) as recorded:
        recorded.problem("Position 7 cannot be read.")
    with phase(run, BUGS, product) as recorded:
        recorded.count(gaps=1)
        recorded.count(seen=1)
    shown = [(row.name, row.status, row.warnings) for row in run.phases.all()]
    assert shown == [("tests", "partial", ["Position 7 cannot be read."]), ("bugs", "partial", [])]


class Unforeseen(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "status", "sentence"),
    [
        (TestIOError("TestIO does not answer."), "failed", "TestIO does not answer."),
        (LeaseLost("Product 7 was taken over."), "failed", "Product 7 was taken over."),
        (Cancelled("stop"), "cancelled", "The run was asked to stop."),
        (TestIOCancelled("stop"), "cancelled", "The run was asked to stop."),
        (Unforeseen("a bug of ours"), "running", ""),
    ],
)
def test_what_ends_a_phase_early_is_recorded_and_raised_on(
    run: SyncEvent, product: Product, error: Exception, status: str, sentence: str
) -> None:
    def work() -> None:
        with phase(run, TESTS, product) as recorded:
            recorded.count(seen=3)
            raise error

    with pytest.raises(type(error), match=str(error)):
        work()
    row = the_phase()
    assert (row.status, row.error, row.seen) == (status, sentence, 3 if sentence else 0)


def test_counts_and_rows_are_committed_together_or_not_at_all(run: SyncEvent, product: Product) -> None:
    recorded = Phase(run, TESTS, product)
    with transaction.atomic():
        recorded.count(seen=3)
        recorded.save()
        transaction.set_rollback(True)
    assert the_phase().seen == 0


def test_a_warning_is_kept_once_and_not_without_end(
    run: SyncEvent, product: Product, caplog: pytest.LogCaptureFixture
) -> None:
    recorded = Phase(run, TESTS, product)
    with caplog.at_level(logging.WARNING):
        for number in range(MAX_WARNINGS + 5):
            recorded.warn(f"warning {number}")
            recorded.warn("warning 0")
    recorded.close()
    assert the_phase().warnings == [f"warning {number}" for number in range(MAX_WARNINGS)]
    assert caplog.messages == the_phase().warnings


def test_a_phase_that_was_ended_with_its_run_stays_as_it_was(run: SyncEvent, product: Product) -> None:
    recorded = Phase(run, TESTS, product)
    runs.finish(run, Status.INTERRUPTED, "gone")
    recorded.close()
    assert (the_phase().status, the_phase().error) == (Status.INTERRUPTED, "gone")


# Dead runs -----------------------------------------------------------------------------------------------------------


def work_on(line: Connection, customer_id: int, product_id: int) -> None:
    """In another process: begin a run and a phase, commit what was counted, and never end."""
    run = begin(Customer.objects.get(pk=customer_id))
    recorded = Phase(run, TESTS, Product.objects.get(pk=product_id))
    recorded.count(seen=3, created=3)
    recorded.save()
    line.send(run.pk)
    line.recv()


@pytest.mark.django_db(transaction=True)
def test_a_killed_run_is_marked_interrupted_by_the_next_one_and_keeps_what_it_committed(
    product: Product, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Another(database_url, work_on, product.customer_id, product.pk) as worker:
        dead = SyncEvent.objects.get(pk=worker.begin().hear())
        begin(product.customer)
        assert stored(dead).status == Status.RUNNING
        worker.kill()
        with caplog.at_level(logging.WARNING):
            following = begin(product.customer)
    sentence = "The process that ran this sync ended without finishing it."
    ended = stored(dead)
    assert (ended.status, ended.error, ended.tests_new) == (Status.INTERRUPTED, sentence, 3)
    assert ended.finished_at
    assert ended.finished_at >= ended.heartbeat_at
    assert (the_phase().status, the_phase().created, the_phase().error) == (Status.INTERRUPTED, 3, sentence)
    assert stored(following).status == Status.RUNNING
    assert caplog.messages == [
        f"Run {dead.public_id} is marked interrupted: process {worker.pid} on {this_host()} is gone."
    ]


@pytest.mark.django_db(transaction=True)
def test_a_suspended_run_is_not_dead_before_the_time_out(product: Product, database_url: str) -> None:
    with Another(database_url, work_on, product.customer_id, product.pk) as worker:
        worker.begin().hear()
        worker.signal(signal.SIGSTOP)
        assert runs.interrupt_dead() == 0
        SyncEvent.objects.update(heartbeat_at=Now() - timedelta(seconds=610))
        assert runs.interrupt_dead() == 1


@pytest.mark.parametrize(
    ("row", "dead"),
    [
        ({}, False),
        ({"host": "another host", "pid": 2**22}, False),
        ({"host": "another host", "heartbeat_at": Now() - timedelta(seconds=590)}, False),
        ({"host": "another host", "heartbeat_at": Now() - timedelta(seconds=610)}, True),
        ({"heartbeat_at": Now() - timedelta(seconds=610)}, True),
        ({"pid": 2**22}, True),
        ({"pid": None}, True),
        ({"process_started": 1.0}, True),
    ],
)
def test_a_run_is_dead_when_its_process_is_gone_or_it_is_silent_too_long(row: dict[str, object], dead: bool) -> None:
    run = SyncEventFactory.create()
    SyncEvent.objects.update(**row)
    assert runs.interrupt_dead() == int(dead)
    assert stored(run).status == (Status.INTERRUPTED if dead else Status.RUNNING)


def test_only_the_customers_own_runs_are_looked_at_when_one_begins() -> None:
    run = SyncEventFactory.create(pid=None)
    ended = SyncEventFactory.create(customer=run.customer, pid=None, status=Status.FAILED, finished_at=Now())
    begin(CustomerFactory.create())
    assert stored(run).status == Status.RUNNING
    begin(run.customer)
    assert [stored(run).status, stored(ended).status] == [Status.INTERRUPTED, Status.FAILED]


# What the schema forbids ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factory", [SyncEventFactory, SyncPhaseFactory])
def test_an_end_and_its_time_are_there_together(factory: Any) -> None:
    row = factory.create()
    rows, name = type(row).objects.filter(pk=row.pk), type(row).__name__.lower()
    for values in ({"status": Status.FAILED}, {"finished_at": Now()}):
        with pytest.raises(IntegrityError, match=f"{name}_finished_when_ended"), transaction.atomic():
            rows.update(**values)
    assert rows.update(status=Status.FAILED, finished_at=Now()) == 1


@pytest.mark.parametrize("with_product", [True, False])
def test_a_run_has_one_phase_of_a_kind_per_product(run: SyncEvent, product: Product, with_product: bool) -> None:
    of = product if with_product else None
    Phase(run, SyncPhase.Name.PRODUCTS, of)
    with pytest.raises(IntegrityError, match="syncphase_once_per_run"), transaction.atomic():
        Phase(run, SyncPhase.Name.PRODUCTS, of)
    Phase(run, TESTS, of)
