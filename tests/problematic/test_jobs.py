import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from pytest_django import Settings

from problematic import choice, claims, jobs, triage
from problematic.admin import looks
from problematic.choice import Choice
from problematic.models import MappingState, ProblematicEvent, ProblematicMapping, RetryJob
from problematic.triage import AlreadyClaimed, NothingToRetry
from sync import leases
from sync.models import Customer, Product, Test
from sync.sandbox import SandboxServer, World
from tests.factories import ProductFactory
from tests.problematic.factories import ProblematicEventFactory, RetryJobFactory
from tests.sync.support import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

NO_SUCH_TEST = 4_000_000_000


@pytest.fixture
def product(customer: Customer, product_id: int) -> Product:
    return ProductFactory.create(id=product_id, customer=customer)


@pytest.fixture
def event(product: Product) -> ProblematicEvent:
    return ProblematicEventFactory.create(product=product)


@pytest.fixture
def its_tests(world: World, product_id: int) -> list[int]:
    return world.tests_of(product_id)


def everything() -> "QuerySet[ProblematicMapping]":
    return ProblematicMapping.objects.all()


def chosen() -> Choice:
    return Choice(everything())


def finished(job: RetryJob) -> RetryJob:
    wait_until(lambda: RetryJob.objects.get(pk=job.pk).status != RetryJob.Status.RUNNING, "the end of the job")
    return RetryJob.objects.get(pk=job.pk)


def run(**fields: object) -> RetryJob:
    """A job on everything that is mapped, to its end, in this thread."""
    job = RetryJobFactory.create(mapping_ids=list(everything().values_list("pk", flat=True)), **fields)
    jobs.run(job)
    return RetryJob.objects.get(pk=job.pk)


def counts(job: RetryJob) -> tuple[str, int, int, int]:
    return job.status, job.tests_retried, job.tests_succeeded, job.tests_failed


def test_a_job_runs_by_itself_and_ends_with_its_counts(
    event: ProblematicEvent, its_tests: list[int], user: User
) -> None:
    triage.map_tests(event, its_tests[:2])
    job = jobs.start(choice.of_event(event), by=user)
    assert (job.status, job.total, job.requested_by, job.event) == (RetryJob.Status.RUNNING, 2, user, event)
    done = finished(job)
    assert counts(done) == ("succeeded", 2, 2, 0)
    assert (done.errors, done.finished_at is not None) == ([], True)
    assert Test.objects.count() == 2


def test_a_job_begins_when_its_row_can_be_seen(event: ProblematicEvent, its_tests: list[int]) -> None:
    triage.map_tests(event, its_tests[:1])
    with transaction.atomic():
        job = jobs.start(chosen())
        assert not any(thread.name == f"retry-{job}" for thread in threading.enumerate())
    assert finished(job).tests_succeeded == 1


def test_a_job_that_is_rolled_back_never_begins(
    sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int]
) -> None:
    triage.map_tests(event, its_tests[:1])
    with transaction.atomic():
        jobs.start(chosen())
        transaction.set_rollback(True)
    assert not RetryJob.objects.exists()
    assert sandbox.stats.total == 0


def test_what_has_succeeded_is_not_part_of_a_job(event: ProblematicEvent, its_tests: list[int]) -> None:
    triage.map_tests(event, its_tests[:2])
    event.mappings.filter(test_id=its_tests[0]).update(state=MappingState.SUCCEEDED)
    job = jobs.start(chosen())
    assert job.mapping_ids == [event.mappings.get(test_id=its_tests[1]).pk]
    finished(job)


def test_a_job_that_nothing_can_come_of_is_not_started(event: ProblematicEvent, sandbox: SandboxServer) -> None:
    with pytest.raises(NothingToRetry, match=r"^Nothing is mapped there, so nothing was retried\.$"):
        jobs.start(chosen())
    triage.map_tests(event, [5])
    claims.claim(everything().get().pk, "somebody")
    with pytest.raises(AlreadyClaimed, match=r"^Everything mapped there is being retried right now"):
        jobs.start(chosen())
    everything().update(pid=None)  # its worker is gone
    assert counts(finished(jobs.start(chosen()))) == ("partial", 1, 0, 1)


