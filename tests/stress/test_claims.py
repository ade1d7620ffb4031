"""The retry queue at full size: many processes, each with a connection of its own."""

import os
import sys
import time

import pytest
from django.db.models import Count, Sum
from django.db.models.functions import Now

from problematic.claims import claim_due, fail, release_abandoned, settle
from problematic.models import MappingState, ProblematicEvent, ProblematicMapping, RetryAttempt
from tests.problematic.crowd import PATIENCE, Crowd
from tests.problematic.factories import ProblematicEventFactory
from tests.sync.support import wait_until

pytestmark = [pytest.mark.stress, pytest.mark.django_db(transaction=True)]

MAPPINGS = 10_000


def make_due(count: int, events: int = 100) -> None:
    made = ProblematicEventFactory.create_batch(events)
    ProblematicMapping.objects.bulk_create(
        ProblematicMapping(event=made[number % events], test_id=number + 1) for number in range(count)
    )


def claim_all() -> dict[str, object]:
    worker, count, began = str(os.getpid()), 0, time.monotonic()
    while claimed := claim_due(worker, 1):
        count += len(claimed)
    return {"worker": worker, "count": count, "began": began, "ended": time.monotonic()}


def test_ninety_processes_claim_ten_thousand_mappings_exactly_once_each(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make_due(MAPPINGS)
    with Crowd(database_url, claim_all, copies=90) as crowd:
        results = crowd.results()
    claimed_by = ProblematicMapping.objects.order_by().values_list("claimed_by").annotate(count=Count("pk"))
    assert dict(claimed_by) == {each["worker"]: each["count"] for each in results if each["count"]}
    assert sum(each["count"] for each in results) == MAPPINGS
    states = ProblematicMapping.objects.order_by().values_list("state", "attempts").distinct()
    assert list(states) == [(MappingState.RUNNING, 1)]
    seconds = max(each["ended"] for each in results) - min(each["began"] for each in results)
    with capsys.disabled():
        sys.stdout.write(f"\n{MAPPINGS:,} claims by 90 processes: {MAPPINGS / seconds:,.0f} claims/s\n")


def claim_fail_and_requeue(rounds: int) -> int:
    worker, failed = str(os.getpid()), 0
    while failed < rounds:
        for mapping in claim_due(worker, 1):
            fail(mapping, "no")
            again = ProblematicMapping.objects.filter(pk=mapping.pk)
            again.update(state=MappingState.QUEUED, next_attempt_at=Now())
            failed += 1
    return failed


def test_fifty_workers_claim_fail_and_requeue_twenty_times_and_the_totals_reconcile(database_url: str) -> None:
    make_due(200, events=10)
    with Crowd(database_url, claim_fail_and_requeue, 20, copies=50) as crowd:
        assert crowd.results() == [20] * 50
    assert RetryAttempt.objects.count() == 1_000
    assert len(set(RetryAttempt.objects.values_list("mapping", "number"))) == 1_000
    assert ProblematicMapping.objects.aggregate(total=Sum("attempts")) == {"total": 1_000}
    by_mapping = RetryAttempt.objects.order_by().values_list("mapping").annotate(count=Count("pk"))
    tried = ProblematicMapping.objects.filter(attempts__gt=0)
    assert dict(by_mapping) == dict(tried.values_list("pk", "attempts"))
    assert ProblematicEvent.objects.aggregate(total=Sum("recovery_attempts")) == {"total": 10 + 1_000}
    assert not ProblematicMapping.objects.filter(state=MappingState.RUNNING).exists()


def claim_and_settle_all() -> int:
    worker, settled = str(os.getpid()), 0
    while claimed := claim_due(worker, 1):
        for mapping in claimed:
            settle(mapping)
            settled += 1
    return settled


def test_what_killed_workers_held_is_settled_once_by_others(database_url: str) -> None:
    make_due(3_000)
    succeeded = ProblematicMapping.objects.filter(state=MappingState.SUCCEEDED)
    with Crowd(database_url, claim_and_settle_all, copies=30) as crowd:
        wait_until(lambda: succeeded.count() > 500, "a start", timeout=PATIENCE)
        crowd.kill()
    settled, held = succeeded.count(), ProblematicMapping.objects.filter(state=MappingState.RUNNING).count()
    assert settled < 3_000
    assert len(release_abandoned()) == held <= 30
    with Crowd(database_url, claim_and_settle_all, copies=30) as crowd:
        assert sum(crowd.results()) == 3_000 - settled
    assert set(ProblematicMapping.objects.values_list("state", flat=True)) == {MappingState.SUCCEEDED}
    outcomes = RetryAttempt.objects.order_by().values_list("outcome").annotate(count=Count("pk"))
    assert dict(outcomes) == {"succeeded": 3_000, "abandoned": held} if held else {"succeeded": 3_000}
    once = RetryAttempt.objects.filter(outcome=RetryAttempt.Outcome.SUCCEEDED).values("mapping").distinct()
    assert once.count() == 3_000
