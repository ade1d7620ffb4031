import logging
import os
import time
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from problematic import claims, triage
from problematic.claims import claim, claim_due, fail, give_back, release_abandoned, settle, wait_after
from problematic.models import MappingState, ProblematicMapping, RetryAttempt
from problematic.triage import AlreadyClaimed
from sync.models.process import this_process
from tests.factories import ProductFactory
from tests.problematic.crowd import Crowd, say
from tests.problematic.factories import ProblematicEventFactory, ProblematicMappingFactory

pytestmark = pytest.mark.django_db

TIMEOUT = timedelta(seconds=600)


@pytest.fixture
def mapping() -> ProblematicMapping:
    return ProblematicMappingFactory.create()


def reload(mapping: ProblematicMapping) -> ProblematicMapping:
    return ProblematicMapping.objects.select_related("event").get(pk=mapping.pk)


def change(mapping: ProblematicMapping, **values: object) -> None:
    ProblematicMapping.objects.filter(pk=mapping.pk).update(**values)


def due(mapping: ProblematicMapping) -> timedelta:
    """How long from now until the mapping is due."""
    return reload(mapping).next_attempt_at - timezone.now()


def history(mapping: ProblematicMapping) -> list[tuple[int, str, str]]:
    return list(mapping.history.values_list("number", "outcome", "detail"))


def fail_times(mapping: ProblematicMapping, times: int) -> None:
    for _ in range(times):
        fail(claim(mapping.pk, "worker"), "TestIO cannot read it")


# One claim ------------------------------------------------------------------------------------------------------------


def test_a_claim_says_who_works_since_when_and_counts_the_attempt(mapping: ProblematicMapping) -> None:
    won = claim(mapping.pk, "worker")
    stored = reload(mapping)
    assert (stored.state, stored.claimed_by, stored.attempts) == (MappingState.RUNNING, "worker", 1)
    assert stored.claimed_at is not None
    assert abs(timezone.now() - stored.claimed_at) < timedelta(minutes=1)
    assert {name: getattr(stored, name) for name in this_process()} == this_process()
    assert (won.pk, won.claimed_at, won.event) == (stored.pk, stored.claimed_at, stored.event)


@pytest.mark.parametrize("state", ["running", "succeeded"])
def test_what_runs_or_has_succeeded_cannot_be_claimed(mapping: ProblematicMapping, state: str) -> None:
    if state == "running":
        claim(mapping.pk, "winner")
    else:
        settle(claim(mapping.pk, "winner"))
    before = ProblematicMapping.objects.filter(pk=mapping.pk).values().get()
    with pytest.raises(AlreadyClaimed) as refused:
        claim(mapping.pk, "loser")
    assert "not found or already claimed" in str(refused.value)
    assert ProblematicMapping.objects.filter(pk=mapping.pk).values().get() == before
    assert claim_due("loser", 10) == []


def test_what_is_not_there_cannot_be_claimed() -> None:
    with pytest.raises(AlreadyClaimed, match="This test was not found or already claimed"):
        claim(0, "worker")


def test_of_two_connections_that_saw_the_same_free_row_one_wins(mapping: ProblematicMapping) -> None:
    free = ProblematicMapping.objects.get(pk=mapping.pk)
    assert free.state == MappingState.QUEUED  # both have looked
    claim(free.pk, "first")
    with pytest.raises(AlreadyClaimed):
        claim(free.pk, "second")
    assert reload(mapping).claimed_by == "first"


@pytest.mark.django_db(transaction=True)
def test_a_lost_claim_leaves_no_transaction_open(mapping: ProblematicMapping) -> None:
    claim(mapping.pk, "winner")
    with pytest.raises(AlreadyClaimed):
        claim(mapping.pk, "loser")
    assert not connection.in_atomic_block
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
            " AND datname = current_database()"
        )
        assert cursor.fetchone() == (0,)


# The queue ------------------------------------------------------------------------------------------------------------


def test_an_empty_queue_gives_nothing() -> None:
    assert claim_due("worker", 10) == []


def test_the_oldest_is_claimed_first() -> None:
    now = timezone.now()
    ages = [3, 1, 2, 2, 5]
    made = [ProblematicMappingFactory.create(next_attempt_at=now - timedelta(hours=age)) for age in ages]
    expected = [made[place].pk for place in (4, 0, 2, 3, 1)]
    assert [mapping.pk for mapping in claim_due("worker", 2)] == expected[:2]
    assert [mapping.pk for mapping in claim_due("worker", 10)] == expected[2:]


