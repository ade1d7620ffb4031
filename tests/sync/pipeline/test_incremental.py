"""What an incremental sync finds, and at what price."""

from datetime import UTC, datetime, timedelta
from functools import partial

from sync.models import Bug, Customer, Product, Test, TestFreshness
from sync.models.run import SyncEvent
from sync.sandbox import SandboxServer, World
from sync.sandbox.comparison import compare
from tests.sync.support import calls, content, read_later, sync

FULL = SyncEvent.Mode.FULL
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def deepest(world: World, product_id: int, status: str = "archived") -> int:
    """The last test of the product's list that is in this status."""
    return next(pk for pk in reversed(world.tests_of(product_id)) if world.status_of(pk) == status)


def settle(world: World) -> None:
    """No test of the world can change any more, and all ended long before the last sync."""
    for number, test_id in enumerate(world.unfinished_tests()):
        world.change_test(test_id, status="archived", end_at=LONG_AGO - timedelta(days=number))


def test_new_tests_on_top_arrive_with_their_bugs(customer: Customer, sandbox: SandboxServer) -> None:
    sync(customer)
    product_id = sandbox.world.product_ids()[0]
    new = sandbox.world.insert_tests(product_id, 12, bugs=2)
    event = sync(customer)
    assert (event.status, event.tests_new, event.bugs_new) == ("succeeded", 12, 24)
    assert set(Test.objects.filter(pk__in=new).values_list("pk", flat=True)) == set(new)
    assert compare(sandbox.world, customer).is_complete


def test_a_new_test_below_a_page_of_known_ones_is_found_as_long_as_those_end_late_enough(
    customer: Customer, sandbox: SandboxServer
) -> None:
    world = sandbox.world
    product_id = world.product_ids()[0]
    for number, test_id in enumerate(world.tests_of(product_id)[:15]):
        world.change_test(test_id, end_at=world.now + timedelta(days=20 - number))
    sync(customer)
    [new] = world.insert_tests(product_id, 1, position=13)
    assert sync(customer, mode=SyncEvent.Mode.INCREMENTAL_ONLY).tests_new == 1
    assert Test.objects.filter(pk=new).exists()


def test_new_tests_alone_are_found_without_looking_at_anything_else(customer: Customer, sandbox: SandboxServer) -> None:
    sync(customer)
    sandbox.world.insert_tests(sandbox.world.product_ids()[0], 2, bugs=1)
    made = calls(sandbox, lambda: sync(customer, mode=SyncEvent.Mode.INCREMENTAL_ONLY))
    assert set(made) == {"products", "tests"}
    assert (Test.objects.count(), Bug.objects.count()) == (42, 120)
    assert sync(customer).bugs_new == 2


def test_a_changed_status_deep_in_the_list_is_found_through_its_own_address(
    customer: Customer, sandbox: SandboxServer
) -> None:
    world = sandbox.world
    settle(world)
    forgotten = deepest(world, world.product_ids()[0])
    world.change_test(forgotten, status="locked")
    sync(customer)
    world.change_test(forgotten, status="archived", title="Closed at last")
    made = calls(sandbox, lambda: sync(customer))
    assert made["test"] == 1
    assert Test.objects.values_list("status", "title").get(pk=forgotten) == ("archived", "Closed at last")


def test_many_unfinished_tests_are_refreshed_by_their_pages_instead(customer: Customer, sandbox: SandboxServer) -> None:
    world = sandbox.world
    settle(world)
    product_id = world.product_ids()[0]
    second_page = world.tests_of(product_id)[11:18]
    for test_id in second_page:
        world.change_test(test_id, status="locked")
    sync(customer)
    for test_id in second_page:
        world.change_test(test_id, title=f"Renamed {test_id}")
    made = calls(sandbox, lambda: sync(customer))
    assert "test" not in made
    titles = dict(Test.objects.filter(pk__in=second_page).values_list("pk", "title"))
    assert titles == {test_id: f"Renamed {test_id}" for test_id in second_page}


def test_the_bugs_of_an_unfinished_test_are_read_again_when_they_are_old(
    customer: Customer, sandbox: SandboxServer
) -> None:
    world = sandbox.world
    sync(customer)
    running = next(pk for pk in world.unfinished_tests() if world.status_of(pk) == "running")
    finished = next(pk for pk in world.test_ids() if world.status_of(pk) == "archived" and world.bugs_of(pk))
    world.add_bugs(running, 1)
    world.add_bugs(finished, 1)
    assert "bugs" not in calls(sandbox, lambda: sync(customer))
    read_later()
    assert sync(customer).bugs_new == 1
    assert Bug.objects.filter(test_id=running).count() == len(world.bugs_of(running))
    assert sync(customer, bugs="all").bugs_new == 1
    assert compare(world, customer).is_complete


