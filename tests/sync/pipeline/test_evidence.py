"""What a list does not show is believed gone only on the word of its own address."""

import pytest

from sync.models import Bug, Customer, Feature, Product, Test, TestFreshness
from sync.models.run import SyncEvent
from sync.sandbox import SandboxServer, World
from sync.sandbox.comparison import compare
from tests.sync.support import content, read_later, sync, warnings_of, world_of

FULL, INCREMENTAL = SyncEvent.Mode.FULL, SyncEvent.Mode.INCREMENTAL


@pytest.fixture
def world() -> World:
    """Lists of even length, so that half of one is exactly half."""
    world = world_of()
    for product_id in world.product_ids():
        world.delete_test(world.tests_of(product_id)[-1])
        world.delete_feature(world.feature_ids(product_id)[-1])
    return world


@pytest.mark.parametrize(
    ("mode", "fault"),
    [
        (FULL, {"empty": ["tests"]}),
        (FULL, {"halved": ["tests"]}),
        (FULL, {"shuffled": True}),
        (INCREMENTAL, {"empty": ["tests"]}),
        (INCREMENTAL, {"shuffled": True}),
    ],
)
def test_a_list_that_is_empty_halved_or_shuffled_marks_no_test_missing(
    customer: Customer, sandbox: SandboxServer, mode: SyncEvent.Mode, fault: dict[str, object]
) -> None:
    sync(customer)
    before = content(customer)
    sandbox.faults.set(**fault)
    event = sync(customer, mode=mode)
    assert content(customer) == before
    assert event.missing == 0
    assert event.status == "partial"
    sandbox.faults.clear()
    assert sync(customer, mode=FULL).status == "succeeded"
    assert content(customer) == before


@pytest.mark.parametrize("fault", [{"empty": ["tests"]}, {"halved": ["tests"]}])
def test_a_list_that_shrank_says_so_and_leaves_the_time_of_the_last_good_walk(
    customer: Customer, sandbox: SandboxServer, fault: dict[str, object]
) -> None:
    sync(customer)
    fields = ("pk", "tests_synced_at", "walked_at")
    before = list(Product.objects.order_by("pk").values_list(*fields))
    sandbox.faults.set(**fault)
    said = " ".join(warnings_of(sync(customer, mode=FULL)))
    assert said.count("Nothing is marked missing on that evidence") == 2
    assert said.count("tests exist that TestIO's list does not show") == 2
    assert list(Product.objects.order_by("pk").values_list(*fields)) == before


def test_a_product_emptied_to_be_read_again_is_not_green_when_its_list_comes_back_empty(
    customer: Customer, sandbox: SandboxServer
) -> None:
    sync(customer)
    before = content(customer)
    sandbox.faults.set(empty=["tests"])
    event = sync(customer, mode=SyncEvent.Mode.NUKE)
    assert event.status == "partial"
    assert " ".join(warnings_of(event)).count("tests were stored before it was emptied") == 2
    sandbox.faults.clear()
    assert sync(customer, mode=FULL).status == "succeeded"
    assert content(customer) == before


def test_a_first_sync_of_an_empty_list_is_green_and_the_next_one_finds_everything(
    customer: Customer, sandbox: SandboxServer
) -> None:
    sandbox.faults.set(empty=["tests"])
    assert sync(customer).status == "succeeded"
    sandbox.faults.clear()
    sync(customer, mode=FULL)
    assert compare(sandbox.world, customer).is_complete


@pytest.mark.parametrize("fault", [{"empty": ["features"]}, {"halved": ["features"]}])
def test_a_feature_list_that_lost_half_of_itself_marks_nothing_missing(
    customer: Customer, sandbox: SandboxServer, fault: dict[str, object]
) -> None:
    sync(customer)
    before = content(customer)
    sandbox.faults.set(**fault)
    event = sync(customer)
    assert content(customer)["Feature"] == before["Feature"]
    assert event.status == "partial"
    assert " ".join(warnings_of(event)).count("nothing was marked missing on that evidence") == 2


def test_a_feature_that_left_the_catalogue_is_missing_and_can_come_back(
    customer: Customer, sandbox: SandboxServer
) -> None:
    world = sandbox.world
    sync(customer)
    gone = world.feature_ids(world.product_ids()[0])[0]
    world.delete_feature(gone)
    event = sync(customer)
    assert (event.status, event.missing) == ("succeeded", 1)
    assert Feature.objects.get(pk=gone).missing_since is not None
    assert Test.objects.filter(test_features__feature=gone).exists()


@pytest.mark.parametrize("fault", [{"empty": ["bugs"]}, {"halved": ["bugs"]}])
def test_bugs_an_answer_leaves_out_are_kept_and_asked_for_again(
    customer: Customer, sandbox: SandboxServer, fault: dict[str, object]
) -> None:
    sync(customer)
    before = content(customer)
    sandbox.faults.set(**fault)
    event = sync(customer, bugs="all")
    assert content(customer) == before
    assert (event.status, event.missing) == ("partial", 0)
    assert "exists but its test no longer lists it" in warnings_of(event)[0]
    assert TestFreshness.objects.filter(bugs_synced_at=None).exists()
    sandbox.faults.clear()
    new = sandbox.world.add_bugs(Bug.objects.latest("pk").test_id or 0, 1)
    event = sync(customer)
    assert (event.status, event.bugs_new) == ("succeeded", 1)
    assert Bug.objects.filter(pk__in=new).exists()
    assert not TestFreshness.objects.filter(bugs_synced_at=None).exists()


def test_a_deleted_bug_is_missing_once_its_own_address_says_so(customer: Customer, sandbox: SandboxServer) -> None:
    sync(customer)
    deleted = Bug.objects.filter(test__status="locked").values_list("pk", flat=True)[0]
    sandbox.world.delete_bug(deleted)
    read_later()
    event = sync(customer)
    assert (event.status, event.missing) == ("succeeded", 1)
    assert list(Bug.objects.exclude(missing_since=None).values_list("pk", flat=True)) == [deleted]


def test_what_was_marked_missing_comes_back_when_testio_shows_it_again(
    customer: Customer, sandbox: SandboxServer
) -> None:
    sync(customer)
    before = content(customer)
    tests = Test.objects.filter(bugs__isnull=False).values_list("pk", flat=True)[:1]
    Bug.objects.filter(test__in=list(tests)).update(missing_since="2026-01-01T00:00:00Z")
    Test.objects.filter(pk__in=list(tests)).update(missing_since="2026-01-01T00:00:00Z")
    Feature.objects.filter(pk=sandbox.world.feature_ids(sandbox.world.product_ids()[0])[0]).update(
        missing_since="2026-01-01T00:00:00Z"
    )
    assert sync(customer, mode=FULL).status == "succeeded"
    assert content(customer) == before
