"""Retries beside syncs, other retries, dead workers and other calls to TestIO."""

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from problematic import claims, triage
from problematic.models import MappingState, ProblematicEvent, ProblematicMapping
from problematic.retry import retry_due, retry_mappings
from problematic.triage import AlreadyClaimed
from problematic.worker import RetryResult, worker_name
from sync.limiter import PostgresLimiter
from sync.models import Bug, Customer, Product, Test
from sync.pipeline import SyncBusy
from sync.sandbox import SandboxServer, World
from tests.problematic.factories import ProblematicEventFactory
from tests.problematic.retry.support import (
    elsewhere,
    hold,
    map_to,
    mapping_of,
    retry,
    states,
)
from tests.problematic.shell import desk
from tests.sync.support import finish, free_leases, start, wait_until

pytestmark = pytest.mark.django_db


def test_while_the_product_is_written_nothing_is_asked_and_no_attempt_counts(
    sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int]
) -> None:
    map_to(event, its_tests[0])
    before = list(ProblematicMapping.objects.values())
    hold([event.product])
    with pytest.raises(SyncBusy, match=r"^Sync in progress\. Retry in \d+ seconds?\."):
        retry()
    assert list(ProblematicMapping.objects.values()) == before
    assert sandbox.stats.total == 0


@pytest.mark.django_db(transaction=True)
def test_a_sync_that_begins_while_the_test_is_fetched_is_respected(
    sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int]
) -> None:
    map_to(event, its_tests[0])
    sandbox.faults.when("test", elsewhere(lambda: hold([event.product])))
    with pytest.raises(SyncBusy):
        retry()
    mapping = mapping_of(its_tests[0])
    assert (mapping.state, mapping.attempts, mapping.claimed_by) == (MappingState.QUEUED, 0, "")
    assert not mapping.history.exists()
    assert not Test.objects.exists()


def test_a_busy_product_does_not_hold_up_the_others(
    world: World, products: list[Product], event: ProblematicEvent, its_tests: list[int]
) -> None:
    other = ProblematicEventFactory.create(product=products[1])
    map_to(event, *its_tests[:2])
    map_to(other, world.tests_of(products[1].pk)[0])
    hold([event.product])
    result = retry()
    assert (result.tests_retried, result.tests_succeeded, result.tests_failed) == (1, 1, 0)
    [error] = result.errors
    assert error.startswith("Sync in progress. Retry in ")
    assert f"Product {event.product_id} is being written" in error
    assert sorted(states().values()) == ["queued", "queued", "succeeded"]