def test_of_many_retries_of_an_event_started_together_one_begins_and_the_others_name_it(
    sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int]
) -> None:
    triage.map_tests(event, [NO_SUCH_TEST, its_tests[0]])
    together, go_on = threading.Barrier(6), threading.Event()
    sandbox.faults.when("test", lambda _: go_on.wait(60))
    begun: list[RetryJob] = []
    refused: list[str] = []

    def begin(number: int) -> None:
        together.wait(60)
        try:
            begun.append(jobs.start(choice.of_event(event) if number % 2 else choice.of_product(event.product)))
        except AlreadyClaimed as told:
            refused.append(str(told))
        connection.close()

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    go_on.set()
    [job] = begun
    assert refused == [f"Everything mapped there is being retried by {job} right now. Wait for the result."] * 5
    assert counts(finished(job)) == ("partial", 2, 1, 1)
    assert event.attempts.count() == 2
    assert counts(finished(jobs.start(chosen()))) == ("partial", 1, 0, 1)


def test_a_job_leaves_what_another_is_about_to_that_one_and_says_so(
    event: ProblematicEvent, its_tests: list[int]
) -> None:
    triage.map_tests(event, [NO_SUCH_TEST, its_tests[0]])
    other = RetryJobFactory.create(mapping_ids=[event.mappings.get(test_id=NO_SUCH_TEST).pk])
    job = finished(jobs.start(choice.of_event(event)))
    assert counts(job) == ("succeeded", 1, 1, 0)
    assert job.notes == [f"Left out what {other} is retrying right now: 1 test."]


def test_a_test_that_is_being_retried_elsewhere_does_not_make_a_job_partial(
    event: ProblematicEvent, its_tests: list[int]
) -> None:
    triage.map_tests(event, its_tests[:2])
    claims.claim(event.mappings.get(test_id=its_tests[0]).pk, "somebody")
    job = run()
    assert (counts(job), job.errors) == (("succeeded", 1, 1, 0), [])
    assert job.notes == [f"Test {its_tests[0]} is being retried elsewhere."]


def test_what_a_job_leaves_out_and_what_else_to_know_are_notes_and_no_errors(
    event: ProblematicEvent, its_tests: list[int]
) -> None:
    triage.map_tests(event, its_tests[:1])
    other = ProductFactory.create(customer=event.product.customer)
    ProblematicEvent.objects.update(product=other)
    job = finished(jobs.start(Choice(everything(), notes=("Left out one.",))))
    note = f"Test {its_tests[0]} belongs to {event.product}, not to the event's product {other.pk}; "
    assert (job.status, job.errors) == ("succeeded", [])
    assert job.notes == ["Left out one.", f"{note}it was stored where it belongs."]


def test_a_job_with_failures_names_them(event: ProblematicEvent, its_tests: list[int]) -> None:
    triage.map_tests(event, [its_tests[0], NO_SUCH_TEST])
    job = run()
    assert counts(job) == ("partial", 2, 1, 1)
    [error] = job.errors
    assert error.startswith(f"Test {NO_SUCH_TEST}: TestIO has no such test (404).")


def test_progress_can_be_watched(sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int]) -> None:
    triage.map_tests(event, its_tests[:3])
    seen: list[tuple[str, int, int, int]] = []

    def look(_: object) -> None:
        seen.append(counts(RetryJob.objects.get()))
        connection.close()

    for test_id in its_tests[:3]:
        sandbox.faults.when(f"/exploratory_tests/{test_id}", look)
    run()
    assert seen == [("running", 0, 0, 0), ("running", 1, 1, 0), ("running", 2, 2, 0)]


def test_a_job_waits_for_a_product_that_is_being_written(
    event: ProblematicEvent, its_tests: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("problematic.retry._LOOK_AGAIN", 0.02)
    triage.map_tests(event, its_tests[:1])
    [held], _ = leases.acquire([event.product_id], uuid4())
    job = jobs.start(chosen())
    assert RetryJob.objects.get().status == RetryJob.Status.RUNNING
    held.release()
    assert counts(finished(job)) == ("succeeded", 1, 1, 0)


def test_a_refused_token_fails_the_job_and_is_named(
    sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int]
) -> None:
    triage.map_tests(event, its_tests[:2])
    sandbox.faults.set(refuse=403)
    job = run()
    assert counts(job) == ("failed", 0, 0, 0)
    [error] = job.errors
    assert error.startswith("TestIO does not accept this customer's API token (HTTP 403")
    assert sandbox.token not in error
    assert set(everything().values_list("state", "attempts")) == {("queued", 0)}


