"""One piece of background work: what it does over real HTTP, and what it writes down at its end."""

import threading
from uuid import uuid4

import pytest
from django.db.models.functions import Now

from sync import leases, schedule
from sync.models import Customer, Product, SyncEvent, Test
from sync.refresh import claim_due_customers, claim_due_products, refresh_customer, refresh_product
from sync.refresh.work import Kind
from sync.sandbox import SandboxServer
from sync.sandbox.comparison import compare
from tests.sync.refresh.rows import DAY, HOUR, MINUTE, change, change_customer, stored, waits
from tests.sync.support import free_leases, sync

QUARTER = 15 * MINUTE


def refresh_all(customer: Customer) -> list[Kind]:
    """The list of products and everything that is due after it, one after the other."""
    kinds = [refresh_customer(pk).kind for pk in claim_due_customers()]
    return kinds + [refresh_product(pk).kind for pk in claim_due_products()]


def the_products(customer: Customer) -> list[Product]:
    return list(Product.objects.filter(customer=customer).order_by("pk"))


def test_a_new_customer_is_found_out_about_and_synced_completely(customer: Customer, sandbox: SandboxServer) -> None:
    assert refresh_all(customer) == ["refreshed", "refreshed", "refreshed"]
    assert compare(sandbox.world, customer).is_complete
    assert set(SyncEvent.objects.values_list("trigger", flat=True)) == {"background"}
    assert SyncEvent.objects.earliest("started_at").mode == "discovery"
    assert claim_due_products() == []
    assert claim_due_customers() == []


def test_reading_the_list_of_products_is_one_call_and_takes_no_lease(
    customer: Customer, sandbox: SandboxServer
) -> None:
    outcome = refresh_customer(customer.pk)
    assert (outcome.kind, sandbox.stats.total) == ("refreshed", 1)
    assert [product.tests_synced_at for product in the_products(customer)] == [None, None]


def test_after_a_success_the_next_refresh_is_due_after_the_interval(customer: Customer) -> None:
    refresh_all(customer)
    for product in the_products(customer):
        assert waits(product, QUARTER)
        assert (product.failures, product.claimed_at, product.last_outcome) == (0, None, "succeeded")
        assert product.settled_at is not None


def test_a_customer_may_have_an_interval_of_its_own(customer: Customer) -> None:
    change_customer(customer, refresh_interval=7200)
    refresh_all(customer)
    assert all(waits(product, 2 * HOUR) for product in the_products(customer))


def test_a_manual_sync_puts_the_next_refresh_off_as_well(customer: Customer) -> None:
    sync(customer)
    assert all(waits(product, QUARTER) for product in the_products(customer))
    assert claim_due_products() == claim_due_customers() == []


@pytest.mark.parametrize("less", [{"mode": SyncEvent.Mode.INCREMENTAL_ONLY}, {"bugs": "none"}])
def test_a_sync_that_reads_less_than_a_refresh_does_leaves_it_due(customer: Customer, less: dict[str, object]) -> None:
    sync(customer)
    Product.objects.update(next_sync_at=Now())
    sync(customer, **less)
    assert len(claim_due_products()) == 2


def test_failures_double_the_wait_and_a_success_ends_that(customer: Customer, sandbox: SandboxServer) -> None:
    sync(customer)
    product = the_products(customer)[0]
    sandbox.faults.force("/products", 503, times=1_000)
    for failures, wait in ((1, QUARTER), (2, 2 * QUARTER), (3, 4 * QUARTER)):
        change(product, next_sync_at=Now())
        outcome = refresh_product(product.pk)
        assert outcome.kind == "failed"
        assert outcome.sentence.startswith("TestIO could not answer /products")
        row = stored(product)
        assert (row.failures, row.last_outcome, row.last_error) == (failures, "failed", outcome.sentence)
        assert waits(product, wait)
    sandbox.faults.clear()
    change(product, next_sync_at=Now())
    assert refresh_product(product.pk).kind == "refreshed"
    row = stored(product)
    assert (row.failures, row.last_outcome, row.last_error) == (0, "succeeded", "")
    assert waits(product, QUARTER)


