"""A retry that succeeds: the test and its bugs are stored, the mapping is settled."""

import pytest
from django.utils import timezone

from problematic.models import MappingState, ProblematicEvent, ProblematicMapping
from problematic.retry import retry_mappings
from problematic.worker import RetryResult
from sync.models import Customer, Test, TestFreshness
from sync.sandbox import SandboxServer, World
from tests.factories import TestFactory
from tests.problematic.retry.support import NO_SUCH_TEST, map_to, mapping_of, retry, stored_bugs
from tests.sync.support import calls, free_leases

pytestmark = pytest.mark.django_db


def test_a_repaired_test_is_stored_under_its_own_id_with_its_product_and_its_bugs(
    sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int]
) -> None:
    wanted = its_tests[:2]
    map_to(event, *wanted)
    result = RetryResult()

    def do() -> None:
        nonlocal result
        result = retry()

    assert calls(sandbox, do) == {"test": 2, "bugs": 2}
    assert result == RetryResult(tests_retried=2, tests_succeeded=2)
    assert set(Test.objects.values_list("pk", flat=True)) == set(wanted)
    for test_id in wanted:
        test = Test.objects.get(pk=test_id)
        payload = sandbox.world.test_payload(test_id)
        assert (test.product_id, test.status) == (event.product_id, payload["status"])
        assert stored_bugs(test_id) == set(sandbox.world.bugs_of(test_id)) != set()
        assert TestFreshness.objects.get(pk=test_id).bugs_synced_at is not None
        mapping = mapping_of(test_id)
        assert (mapping.state, mapping.attempts, mapping.last_error) == (MappingState.SUCCEEDED, 1, "")
    event.refresh_from_db()
    assert (event.status, event.recovery_attempts) == ("open", 3)  # whether the range reads clean, a walk finds out
    assert free_leases()


def test_a_test_that_was_known_is_brought_up_to_date(
    world: World, event: ProblematicEvent, its_tests: list[int]
) -> None:
    test_id = its_tests[0]
    TestFactory.create(id=test_id, product=event.product, title="Of old", status="running")
    TestFreshness.objects.create(test_id=test_id, unreadable_since=timezone.now())
    map_to(event, test_id)
    assert retry().tests_succeeded == 1
    test = Test.objects.get()
    assert (test.pk, test.status, test.title == "Of old") == (test_id, world.test_payload(test_id)["status"], False)
    assert TestFreshness.objects.get().unreadable_since is None


def test_what_has_succeeded_is_not_fetched_again(
    sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int]
) -> None:
    map_to(event, *its_tests[:2])
    retry()
    assert calls(sandbox, retry) == {}
    map_to(event, its_tests[1])
    assert calls(sandbox, retry) == {"test": 1, "bugs": 1}


def test_nothing_mapped_is_nothing_to_do(customer: Customer, sandbox: SandboxServer) -> None:
    assert retry() == RetryResult()
    assert sandbox.stats.total == 0


def test_progress_is_told_after_every_test(event: ProblematicEvent, its_tests: list[int]) -> None:
    told: list[tuple[int, int, int]] = []
    map_to(event, its_tests[0], NO_SUCH_TEST, its_tests[1])

    def report(so_far: RetryResult) -> None:
        told.append((so_far.tests_retried, so_far.tests_succeeded, so_far.tests_failed))

    retry_mappings(ProblematicMapping.objects.all(), report=report)
    assert told == [(1, 1, 0), (2, 1, 1), (3, 2, 1)]