def test_what_was_done_before_a_token_was_refused_is_still_counted(
    sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int]
) -> None:
    triage.map_tests(event, its_tests[:2])
    sandbox.faults.when(f"/exploratory_tests/{its_tests[1]}", lambda _: sandbox.faults.set(refuse=401))
    assert counts(run()) == ("partial", 1, 1, 0)


def test_an_error_nobody_foresaw_does_not_leave_the_job_running(
    event: ProblematicEvent, its_tests: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    triage.map_tests(event, its_tests[:1])
    with uncountable_jobs(), caplog.at_level(logging.ERROR):
        job = finished(jobs.start(chosen()))
        wait_until(lambda: bool(caplog.messages), "the log's line")
    assert job.status == RetryJob.Status.FAILED
    assert job.errors == [
        "The retry stopped on an unexpected error; the log has its details. What it had stored stays."
    ]
    assert caplog.messages == [f"Retry job {job} could not be finished; what it had stored stays."]
    assert Test.objects.count() == 1


@contextmanager
def uncountable_jobs() -> Iterator[None]:
    """A database that refuses to store what a job has done so far."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no counting'; END $$;"
            "CREATE TRIGGER refuse BEFORE UPDATE OF tests_retried ON problematic_retryjob"
            " FOR EACH ROW EXECUTE FUNCTION refuse()"
        )
        try:
            yield
        finally:
            cursor.execute("DROP TRIGGER refuse ON problematic_retryjob; DROP FUNCTION refuse()")


def test_a_job_whose_process_is_gone_is_interrupted(customer: Customer) -> None:
    dead = RetryJobFactory.create(pid=None)
    living = RetryJobFactory.create()
    far_away = RetryJobFactory.create(host="elsewhere", pid=None)
    before = timezone.now() - timedelta(seconds=605)
    silent = RetryJobFactory.create(host="elsewhere", pid=1, heartbeat_at=before)
    states = {dead.pk: "interrupted", living.pk: "running", far_away.pk: "running", silent.pk: "interrupted"}
    assert {job.pk: looks.shown_status(job) for job in RetryJob.objects.all()} == states
    assert jobs.interrupt_dead() == 2
    assert jobs.interrupt_dead() == 0
    assert dict(RetryJob.objects.values_list("pk", "status")) == states
    assert RetryJob.objects.get(pk=dead.pk).finished_at is not None


def test_a_job_shows_that_it_lives_while_it_waits(
    sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int], settings: Settings
) -> None:
    settings.TESTIO_LOCK_TIMEOUT = 0.5
    triage.map_tests(event, its_tests[:1])
    go_on = threading.Event()
    sandbox.faults.when("test", lambda _: go_on.wait(60))
    job = jobs.start(chosen())

    def has_waited() -> bool:
        return RetryJob.objects.get().heartbeat_at - job.started_at > timedelta(seconds=1)

    wait_until(has_waited, "twice the time after which a silent job counts as dead")
    assert jobs.interrupt_dead() == 0
    go_on.set()
    assert counts(finished(job)) == ("succeeded", 1, 1, 0)


def test_an_ended_job_is_not_ended_again(event: ProblematicEvent, its_tests: list[int]) -> None:
    triage.map_tests(event, its_tests[:1])
    job = RetryJobFactory.create(mapping_ids=list(everything().values_list("pk", flat=True)), pid=None)
    jobs.interrupt_dead()
    jobs.run(job)
    assert RetryJob.objects.get().status == RetryJob.Status.INTERRUPTED


def test_a_job_that_loses_its_connection_ends_as_failed_and_gives_its_claim_back(
    sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int]
) -> None:
    triage.map_tests(event, its_tests[:1])
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        mine = cursor.fetchone()[0]

    def cut_off(_: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid NOT IN (%s, pg_backend_pid()) AND application_name <> 'testio-desk limiter'",
                [mine],
            )
        connection.close()

    sandbox.faults.when(f"/exploratory_tests/{its_tests[0]}", cut_off)
    job = finished(jobs.start(chosen()))
    assert job.status == RetryJob.Status.FAILED
    assert job.errors == ["The database went away during the retry. What was stored stays; retry the rest."]
    assert not ProblematicMapping.objects.filter(state=MappingState.RUNNING).exists()
