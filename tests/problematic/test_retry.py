"""Retries against a TestIO that answers over HTTP."""

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django import Settings

from problematic import claims, triage
from problematic.models import MappingState, ProblematicEvent, ProblematicMapping
from problematic.retry import RetryResult, retry_due, retry_mappings, worker_name
from sync import leases
from sync.limiter import PostgresLimiter
from sync.models import Bug, Customer, Product, SyncLease, Test, TestFreshness
from sync.pipeline import SyncBusy, SyncImpossible
from sync.sandbox import SandboxServer, World
from sync.testio.errors import TestIORefused
from tests.factories import CustomerFactory, ProductFactory, TestFactory
from tests.problematic.factories import ProblematicEventFactory, ProblematicMappingFactory
from tests.sync.support import calls, free_leases, make_customer, world_of

pytestmark = pytest.mark.django_db

NO_SUCH_TEST = 4_000_000_000


@pytest.fixture
def world() -> World:
    """24 tests in two products, 60 bugs."""
    return world_of(tests=24, products=2, bugs_per_test=2.5)


@pytest.fixture
def products(customer: Customer, world: World) -> list[Product]:
    return [ProductFactory.create(id=product_id, customer=customer) for product_id in world.product_ids()]


@pytest.fixture
def event(products: list[Product]) -> ProblematicEvent:
    """Of the first product."""
    return ProblematicEventFactory.create(product=products[0])


@pytest.fixture
def its_tests(world: World, event: ProblematicEvent) -> list[int]:
    """Tests of the event's product, those with the most bugs first."""
    return sorted(world.tests_of(event.product_id), key=lambda test_id: (-len(world.bugs_of(test_id)), test_id))


def map_to(event: ProblematicEvent, *test_ids: int) -> None:
    triage.map_tests(event, test_ids)


def retry(*, wait: bool = False) -> RetryResult:
    return retry_mappings(ProblematicMapping.objects.all(), wait=wait)


def mapping_of(test_id: int) -> ProblematicMapping:
    return ProblematicMapping.objects.get(test_id=test_id)


def states() -> dict[int, str]:
    return dict(ProblematicMapping.objects.values_list("test_id", "state"))


def stored_bugs(test_id: int) -> set[int]:
    return set(Bug.objects.filter(test=test_id, missing_since=None).values_list("pk", flat=True))


def hold(products: Collection[Product]) -> Callable[[], None]:
    """Write these products as a sync would; returns what ends that."""
    held, refused = leases.acquire([product.pk for product in products], uuid4())
    assert refused == []

    def release() -> None:
        for lease in held:
            lease.release()

    return release


def elsewhere(action: Callable[[], object]) -> Callable[[object], None]:
    """For the sandbox's threads, whose connections nobody else would close."""

    def act(_: object = None) -> None:
        action()
        connection.close()

    return act


# Success --------------------------------------------------------------------------------------------------------------


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


# Failure --------------------------------------------------------------------------------------------------------------


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


# Where a test belongs -------------------------------------------------------------------------------------------------


def test_a_test_of_another_product_is_stored_where_it_belongs_and_said_so(
    world: World, products: list[Product], event: ProblematicEvent
) -> None:
    test_id = world.tests_of(products[1].pk)[0]
    map_to(event, test_id)
    result = retry()
    assert (result.tests_succeeded, result.errors) == (1, [])
    [note] = result.notes
    assert note == (
        f"Test {test_id} belongs to {products[1]}, not to the event's product {event.product_id}; "
        "it was stored where it belongs."
    )
    assert Test.objects.get().product == products[1]


def test_a_test_that_moved_is_moved(
    world: World, products: list[Product], event: ProblematicEvent, its_tests: list[int]
) -> None:
    test_id = its_tests[0]
    map_to(event, test_id)
    retry()
    world.move_test(test_id, products[1].pk)
    map_to(event, test_id)
    assert len(retry().notes) == 1
    assert Test.objects.get().product == products[1]
    assert stored_bugs(test_id) == set(world.bugs_of(test_id))


def test_a_test_of_a_product_that_was_never_synced_is_not_stored(
    world: World, products: list[Product], event: ProblematicEvent
) -> None:
    test_id = world.tests_of(products[1].pk)[0]
    map_to(event, test_id)
    Product.objects.filter(pk=products[1].pk).delete()
    [error] = retry().errors
    assert error == (
        f"Test {test_id} belongs to product {products[1].pk}, which is not among the synced products of acme. "
        "Let a sync find that product first."
    )
    assert not Test.objects.exists()


def test_another_customers_product_and_test_are_left_alone(
    world: World, products: list[Product], event: ProblematicEvent, its_tests: list[int]
) -> None:
    foreign = ProductFactory.create(customer=CustomerFactory.create())
    theirs = TestFactory.create(id=its_tests[0], product=foreign, title="Theirs")
    Product.objects.filter(pk=products[1].pk).update(customer=foreign.customer)
    in_their_product = world.tests_of(products[1].pk)[0]
    map_to(event, theirs.pk, in_their_product)
    first, second = retry().errors
    assert first == f"Test {theirs.pk} was not stored: this id belongs to another customer."
    assert "is not among the synced products of acme" in second
    assert list(Test.objects.values_list("pk", "title", "product")) == [(theirs.pk, "Theirs", foreign.pk)]
    assert not Bug.objects.exists()


