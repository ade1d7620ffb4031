"""Which products and which tests a sync is about."""

from datetime import UTC, date, datetime, timedelta

import pytest

from sync.models import Customer, Product, SyncEvent, Test
from sync.pipeline import SyncImpossible, SyncOptions, plan_customer
from sync.sandbox import SandboxServer, World
from sync.sandbox.comparison import compare
from tests.sync.support import calls, make_customer, sync, warnings_of

FULL = SyncEvent.Mode.FULL


def ended_since(world: World, day: date) -> set[int]:
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    ends = {pk: world.test_payload(pk)["end_at"] for pk in world.test_ids()}
    return {pk for pk, end in ends.items() if end and datetime.fromisoformat(end) >= begin}


def stored_with_an_end() -> set[int]:
    return set(Test.objects.exclude(end_at=None).values_list("pk", flat=True))


def test_since_stores_only_what_ended_later_and_stops_reading_there(customer: Customer, sandbox: SandboxServer) -> None:
    day = datetime.now(UTC).date() - timedelta(days=60)
    made = calls(sandbox, lambda: sync(customer, since=day))
    assert stored_with_an_end() == ended_since(sandbox.world, day)
    assert set(Product.objects.values_list("walked_since", flat=True)) == {day}
    everything = calls(sandbox, lambda: sync(customer, mode=FULL))
    assert made["tests"] < everything["tests"]


def test_a_wider_scope_walks_again_and_a_narrower_one_does_not(customer: Customer, sandbox: SandboxServer) -> None:
    today = datetime.now(UTC).date()
    narrow, wide = today - timedelta(days=60), today - timedelta(days=500)
    sync(customer, since=narrow)
    sync(customer, since=wide)
    assert stored_with_an_end() == ended_since(sandbox.world, wide)
    made = calls(sandbox, lambda: sync(customer, since=narrow))
    assert made["tests"] <= 4
    assert stored_with_an_end() == ended_since(sandbox.world, wide)
    sync(customer)
    assert compare(sandbox.world, customer).is_complete
    assert set(Product.objects.values_list("walked_since", flat=True)) == {None}


def test_the_customers_own_beginning_holds_when_none_is_given(customer: Customer, sandbox: SandboxServer) -> None:
    customer.sync_since = datetime.now(UTC).date() - timedelta(days=100)
    customer.save()
    event = sync(customer)
    assert event.status == "succeeded"
    assert stored_with_an_end() == ended_since(sandbox.world, customer.sync_since)


def test_a_full_sync_of_a_part_marks_nothing_outside_of_it_missing(customer: Customer, sandbox: SandboxServer) -> None:
    sync(customer)
    event = sync(customer, since=datetime.now(UTC).date() - timedelta(days=60), mode=FULL)
    assert (event.status, event.missing) == ("succeeded", 0)
    assert compare(sandbox.world, customer).is_complete


def test_only_the_products_asked_for_are_touched(customer: Customer, sandbox: SandboxServer) -> None:
    second = sandbox.world.product_ids()[1]
    event = sync(customer, product_ids=[second])
    assert (event.status, event.products) == ("succeeded", 1)
    assert set(Test.objects.values_list("product_id", flat=True)) == {second}
    assert list(Product.objects.values_list("pk", flat=True)) == [second]


def test_the_customers_filter_holds_and_nobody_can_ask_past_it(customer: Customer, sandbox: SandboxServer) -> None:
    first, second = sandbox.world.product_ids()
    customer.product_ids = [first]
    customer.save()
    assert sync(customer).status == "succeeded"
    assert list(Product.objects.values_list("pk", flat=True)) == [first]
    made: dict[str, int] = {}
    with pytest.raises(SyncImpossible) as refusal:
        made = calls(sandbox, lambda: sync(customer, product_ids=[second]))
    assert str(refusal.value) == (
        f"Product {second} is outside the filter of customer acme, which allows {first}. "
        "Ask for one of these, or change the filter."
    )
    assert (made, SyncEvent.objects.count()) == ({}, 1)


def test_a_product_testio_does_not_have_is_named(customer: Customer, sandbox: SandboxServer) -> None:
    known = sandbox.world.product_ids()[0]
    event = sync(customer, product_ids=[known, 999_999])
    assert (event.status, event.products) == ("partial", 1)
    said = "TestIO has no product 999999 for customer acme. Check the number, or the token's rights."
    assert said in warnings_of(event)
    event = sync(customer, product_ids=[999_999])
    assert (event.status, event.error) == ("failed", "TestIO shows no product that this sync is about.")


def test_a_product_of_another_customer_is_refused_and_left_alone(customer: Customer, sandbox: SandboxServer) -> None:
    sync(customer)
    before = dict(Product.objects.values_list("pk", "changed_at"))
    other = make_customer(sandbox, "globex")
    event = sync(other)
    assert (event.status, event.products) == ("failed", 0)
    assert [said for said in warnings_of(event) if "belongs to another customer" in said] == [
        f"Product {pk} was not stored: this id belongs to another customer." for pk in sandbox.world.product_ids()
    ]
    assert dict(Product.objects.values_list("pk", "changed_at")) == before
    assert set(Product.objects.values_list("customer_id", flat=True)) == {customer.pk}


def test_a_product_that_is_gone_is_missing_and_left_out_from_then_on(
    customer: Customer, sandbox: SandboxServer
) -> None:
    sync(customer)
    gone, kept = sandbox.world.product_ids()
    sandbox.world.delete_product(gone)
    event = sync(customer)
    assert (event.status, event.products, event.missing) == ("succeeded", 1, 1)
    assert Product.objects.get(pk=gone).missing_since is not None
    made = calls(sandbox, lambda: sync(customer))
    assert "product" not in made
    plan = {product.pk: action for product, action in plan_customer(customer, SyncOptions())}
    assert plan == {gone: "left out: missing from TestIO", kept: "read what is new or unfinished"}


def test_a_product_list_that_lies_loses_no_product(customer: Customer, sandbox: SandboxServer) -> None:
    sync(customer)
    sandbox.world.insert_tests(sandbox.world.product_ids()[0], 1)
    sandbox.faults.set(empty=["products"])
    event = sync(customer)
    assert (event.status, event.products, event.missing, event.tests_new) == ("partial", 2, 0, 1)
    assert "2 products exist that the product list does not show; they are synced all the same." in warnings_of(event)


def test_a_product_asked_for_by_id_is_found_even_when_the_list_hides_it(
    customer: Customer, sandbox: SandboxServer
) -> None:
    sandbox.faults.set(empty=["products"])
    wanted = sandbox.world.product_ids()[1]
    event = sync(customer, product_ids=[wanted])
    assert (event.status, event.products) == ("partial", 1)
    assert Test.objects.filter(product=wanted).count() == len(sandbox.world.tests_of(wanted))


def test_a_renamed_product_keeps_its_row(customer: Customer, sandbox: SandboxServer) -> None:
    sync(customer)
    renamed = sandbox.world.product_ids()[0]
    first_seen = Product.objects.get(pk=renamed).first_seen_at
    sandbox.world.change_product(renamed, name="Größer & 🛒")
    assert sync(customer).status == "succeeded"
    product = Product.objects.get(pk=renamed)
    assert (product.name, product.first_seen_at) == ("Größer & 🛒", first_seen)