def test_a_refresh_with_gaps_counts_as_one(customer: Customer, sandbox: SandboxServer) -> None:
    sync(customer)
    product = the_products(customer)[0]
    change(product, next_sync_at=Now(), walked_at=None)
    sandbox.world.break_records(tests=[sandbox.world.tests_of(product.pk)[2]])
    outcome = refresh_product(product.pk)
    assert (outcome.kind, stored(product).failures) == ("partial", 0)
    assert waits(product, QUARTER)


def test_while_somebody_writes_the_product_it_is_put_off_and_that_is_no_failure(customer: Customer) -> None:
    sync(customer)
    product = the_products(customer)[0]
    change(product, next_sync_at=Now())
    assert claim_due_products() == [product.pk]
    [lease], _ = leases.acquire([product.pk], uuid4())
    outcome = refresh_product(product.pk)
    assert outcome.kind == "busy"
    assert outcome.sentence.startswith("Sync in progress. Retry in ")
    row = stored(product)
    assert (row.failures, row.claimed_at, outcome.event) == (0, None, None)
    assert claim_due_products() == []
    change(product, next_sync_at=Now())  # those seconds go by
    lease.release()
    assert refresh_product(*claim_due_products()).kind == "refreshed"


def test_a_task_that_comes_twice_does_its_work_once(customer: Customer, sandbox: SandboxServer) -> None:
    sync(customer)
    product = the_products(customer)[0]
    change(product, next_sync_at=Now())
    [claimed] = claim_due_products()
    assert refresh_product(claimed).kind == "refreshed"
    sandbox.stats.reset()
    again = refresh_product(claimed)
    assert (again.kind, again.sentence) == ("skipped", f"{product} has been refreshed since this was asked for.")
    assert refresh_customer(customer.pk).kind == "skipped"
    assert sandbox.stats.total == 0


def test_a_complete_reading_is_done_once_and_then_waits_for_the_next_night(
    customer: Customer, sandbox: SandboxServer
) -> None:
    sync(customer)
    product = the_products(customer)[0]
    night = product.next_full_sync_at
    assert night is not None
    change(product, next_full_sync_at=Now())
    outcome = refresh_product(product.pk, full=True)
    assert outcome.event
    assert (outcome.kind, outcome.event.mode) == ("refreshed", "full")
    assert stored(product).next_full_sync_at == night
    assert refresh_product(product.pk, full=True).kind == "skipped"


def test_a_complete_reading_that_fails_is_tried_again_with_the_next_refresh(
    customer: Customer, sandbox: SandboxServer
) -> None:
    sync(customer)
    product = the_products(customer)[0]
    change(product, next_full_sync_at=Now())
    sandbox.faults.force("/products", 503, times=100)
    assert refresh_product(product.pk, full=True).kind == "failed"
    row = stored(product)
    assert row.next_full_sync_at == row.next_sync_at


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_pauses_the_customer_with_the_reason(
    customer: Customer, sandbox: SandboxServer, status: int
) -> None:
    sync(customer)
    Product.objects.update(next_sync_at=Now())
    first, second = claim_due_products()
    sandbox.faults.set(refuse=status)
    outcome = refresh_product(first)
    assert outcome.kind == "paused"
    paused = Customer.objects.get()
    assert paused.paused_at is not None
    assert paused.paused_reason == outcome.sentence
    assert f"HTTP {status}" in paused.paused_reason
    sandbox.stats.reset()
    later = refresh_product(second)
    assert (later.kind, later.sentence) == ("skipped", f"Customer {customer} is paused: {paused.paused_reason}")
    assert sandbox.stats.total == 0
    assert free_leases()


def test_a_new_token_ends_the_pause_and_everything_is_due(customer: Customer, sandbox: SandboxServer) -> None:
    sync(customer)
    sandbox.faults.set(refuse=401)
    change(the_products(customer)[0], next_sync_at=Now())
    refresh_product(claim_due_products()[0])
    sandbox.faults.clear()
    paused = Customer.objects.get()
    paused.set_token(sandbox.token)
    paused.save()
    schedule.resume(paused.pk)
    assert (Customer.objects.get().paused_at, Customer.objects.get().paused_reason) == (None, "")
    assert refresh_all(customer) == ["refreshed", "refreshed", "refreshed"]