def test_the_bugs_of_a_test_that_finished_are_read_once_more(customer: Customer, sandbox: SandboxServer) -> None:
    world = sandbox.world
    sync(customer)
    locked = next(pk for pk in world.unfinished_tests() if world.status_of(pk) == "locked")
    world.change_test(locked, status="archived")
    world.add_bugs(locked, 3)
    assert sync(customer).bugs_new == 3
    assert TestFreshness.objects.get(pk=locked).bugs_settled
    read_later()
    sandbox.stats.reset()
    sync(customer)
    asked = [seen.address for seen in sandbox.stats.recent if seen.kind == "bugs"]
    assert not any(str(locked) in address for address in asked)


def test_a_changed_bug_is_updated_with_its_devices(customer: Customer, sandbox: SandboxServer) -> None:
    world = sandbox.world
    sync(customer)
    bug_id = Bug.objects.filter(devices__isnull=False, test__status="locked").values_list("pk", flat=True)[0]
    device = {"device": {"name": "Fairphone 6"}, "category": {"name": "Smartphones"}, "operating_system": None}
    world.change_bug(bug_id, status="rejected", title="Judged", devices=[device])
    read_later()
    event = sync(customer)
    assert (event.bugs_new, event.bugs_updated) == (0, 1)
    bug = Bug.objects.get(pk=bug_id)
    assert (bug.status, bug.title) == ("rejected", "Judged")
    assert [str(device) for device in bug.devices.all()] == ["Fairphone 6"]


def test_a_deleted_unfinished_test_is_missing_from_the_next_sync_on(customer: Customer, sandbox: SandboxServer) -> None:
    world = sandbox.world
    sync(customer)
    deleted = next(pk for pk in world.unfinished_tests() if world.bugs_of(pk))
    bugs = len(world.bugs_of(deleted))
    world.delete_test(deleted)
    event = sync(customer)
    assert event.missing == 1 + bugs
    assert Test.objects.get(pk=deleted).missing_since is not None
    assert not Bug.objects.filter(test=deleted, missing_since=None).exists()
    assert compare(world, customer).is_complete


def test_a_deleted_finished_test_is_found_by_a_full_sync(customer: Customer, sandbox: SandboxServer) -> None:
    world = sandbox.world
    settle(world)
    sync(customer)
    deleted = deepest(world, world.product_ids()[0])
    world.delete_test(deleted)
    assert sync(customer).missing == 0
    event = sync(customer, mode=FULL)
    assert event.status == "succeeded"
    assert list(Test.objects.exclude(missing_since=None).values_list("pk", flat=True)) == [deleted]
    since = Test.objects.get(pk=deleted).missing_since
    assert sync(customer, mode=FULL).missing == 0
    assert Test.objects.get(pk=deleted).missing_since == since


def test_a_moved_test_goes_to_its_new_product_with_its_bugs(customer: Customer, sandbox: SandboxServer) -> None:
    world = sandbox.world
    sync(customer)
    old, new = world.product_ids()
    moved = next(pk for pk in world.tests_of(old) if world.status_of(pk) == "archived" and world.bugs_of(pk))
    world.move_test(moved, new)
    sync(customer, mode=FULL)
    sync(customer, mode=FULL)  # in the first one the old product may have come last
    assert Test.objects.get(pk=moved).product_id == new
    assert set(Bug.objects.filter(test=moved).values_list("product_id", flat=True)) == {new}
    assert compare(world, customer).is_complete
    assert Test.objects.exclude(missing_since=None).count() == 0


def test_tests_that_come_and_go_during_the_walk_cost_no_other_test(customer: Customer, sandbox: SandboxServer) -> None:
    world = sandbox.world
    product_id = world.product_ids()[0]
    order = world.tests_of(product_id)
    path = f"/products/{product_id}/exploratory_tests?page=2"
    sandbox.faults.when(path, lambda world: world.insert_tests(product_id, 3, bugs=1))
    for test_id in order[1:5]:
        sandbox.faults.when(path, partial(World.delete_test, test_id=test_id))
    sync(customer)
    lost = compare(world, customer).lost_tests
    new_on_top = set(world.tests_of(product_id)[:3])
    assert lost <= new_on_top
    sync(customer)
    assert compare(world, customer).lost_tests == set()
    sync(customer, mode=FULL)
    assert compare(world, customer).is_complete


def test_a_sync_that_reads_everything_again_ends_with_the_same_content(
    customer: Customer, sandbox: SandboxServer
) -> None:
    sync(customer)
    before = content(customer)
    event = sync(customer, mode=SyncEvent.Mode.NUKE)
    assert (event.tests_new, event.bugs_new) == (40, 120)
    assert content(customer) == before
    assert Product.objects.exclude(walked_at=None).count() == 2
