"""A retry that fails: it costs only itself, is told apart, and keeps the mapping."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from django.utils import timezone

from problematic.models import ProblematicEvent, ProblematicMapping
from problematic.worker import RetryResult
from sync.models import Bug, Customer, Test
from sync.pipeline import SyncImpossible
from sync.sandbox import SandboxServer, World
from sync.testio.errors import TestIORefused
from tests.problematic.retry.support import NO_SUCH_TEST, map_to, mapping_of, retry, states, stored_bugs
from tests.sync.support import free_leases

pytestmark = pytest.mark.django_db


def test_each_failure_costs_only_itself_and_is_told_apart(
    world: World, event: ProblematicEvent, its_tests: list[int]
) -> None:
    good, broken, bugs_broken, last = its_tests[:4]
    world.break_records(tests=[broken], bugs=world.bugs_of(bugs_broken)[:1])
    map_to(event, good, broken, NO_SUCH_TEST, bugs_broken, last)
    result = retry()
    errors = {
        broken: f"Test {broken}: TestIO still cannot read it (500). Retry once TestIO has repaired it.",
        NO_SUCH_TEST: f"Test {NO_SUCH_TEST}: TestIO has no such test (404). Check the number; "
        "unmap it if it was a mistake.",
        bugs_broken: f"Test {bugs_broken}: TestIO still cannot read its bugs (500). "
        "Retry once TestIO has repaired them.",
    }
    assert result == RetryResult(5, 2, 3, list(errors.values()))
    assert states() == {good: "succeeded", last: "succeeded"} | dict.fromkeys(errors, "failed")
    for test_id, error in errors.items():
        mapping = mapping_of(test_id)
        assert (mapping.last_error, mapping.attempts) == (error, 1)
        assert mapping.next_attempt_at > timezone.now()
        assert list(mapping.history.values_list("outcome", "detail")) == [("failed", error)]
    assert set(Test.objects.values_list("pk", flat=True)) == {good, last}
    assert not Bug.objects.exclude(test__in=[good, last]).exists()


def test_a_repaired_test_is_retried_at_once_whatever_the_back_off_says(
    world: World, event: ProblematicEvent, its_tests: list[int]
) -> None:
    world.break_records(tests=its_tests[:1])
    map_to(event, its_tests[0])
    assert retry().tests_failed == 1
    world.repair()
    assert retry() == RetryResult(tests_retried=1, tests_succeeded=1)
    assert list(mapping_of(its_tests[0]).history.values_list("outcome", flat=True)) == ["failed", "succeeded"]


def test_an_answer_about_another_test_is_no_success(
    world: World, event: ProblematicEvent, its_tests: list[int]
) -> None:
    asked, answered = its_tests[:2]
    world.change_test(asked, id=answered)
    map_to(event, asked)
    assert retry().errors == [
        f"Test {asked}: TestIO answered with test {answered} when asked for test {asked}; nothing was stored."
    ]
    assert not Test.objects.exists()


def test_an_error_of_the_database_costs_only_its_test(event: ProblematicEvent, its_tests: list[int]) -> None:
    good, bad, last = its_tests[:3]
    map_to(event, good, bad, last)
    with refusing(bad):
        result = retry()
    assert (result.tests_succeeded, result.tests_failed) == (2, 1)
    [error] = result.errors
    assert error.startswith(f"Test {bad}: The database did not do its part: nothing like this is stored here")
    assert states() == {good: "succeeded", bad: "failed", last: "succeeded"}
    assert (Test.objects.filter(pk=bad).exists(), stored_bugs(bad)) == (False, set())


@contextmanager
def refusing(test_id: int) -> Iterator[None]:
    """A database that stores every bug but those of one test."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE 'nothing like this is stored here'; END $$;"
            f"CREATE TRIGGER refuse BEFORE INSERT ON sync_bug FOR EACH ROW WHEN (NEW.mentioned_test_id = {test_id:d})"
            " EXECUTE FUNCTION refuse()"
        )
        try:
            yield
        finally:
            cursor.execute("DROP TRIGGER refuse ON sync_bug; DROP FUNCTION refuse()")


def test_a_refused_token_ends_the_retry_and_gives_the_claim_back(
    sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int]
) -> None:
    map_to(event, *its_tests[:2])
    before = list(ProblematicMapping.objects.values())
    sandbox.faults.set(refuse=401)
    with pytest.raises(TestIORefused, match=r"does not accept this customer's API token"):
        retry()
    assert list(ProblematicMapping.objects.values()) == before
    assert sandbox.stats.total == 1
    assert free_leases()


def test_without_a_token_nothing_is_claimed(event: ProblematicEvent, its_tests: list[int]) -> None:
    map_to(event, its_tests[0])
    Customer.objects.update(encrypted_token=b"")
    with pytest.raises(SyncImpossible, match=r"Customer acme has no API token"):
        retry()
    assert mapping_of(its_tests[0]).attempts == 0