def test_only_what_is_due_is_claimed() -> None:
    soon = timezone.now() + timedelta(minutes=1)
    for state in ("queued", "failed"):
        ProblematicMappingFactory.create(state=state, next_attempt_at=soon)
    for state in ("dead", "succeeded"):
        ProblematicMappingFactory.create(state=state)
    assert claim_due("worker", 10) == []
    due_now = [ProblematicMappingFactory.create(state=state).pk for state in ("queued", "failed")]
    assert [mapping.pk for mapping in claim_due("worker", 10)] == due_now


def test_a_batch_is_claimed_like_a_single_one() -> None:
    for _ in range(3):
        ProblematicMappingFactory.create()
    for mapping in claim_due("worker", 2):
        assert (mapping.state, mapping.claimed_by, mapping.attempts) == (MappingState.RUNNING, "worker", 1)
        assert reload(mapping).claimed_at == mapping.claimed_at
        fail(mapping, "no")
    assert Counter(ProblematicMapping.objects.values_list("state", flat=True)) == {"failed": 2, "queued": 1}


def test_products_have_queues_of_their_own() -> None:
    one, other = ProblematicMappingFactory.create(), ProblematicMappingFactory.create()
    assert claim_due("worker", 10, product_ids=[]) == []
    assert claim_due("worker", 10, product_ids=[ProductFactory.create().pk]) == []
    assert [mapping.pk for mapping in claim_due("worker", 10, product_ids=[other.event.product_id])] == [other.pk]
    assert [mapping.pk for mapping in claim_due("worker", 10)] == [one.pk]


def test_looking_claims_nothing(mapping: ProblematicMapping) -> None:
    assert list(claims.pending(ProblematicMapping.objects.all())) == [mapping]
    assert reload(mapping).state == MappingState.QUEUED


def test_a_claim_of_what_is_due_is_one_statement(django_assert_num_queries: Any) -> None:
    for _ in range(5):
        ProblematicMappingFactory.create()
    with django_assert_num_queries(1):
        assert len(claim_due("worker", 5)) == 5


# How it ends ----------------------------------------------------------------------------------------------------------


def test_success_settles_the_mapping_and_is_written_down(mapping: ProblematicMapping) -> None:
    fail_times(mapping, 1)
    won = claim(mapping.pk, "worker")
    settle(won)
    stored = reload(mapping)
    assert (stored.state, stored.last_error, stored.claimed_by, stored.claimed_at) == ("succeeded", "", "", None)
    assert (stored.host, stored.pid, stored.attempts) == ("", None, 2)
    assert history(mapping) == [(1, "failed", "TestIO cannot read it"), (2, "succeeded", "")]
    attempt = mapping.history.last()
    assert attempt is not None
    assert (attempt.worker, attempt.started_at) == ("worker", won.claimed_at)
    assert attempt.finished_at >= attempt.started_at
    assert stored.event.recovery_attempts == 3  # the walk that found the gap, and two retries


def test_failure_keeps_the_mapping_with_its_error_and_a_later_time(
    mapping: ProblematicMapping, settings: Settings
) -> None:
    settings.TESTIO_RETRY_WAIT_SECONDS = 100
    for seconds in (100, 200, 400):
        fail_times(mapping, 1)
        assert timedelta(seconds=seconds - 60) < due(mapping) <= timedelta(seconds=seconds)
    stored = reload(mapping)
    assert (stored.state, stored.last_error, stored.claimed_by) == ("failed", "TestIO cannot read it", "")
    assert claim_due("worker", 1) == []


def test_waiting_doubles_up_to_a_day(settings: Settings) -> None:
    settings.TESTIO_RETRY_WAIT_SECONDS = 60
    assert [wait_after(attempts).total_seconds() for attempts in (0, 1, 2, 3, 4)] == [60, 60, 120, 240, 480]
    assert wait_after(11) == timedelta(seconds=61_440)
    assert {wait_after(attempts) for attempts in (12, 13, 50, 10**6)} == {timedelta(days=1)}


@given(st.integers(1, 2**31 - 1))
def test_waiting_never_shrinks(attempts: int) -> None:
    assert wait_after(attempts) <= wait_after(attempts + 1) <= timedelta(days=1)