@pytest.mark.django_db(transaction=True)
def test_waiting_goes_on_until_the_product_is_free(
    sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("problematic.retry._LOOK_AGAIN", 0.02)
    map_to(event, its_tests[0])
    end_of_sync = threading.Timer(0.3, elsewhere(hold([event.product])))
    end_of_sync.start()
    result = retry(wait=True)
    end_of_sync.join()
    assert result.tests_succeeded == 1
    assert sandbox.stats.total == 2  # nothing was asked for while it waited
    assert mapping_of(its_tests[0]).attempts == 1


def test_waiting_can_be_stopped(event: ProblematicEvent, its_tests: list[int]) -> None:
    map_to(event, its_tests[0])
    hold([event.product])

    class StoppedWhileItIsWaitedFor(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            self.set()
            return super().wait(timeout)

    with pytest.raises(SyncBusy):
        retry_mappings(ProblematicMapping.objects.all(), wait=True, stop=StoppedWhileItIsWaitedFor())
    assert mapping_of(its_tests[0]).state == MappingState.QUEUED


def test_what_somebody_else_is_retrying_is_left_to_them(event: ProblematicEvent, its_tests: list[int]) -> None:
    theirs, ours = its_tests[:2]
    map_to(event, theirs, ours)
    claims.claim(mapping_of(theirs).pk, "somebody else")
    result = retry()
    sentence = f"Test {theirs} is being retried elsewhere."
    assert result == RetryResult(tests_retried=1, tests_succeeded=1, notes=[sentence], elsewhere=[sentence])
    assert states() == {theirs: "running", ours: "succeeded"}
    assert mapping_of(theirs).claimed_by == "somebody else"


def test_a_test_that_is_being_retried_for_another_event_is_left_to_that_one(
    sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int]
) -> None:
    other = ProblematicEventFactory.create(product=event.product)
    theirs, ours = its_tests[:2]
    map_to(event, theirs, ours)
    map_to(other, theirs)
    claims.claim(other.mappings.get().pk, "somebody else")
    sentence = f"Test {theirs} is being retried for event {other}."
    result = retry_mappings(event.mappings.all())
    assert result == RetryResult(tests_retried=1, tests_succeeded=1, notes=[sentence], elsewhere=[sentence])
    left = event.mappings.get(test_id=theirs)
    assert (left.state, left.attempts, left.history.count()) == (MappingState.QUEUED, 0, 0)
    asked = sandbox.stats.total
    with pytest.raises(AlreadyClaimed, match=rf"^{sentence} Wait for the result\.$"):
        retry_mappings(event.mappings.all())
    assert retry_due(event.product.customer) == RetryResult()
    assert sandbox.stats.total == asked


@pytest.mark.django_db(transaction=True)
def test_of_many_events_with_the_same_test_one_retries_it_and_the_others_are_told(
    sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int]
) -> None:
    events = [event, *ProblematicEventFactory.create_batch(4, product=event.product)]
    for each in events:
        map_to(each, its_tests[0])
    together, go_on = threading.Barrier(len(events)), threading.Event()
    sandbox.faults.when("test", lambda _: go_on.wait(60))
    said: list[str] = []

    def retry_one(each: ProblematicEvent) -> None:
        together.wait(60)
        try:
            said.append(f"{retry_mappings(each.mappings.all()).tests_succeeded} stored")
        except AlreadyClaimed as told:
            said.append(str(told))
            if len(said) == len(events) - 1:
                go_on.set()

    threads = [threading.Thread(target=elsewhere(partial(retry_one, each))) for each in events]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(said) == len(events), "the end of all retries")
    for thread in threads:
        thread.join()
    *told, last = said
    assert last == "1 stored"
    assert all(each.startswith(f"Test {its_tests[0]} is being retried for event evt_") for each in told)
    assert sorted(ProblematicMapping.objects.values_list("state", "attempts")) == [
        *[("queued", 0)] * (len(events) - 1),
        ("succeeded", 1),
    ]
    assert sandbox.stats.total == 2  # the test and its bugs


def test_when_somebody_else_is_retrying_all_of_it_that_is_the_answer(
    sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int]
) -> None:
    map_to(event, its_tests[0])
    claims.claim(mapping_of(its_tests[0]).pk, "somebody else")
    with pytest.raises(
        AlreadyClaimed, match=rf"^Test {its_tests[0]} is being retried elsewhere\. Wait for the result\.$"
    ):
        retry()
    assert sandbox.stats.total == 0


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("became", ["stored", "unmapped"])
def test_what_became_of_a_test_before_its_turn_is_noted_and_not_counted(
    sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int], became: str
) -> None:
    ours, theirs = its_tests[:2]
    map_to(event, ours, theirs)

    def act() -> None:
        if became == "stored":
            claims.settle(claims.claim(mapping_of(theirs).pk, "somebody else"))
        else:
            triage.unmap(event, [theirs])

    sandbox.faults.when(f"/exploratory_tests/{ours}", elsewhere(act))
    note = {
        "stored": f"Test {theirs} was stored by another retry meanwhile.",
        "unmapped": f"Test {theirs} was unmapped meanwhile, so it was not retried.",
    }
    assert retry() == RetryResult(tests_retried=1, tests_succeeded=1, notes=[note[became]])


def settle_it(test_id: int) -> None:
    claims.settle(mapping_of(test_id))


def fail_it(test_id: int) -> None:
    claims.fail(mapping_of(test_id), f"Test {test_id}: no.")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("heir", "errors", "notes"),
    [
        (settle_it, [], ["Test {} was stored by another retry meanwhile."]),
        (fail_it, ["Another retry of test {} ended meanwhile. Test {}: no."], []),
    ],
    ids=["settles", "fails"],
)
@pytest.mark.parametrize("we_fail", [False, True])
def test_what_the_heir_of_a_claim_came_to_is_said_and_not_counted(
    sandbox: SandboxServer,
    event: ProblematicEvent,
    its_tests: list[int],
    heir: Callable[[int], None],
    errors: list[str],
    notes: list[str],
    *,
    we_fail: bool,
) -> None:
    test_id = its_tests[0]
    map_to(event, test_id)

    def take_over() -> None:
        ProblematicMapping.objects.update(claimed_by="heir", claimed_at=Now())
        heir(test_id)

    if we_fail:
        sandbox.world.break_records(tests=[test_id])
    sandbox.faults.when("test", elsewhere(take_over))
    expected = [sentence.format(test_id, test_id) for sentence in errors]
    assert retry() == RetryResult(errors=expected, notes=[note.format(test_id) for note in notes])
    assert not Test.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_retries_at_once_the_loser_is_told_to_wait(
    sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int], database_url: str
) -> None:
    map_to(event, its_tests[0])
    go_on = threading.Event()
    sandbox.faults.when("test", lambda _: go_on.wait(60))
    winner = start(database_url, "problematic", "retry", "--all", "--json")
    wait_until(lambda: states() == {its_tests[0]: "running"}, "the winner's claim")
    loser = desk("retry", "--all")
    go_on.set()
    assert (loser.code, loser.stdout) == (75, "")
    done = finish(winner)
    assert (done.code, done.json["tests_succeeded"], done.json["errors"]) == (0, 1, [])


