"""How bugs are asked for: many tests in one question, fewer when TestIO finds that too much."""

import pytest
from pytest_django import Settings

from sync.models import Bug, Customer
from sync.sandbox import SandboxServer, World
from sync.sandbox.comparison import compare
from tests.sync.support import make_customer, sync, warnings_of, world_of


@pytest.fixture
def world() -> World:
    """150 tests of one product with one bug each."""
    return world_of(tests=150, products=1, bugs_per_test=1)


def batches(sandbox: SandboxServer) -> list[int]:
    """How many tests were asked for at a time, in the order of the questions that were answered."""
    bug_calls = [seen for seen in sandbox.stats.recent if seen.kind == "bugs" and seen.status == 200]
    return [seen.address.partition("filter_test_cycle_ids=")[2].count(",") + 1 for seen in bug_calls]


def test_batches_grow_while_all_goes_well(customer: Customer, sandbox: SandboxServer, settings: Settings) -> None:
    settings.TESTIO_MAX_CONCURRENT_REQUESTS = 1
    sync(customer)
    asked = batches(sandbox)
    assert sum(asked) == 150
    assert asked == sorted(asked[:-1]) + asked[-1:]
    assert asked[0] < asked[-2]
    assert len(asked) <= 150 / 20


@pytest.mark.parametrize("outcome", ["524", "413", "stall"])
def test_a_question_too_large_is_halved_until_it_is_answered(
    customer: Customer, sandbox: SandboxServer, settings: Settings, outcome: str
) -> None:
    settings.TESTIO_MAX_CONCURRENT_REQUESTS = 2
    settings.TESTIO_HTTP_TIMEOUT = 0.5
    sandbox.faults.set(bug_query_limit=10, bug_query_outcome=outcome)
    event = sync(customer)
    assert (event.status, event.gaps) == ("succeeded", 0)
    assert max(batches(sandbox)) <= 10
    assert compare(sandbox.world, customer).is_complete


def test_after_a_bad_moment_batches_grow_again(customer: Customer, sandbox: SandboxServer, settings: Settings) -> None:
    settings.TESTIO_MAX_CONCURRENT_REQUESTS = 1
    sandbox.faults.force("bugs", 524, times=3)
    sync(customer)
    assert sandbox.stats.max_in_flight == 1
    asked = batches(sandbox)
    assert min(asked[:-1]) < 10
    assert asked[-2] > min(asked)
    assert compare(sandbox.world, customer).is_complete


def test_a_test_whose_bugs_are_always_too_many_costs_only_itself(
    customer: Customer, sandbox: SandboxServer, settings: Settings
) -> None:
    world = sandbox.world
    crowded = next(pk for pk in world.test_ids() if world.bugs_of(pk))
    sandbox.faults.force(str(crowded), 413, times=1_000)
    event = sync(customer, product_ids=world.product_ids())
    assert (event.status, event.gaps) == ("partial", 1)
    assert Bug.objects.count() == 150 - len(world.bugs_of(crowded))
    said = [sentence for sentence in warnings_of(event) if str(crowded) in sentence]
    assert len(said) == 1
    assert said[0].startswith(f"The bugs of test {crowded} cannot be read: ")
    sandbox.faults.clear()
    assert sync(customer).status == "succeeded"
    assert compare(world, customer).is_complete


def test_unreadable_bugs_of_three_tests_are_found_between_many_others(transactional_db: None, world: World) -> None:
    tests = [pk for pk in world.test_ids() if world.bugs_of(pk)]
    broken = [tests[0], tests[1], tests[40]]
    world.break_records(bugs=[world.bugs_of(pk)[0] for pk in broken])
    with SandboxServer(world) as sandbox:
        customer = make_customer(sandbox)
        event = sync(customer)
        assert (event.status, event.gaps) == ("partial", 3)
        assert compare(world, customer).is_complete
        hidden = sum(len(world.bugs_of(pk)) for pk in broken)
        assert Bug.objects.count() == 150 - hidden
        # Each costs a halving of its batch and three questions for itself, not a question per test.
        assert sandbox.stats.by_kind["bugs"] < 60


def test_one_random_500_for_a_single_test_is_not_believed(customer: Customer, sandbox: SandboxServer) -> None:
    world = sandbox.world
    sync(customer)
    running = next(pk for pk in world.unfinished_tests() if world.status_of(pk) == "running")
    world.change_test(running, title="Changed, so that its bugs are due")
    world.add_bugs(running, 1)
    sandbox.faults.force("bugs", 500)
    event = sync(customer)
    assert (event.status, event.gaps, event.bugs_new) == ("succeeded", 0, 1)