def test_after_too_many_failures_nobody_tries_until_an_operator_does(
    mapping: ProblematicMapping, settings: Settings
) -> None:
    settings.TESTIO_RETRY_LIMIT = 3
    fail_times(mapping, 2)
    assert reload(mapping).state == MappingState.FAILED
    fail_times(mapping, 1)
    assert reload(mapping).state == MappingState.DEAD
    change(mapping, next_attempt_at=Now() - timedelta(days=9))
    assert claim_due("worker", 1) == []
    fail_times(mapping, 1)  # an operator insists
    assert (reload(mapping).state, reload(mapping).attempts) == (MappingState.DEAD, 4)
    triage.map_tests(mapping.event, [mapping.test_id])
    assert (reload(mapping).state, reload(mapping).attempts) == (MappingState.QUEUED, 0)
    assert [revived.pk for revived in claim_due("worker", 1)] == [mapping.pk]
    assert [number for number, *_ in history(mapping)] == [1, 2, 3, 4]  # what was, stays visible


def test_an_operator_need_not_wait_for_the_back_off(mapping: ProblematicMapping) -> None:
    fail_times(mapping, 4)
    assert claim_due("worker", 1) == []
    assert claim(mapping.pk, "operator").attempts == 5


@pytest.mark.parametrize("failures", [0, 1, 3])
def test_a_claim_given_back_is_as_if_it_had_not_been(
    mapping: ProblematicMapping, settings: Settings, failures: int
) -> None:
    settings.TESTIO_RETRY_LIMIT = 3
    fail_times(mapping, failures)
    before = ProblematicMapping.objects.filter(pk=mapping.pk).values().get()
    give_back(claim(mapping.pk, "worker"))
    assert ProblematicMapping.objects.filter(pk=mapping.pk).values().get() == before
    assert mapping.history.count() == failures


def test_a_claim_given_back_can_wait(mapping: ProblematicMapping) -> None:
    give_back(claim(mapping.pk, "worker"), timedelta(minutes=5))
    assert timedelta(minutes=4) < due(mapping) <= timedelta(minutes=5)
    change(mapping, next_attempt_at=Now() + timedelta(hours=1))
    give_back(claim(mapping.pk, "worker"), timedelta(minutes=5))
    assert due(mapping) > timedelta(minutes=50)
    assert reload(mapping).attempts == 0


# Workers that die -----------------------------------------------------------------------------------------------------


def claim_and_wait_for_death() -> None:
    [mapping] = claim_due(f"doomed {os.getpid()}", 1)
    say(str(mapping.pk))
    time.sleep(1_000)