def test_a_manual_sync_that_the_token_allows_again_ends_the_pause_too(
    customer: Customer, sandbox: SandboxServer
) -> None:
    sync(customer)
    schedule.pause(customer, "TestIO does not accept this customer's API token.")
    assert sync(Customer.objects.get()).status == "succeeded"
    assert Customer.objects.get().paused_at is None
    assert claim_due_products() == []  # they have just been synced


def test_a_token_that_was_changed_meanwhile_is_not_paused_for_the_old_one(customer: Customer) -> None:
    old = Customer.objects.get()
    customer.set_token("another-token")
    customer.save()
    assert not schedule.pause(old, "TestIO does not accept this customer's API token.")
    assert Customer.objects.get().paused_at is None


def test_a_token_nobody_can_read_pauses_the_customer(customer: Customer) -> None:
    sync(customer)
    change(the_products(customer)[0], next_sync_at=Now())
    change_customer(customer, encrypted_token=b"sealed with another key")
    outcome = refresh_product(the_products(customer)[0].pk)
    assert outcome.kind == "paused"
    assert Customer.objects.get().paused_reason == outcome.sentence


def test_products_that_appear_later_are_found_and_those_that_come_back_are_welcome(
    customer: Customer, sandbox: SandboxServer
) -> None:
    sync(customer)
    back, _ = the_products(customer)
    change(back, missing_since=Now())
    change_customer(customer, products_due_at=Now())
    assert refresh_customer(*claim_due_customers()).kind == "refreshed"
    assert stored(back).missing_since is None
    assert claim_due_products() == [back.pk]
    assert free_leases()


def test_a_list_that_cannot_be_read_is_asked_for_less_and_less_often(
    customer: Customer, sandbox: SandboxServer
) -> None:
    sandbox.faults.force("/products", 503, times=1_000)
    for failures in (1, 2):
        change_customer(customer, products_due_at=Now())
        assert refresh_customer(customer.pk).kind == "failed"
        assert Customer.objects.get().products_failures == failures
    assert not Customer.objects.filter(products_due_at__lt=Now() + 29 * MINUTE).exists()
    sandbox.faults.clear()
    change_customer(customer, products_due_at=Now())
    assert refresh_customer(customer.pk).kind == "refreshed"
    assert Customer.objects.get().products_failures == 0


def test_a_worker_that_is_asked_to_stop_leaves_the_product_due_at_once(
    customer: Customer, sandbox: SandboxServer
) -> None:
    sync(customer)
    product = the_products(customer)[0]
    change(product, next_sync_at=Now() - DAY)
    claim_due_products()
    stop = threading.Event()
    sandbox.faults.when("tests", lambda _: stop.set())
    outcome = refresh_product(product.pk, stop=stop)
    assert outcome.kind == "cancelled"
    assert claim_due_products() == [product.pk]
    assert refresh_product(product.pk, stop=stop).kind == "cancelled"
    assert claim_due_products() == [product.pk]
    assert free_leases()


def test_what_is_not_there_any_more_is_passed_over(customer: Customer) -> None:
    assert refresh_product(999).sentence == "Product 999 is not stored any more."
    assert refresh_customer(999).sentence == "Customer 999 is not there any more."


def test_a_phase_that_failed_leaves_its_time_and_the_product_stays_stale(
    customer: Customer, sandbox: SandboxServer
) -> None:
    sync(customer)
    product = the_products(customer)[0]
    long_ago = product.next_sync_at - DAY
    change(product, next_sync_at=Now(), features_synced_at=long_ago, tests_synced_at=long_ago)
    sandbox.faults.force(f"/products/{product.pk}/features", 404)
    assert refresh_product(product.pk).kind == "partial"
    row = stored(product)
    assert row.features_synced_at == long_ago
    assert row.tests_synced_at is not None
    assert row.tests_synced_at > long_ago
    assert list(Product.objects.stale("features")) == [row]
    assert not Product.objects.stale("tests").filter(pk=row.pk).exists()
    assert Test.objects.filter(product=row).exists()


def test_a_claim_of_a_customer_that_was_switched_off_in_between_is_let_go(customer: Customer) -> None:
    sync(customer)
    product = the_products(customer)[0]
    change(product, next_sync_at=Now() - HOUR)
    assert claim_due_products() == [product.pk]
    change_customer(customer, is_active=False, is_default=False)
    assert refresh_product(product.pk).kind == "skipped"
    change_customer(customer, is_active=True)
    assert claim_due_products() == [product.pk]