@pytest.mark.django_db(transaction=True)
def test_a_claim_that_waits_long_for_its_turn_is_not_taken_for_abandoned(
    customer: Customer, event: ProblematicEvent, its_tests: list[int], settings: Settings
) -> None:
    settings.TESTIO_LOCK_TIMEOUT = 0.5
    settings.TESTIO_MAX_CONCURRENT_REQUESTS = 1
    map_to(event, its_tests[0])
    results: list[RetryResult] = []
    waiting = threading.Thread(target=elsewhere(lambda: results.append(retry())))

    def has_waited() -> bool:
        mapping = mapping_of(its_tests[0])
        lived = mapping.heartbeat_at and mapping.claimed_at and mapping.heartbeat_at - mapping.claimed_at
        return bool(lived and lived > timedelta(seconds=1))

    with PostgresLimiter(customer.pk, 1) as limiter, limiter.slot():
        waiting.start()
        wait_until(has_waited, "twice the time after which a silent worker counts as dead")
        assert claims.release_abandoned() == []
    waiting.join()
    assert results == [RetryResult(tests_retried=1, tests_succeeded=1)]
    assert mapping_of(its_tests[0]).heartbeat_at is None


@pytest.mark.django_db(transaction=True)
def test_a_claim_that_was_taken_over_stores_nothing(
    sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int]
) -> None:
    map_to(event, its_tests[0])

    def take_over() -> None:
        ProblematicMapping.objects.update(claimed_by="heir", claimed_at=Now())

    sandbox.faults.when("bugs", elsewhere(take_over))
    with pytest.raises(AlreadyClaimed, match=f"Test {its_tests[0]} is being retried elsewhere"):
        retry()
    assert not Test.objects.exists()
    assert not Bug.objects.exists()
    assert mapping_of(its_tests[0]).claimed_by == "heir"
    assert free_leases()


def test_what_dead_workers_left_is_taken_up_first(event: ProblematicEvent, its_tests: list[int]) -> None:
    map_to(event, its_tests[0])
    claims.claim(mapping_of(its_tests[0]).pk, "dead")
    ProblematicMapping.objects.update(pid=None)
    assert retry().tests_succeeded == 1
    assert list(mapping_of(its_tests[0]).history.values_list("outcome", flat=True)) == ["abandoned", "succeeded"]


def test_a_retry_keeps_to_the_limit_all_share(
    customer: Customer, sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int], settings: Settings
) -> None:
    settings.TESTIO_MAX_CONCURRENT_REQUESTS = 1
    map_to(event, its_tests[0])
    stop = threading.Event()
    stopper = threading.Timer(0.3, stop.set)
    with PostgresLimiter(customer.pk, 1) as limiter, limiter.slot():
        stopper.start()
        result = retry_mappings(ProblematicMapping.objects.all(), stop=stop)
    stopper.join()
    assert sandbox.stats.total == 0
    assert result == RetryResult(errors=["Stopped as asked after 0 of 1 tests."])
    assert (mapping_of(its_tests[0]).state, mapping_of(its_tests[0]).attempts) == (MappingState.QUEUED, 0)


def test_a_retry_stops_between_two_tests(event: ProblematicEvent, its_tests: list[int]) -> None:
    map_to(event, *its_tests[:3])
    stop = threading.Event()
    result = retry_mappings(ProblematicMapping.objects.all(), stop=stop, report=lambda _: stop.set())
    assert result == RetryResult(1, 1, 0, ["Stopped as asked after 1 of 3 tests."])


def test_workers_have_names_of_their_own() -> None:
    names = {worker_name()}
    thread = threading.Thread(target=lambda: names.add(worker_name()))
    thread.start()
    thread.join()
    assert len(names) == 2