@pytest.mark.django_db(transaction=True)
def test_a_killed_workers_claim_is_free_again_at_once(
    mapping: ProblematicMapping, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Crowd(database_url, claim_and_wait_for_death) as crowd:
        assert crowd.hear() == str(mapping.pk)
        assert release_abandoned() == []  # it lives
        crowd.kill()
    worker = reload(mapping).claimed_by
    with caplog.at_level(logging.WARNING):
        assert [released.pk for released in release_abandoned()] == [mapping.pk]
        assert release_abandoned() == []
    what = f"The worker ({worker}) ended without finishing the attempt."
    assert caplog.messages == [f"The retry of test {mapping.test_id} is queued again: {what}"]
    assert history(mapping) == [(1, "abandoned", what)]
    assert [again.attempts for again in claim_due("heir", 1)] == [2]


@pytest.mark.parametrize(("silent_for", "is_released"), [(-5, False), (5, True)])
@pytest.mark.parametrize("sign", ["claimed_at", "heartbeat_at"])
def test_a_worker_on_another_host_is_believed_dead_when_it_is_silent_for_too_long(
    mapping: ProblematicMapping, sign: str, silent_for: int, *, is_released: bool
) -> None:
    claim(mapping.pk, "far away")
    last_sign = {"claimed_at": Now() - 9 * TIMEOUT, sign: Now() - TIMEOUT - timedelta(seconds=silent_for)}
    change(mapping, host="elsewhere", pid=1, process_started=1.0, **last_sign)
    assert [released.pk for released in release_abandoned()] == [mapping.pk] * is_released
    assert reload(mapping).state == (MappingState.FAILED if is_released else MappingState.RUNNING)
    assert is_released <= (reload(mapping).heartbeat_at is None)


@pytest.mark.parametrize("host", ["here", "elsewhere"])
def test_a_living_worker_keeps_its_claims_however_long_it_works(mapping: ProblematicMapping, host: str) -> None:
    claim(mapping.pk, "slow")
    others = claim(ProblematicMappingFactory.create().pk, "other")
    change(mapping, claimed_at=Now() - 100 * TIMEOUT, **({"host": host} if host == "elsewhere" else {}))
    claims.renew("slow")
    assert release_abandoned() == []
    assert reload(mapping).state == MappingState.RUNNING
    assert reload(others).heartbeat_at is None


@pytest.mark.parametrize("act", ["settle", "fail", "give_back"])
def test_a_worker_whose_claim_was_taken_over_can_change_nothing(mapping: ProblematicMapping, act: str) -> None:
    sleeper = claim(mapping.pk, "sleeper")
    change(mapping, claimed_at=Now() - TIMEOUT - timedelta(seconds=1))
    sleeper.refresh_from_db()
    release_abandoned()
    heir = claim(mapping.pk, "sleeper")  # even one of the same name
    before = ProblematicMapping.objects.filter(pk=mapping.pk).values().get()
    attempts = reload(mapping).event.recovery_attempts
    if act == "give_back":
        give_back(sleeper)
    else:
        with pytest.raises(AlreadyClaimed, match=f"The claim on test {mapping.test_id} was taken over or withdrawn"):
            settle(sleeper) if act == "settle" else fail(sleeper, "too late")
    assert ProblematicMapping.objects.filter(pk=mapping.pk).values().get() == before
    assert reload(mapping).event.recovery_attempts == attempts
    settle(heir)
    assert [outcome for _, outcome, _ in history(mapping)] == ["abandoned", "succeeded"]


def test_a_test_that_kills_its_workers_is_given_up_like_any_other(
    mapping: ProblematicMapping, settings: Settings
) -> None:
    settings.TESTIO_RETRY_LIMIT = 2
    for state in ("failed", "dead"):
        claim(mapping.pk, "doomed")
        change(mapping, pid=None)
        assert len(release_abandoned()) == 1
        assert reload(mapping).state == state
    assert claim_due("worker", 1) == []


# Races ----------------------------------------------------------------------------------------------------------------


def claim_this(mapping_id: int) -> str:
    try:
        return f"won {claim(mapping_id, str(os.getpid())).claimed_by}"
    except AlreadyClaimed as loss:
        return str(loss)


@pytest.mark.django_db(transaction=True)
def test_of_ten_workers_one_wins_and_nine_are_told(mapping: ProblematicMapping, database_url: str) -> None:
    with Crowd(database_url, claim_this, mapping.pk, copies=10) as crowd:
        answers = Counter(crowd.results())
    [winner] = [answer for answer in answers if answer.startswith("won")]
    [loss] = [answer for answer in answers if answer != winner]
    assert (answers[winner], answers[loss]) == (1, 9)
    assert loss.startswith(f"Test {mapping.test_id} was not found or already claimed")
    assert reload(mapping).claimed_by == winner.removeprefix("won ")
    assert reload(mapping).attempts == 1


def claim_until_empty() -> list[int]:
    worker, claimed = str(os.getpid()), list[int]()
    while mappings := claim_due(worker, 1):
        claimed += [mapping.pk for mapping in mappings]
    return claimed


@pytest.mark.django_db(transaction=True)
def test_every_mapping_is_claimed_by_exactly_one_of_many_workers(database_url: str) -> None:
    event = ProblematicEventFactory.create()
    ProblematicMapping.objects.bulk_create(ProblematicMapping(event=event, test_id=pk + 1) for pk in range(200))
    with Crowd(database_url, claim_until_empty, copies=8) as crowd:
        claimed = [pk for its in crowd.results() for pk in its]
    assert sorted(claimed) == sorted(ProblematicMapping.objects.values_list("pk", flat=True))
    assert set(ProblematicMapping.objects.values_list("state", "attempts")) == {("running", 1)}


def claim_fail_and_requeue(rounds: int) -> int:
    worker, failed = str(os.getpid()), 0
    while failed < rounds:
        for mapping in claim_due(worker, 1):
            fail(mapping, "no")
            ProblematicMapping.objects.filter(pk=mapping.pk).update(next_attempt_at=Now())
            failed += 1
    return failed


@pytest.mark.django_db(transaction=True)
def test_claim_fail_and_requeue_cycles_add_up(database_url: str, settings: Settings) -> None:
    event = ProblematicEventFactory.create()
    ProblematicMapping.objects.bulk_create(ProblematicMapping(event=event, test_id=pk + 1) for pk in range(8))
    with Crowd(database_url, claim_fail_and_requeue, 6, copies=4) as crowd:
        assert crowd.results() == [6] * 4
    assert sum(ProblematicMapping.objects.values_list("attempts", flat=True)) == 24
    assert RetryAttempt.objects.count() == 24
    numbers = RetryAttempt.objects.values_list("mapping", "number")
    assert len(set(numbers)) == 24
    event.refresh_from_db()
    assert event.recovery_attempts == 25
    assert set(ProblematicMapping.objects.values_list("state", flat=True)) <= {"queued", "failed"}