# Others at work -------------------------------------------------------------------------------------------------------


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
    stop = threading.Event()
    stopper = threading.Timer(0.1, stop.set)
    stopper.start()
    with pytest.raises(SyncBusy):
        retry_mappings(ProblematicMapping.objects.all(), wait=True, stop=stop)
    stopper.join()
    assert mapping_of(its_tests[0]).state == MappingState.QUEUED


def test_what_somebody_else_is_retrying_is_left_to_them(event: ProblematicEvent, its_tests: list[int]) -> None:
    theirs, ours = its_tests[:2]
    map_to(event, theirs, ours)
    claims.claim(mapping_of(theirs).pk, "somebody else")
    result = retry()
    assert (result.tests_retried, result.tests_succeeded, result.tests_failed) == (2, 1, 1)
    [error] = result.errors
    assert error.startswith(f"Test {theirs}: Mapping {mapping_of(theirs).pk} was not found or already claimed")
    assert states() == {theirs: "running", ours: "succeeded"}
    assert mapping_of(theirs).claimed_by == "somebody else"


@pytest.mark.django_db(transaction=True)
def test_a_claim_that_was_taken_over_stores_nothing(
    sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int]
) -> None:
    map_to(event, its_tests[0])

    def take_over() -> None:
        ProblematicMapping.objects.update(claimed_by="heir", claimed_at=Now())

    sandbox.faults.when("bugs", elsewhere(take_over))
    result = retry()
    assert (result.tests_retried, result.tests_failed) == (1, 1)
    assert result.errors == [f"The claim on test {its_tests[0]} was taken over or withdrawn meanwhile."]
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


# In the background ----------------------------------------------------------------------------------------------------


def test_due_tests_are_retried_oldest_first_up_to_the_limit(
    customer: Customer, sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int]
) -> None:
    for age, test_id in enumerate(its_tests[:3]):
        ProblematicMappingFactory.create(
            event=event, test_id=test_id, next_attempt_at=timezone.now() - timedelta(hours=age)
        )
    ProblematicMappingFactory.create(event=event, next_attempt_at=timezone.now() + timedelta(hours=1))
    assert retry_due(customer, limit=2) == RetryResult(tests_retried=2, tests_succeeded=2)
    assert set(Test.objects.values_list("pk", flat=True)) == set(its_tests[1:3])
    assert retry_due(customer).tests_retried == 1
    assert calls(sandbox, lambda: retry_due(customer)) == {}


def test_other_customers_queues_are_not_touched(
    customer: Customer, sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int]
) -> None:
    map_to(event, its_tests[0])
    without_products = make_customer(sandbox, "beta")
    assert retry_due(without_products) == RetryResult()
    assert mapping_of(its_tests[0]).state == MappingState.QUEUED
    assert retry_due(customer).tests_succeeded == 1


def test_busy_products_keep_theirs_for_the_next_time(
    customer: Customer, sandbox: SandboxServer, products: list[Product], event: ProblematicEvent, its_tests: list[int]
) -> None:
    other = ProblematicEventFactory.create(product=products[1])
    map_to(event, its_tests[0])
    map_to(other, sandbox.world.tests_of(products[1].pk)[0])
    release = hold([event.product])
    assert retry_due(customer) == RetryResult(tests_retried=1, tests_succeeded=1)
    assert (mapping_of(its_tests[0]).state, mapping_of(its_tests[0]).attempts) == (MappingState.QUEUED, 0)
    release()
    assert retry_due(customer) == RetryResult(tests_retried=1, tests_succeeded=1)


@pytest.mark.django_db(transaction=True)
def test_a_sync_that_just_began_puts_the_retry_off(
    customer: Customer, sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int]
) -> None:
    map_to(event, its_tests[0])
    sandbox.faults.when("test", elsewhere(lambda: hold([event.product])))
    assert retry_due(customer) == RetryResult()
    SyncLease.objects.update(holder=None, acquired_at=None, heartbeat_at=None)
    assert retry_due(customer) == RetryResult()  # not before the sync is likely to have ended
    mapping = mapping_of(its_tests[0])
    assert (mapping.state, mapping.attempts) == (MappingState.QUEUED, 0)
    assert mapping.next_attempt_at > timezone.now() + timedelta(minutes=1)


def test_a_stopped_worker_takes_nothing_more(customer: Customer, event: ProblematicEvent, its_tests: list[int]) -> None:
    map_to(event, its_tests[0])
    stop = threading.Event()
    stop.set()
    assert retry_due(customer, stop=stop) == RetryResult()
    assert mapping_of(its_tests[0]).state == MappingState.QUEUED
