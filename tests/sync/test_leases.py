import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.db.transaction import TransactionManagementError
from django.utils import timezone

from sync.leases import Lease, LeaseLost, acquire, busy
from sync.models import Product, SyncLease
from sync.models.process import this_host
from sync.models.run import Status
from tests.factories import ProductFactory, SyncEventFactory, SyncLeaseFactory, SyncPhaseFactory
from tests.sync.leasing import ANOTHER_RUN, RUN, age, change, is_busy, prove, take
from tests.sync.races import waiting_for_a_lock

pytestmark = pytest.mark.django_db

#: For what other connections have to see.
committed = pytest.mark.django_db(transaction=True)


@pytest.fixture
def product() -> Product:
    return ProductFactory.create()


@pytest.fixture
def taken(product: Product) -> Lease:
    return take(product)


# Acquiring, proving, releasing ---------------------------------------------------------------------------------------


def test_a_free_product_is_taken_proven_and_released(product: Product) -> None:
    lease = take(product)
    row = SyncLease.objects.get()
    assert (row.holder, row.token, row.host, row.pid) == (RUN, 1, this_host(), os.getpid())
    prove(lease)
    lease.release()
    row.refresh_from_db()
    assert (row.holder, row.acquired_at, row.heartbeat_at, row.token) == (None, None, None, 1)
    with pytest.raises(LeaseLost):
        prove(lease)


def test_the_token_rises_with_every_holder(product: Product) -> None:
    tokens = []
    for _ in range(3):
        lease = take(product)
        tokens.append(lease.token)
        lease.release()
    assert tokens == [1, 2, 3]


def test_a_held_product_is_busy_and_says_who_writes_it(product: Product, taken: Lease) -> None:
    refused = is_busy(product)
    assert (refused.product_id, refused.holder, refused.pid) == (product.pk, RUN, os.getpid())
    assert str(refused) == (
        "Sync in progress. Retry in 120 seconds. "
        f"(Product {product.pk} is being written by process {os.getpid()} on {this_host()}.)"
    )
    assert busy([product.pk]) == [refused]


def test_of_several_products_the_free_ones_are_taken_and_the_others_are_busy(taken: Lease) -> None:
    others = [ProductFactory.create().pk for _ in range(2)]
    held, refused = acquire([*others, taken.product_id], ANOTHER_RUN)
    assert [lease.product_id for lease in held] == sorted(others)
    assert [each.product_id for each in refused] == [taken.product_id]
    assert [each.product_id for each in busy([*others, taken.product_id])] == sorted([*others, taken.product_id])
    assert (acquire([], RUN), busy([])) == (([], []), [])


@pytest.mark.parametrize(
    "row", [{"token": F("token") + 1}, {"holder": ANOTHER_RUN}, {"holder": None, "acquired_at": None}]
)
def test_who_is_not_the_row_any_more_has_lost_the_lease(taken: Lease, row: dict[str, object]) -> None:
    change(taken, **row)
    with pytest.raises(LeaseLost) as lost:
        prove(taken)
    assert str(lost.value) == (
        f"Product {taken.product_id} was taken over by another sync while this one did not answer. "
        "Nothing is lost: that sync reads what this one had not stored."
    )


def test_a_product_that_was_deleted_is_lost_too(product: Product, taken: Lease) -> None:
    product.delete()
    with pytest.raises(LeaseLost):
        prove(taken)
    taken.release()


def test_releasing_what_somebody_else_holds_now_frees_nothing(taken: Lease) -> None:
    change(taken, token=F("token") + 1, holder=ANOTHER_RUN)
    taken.release()
    assert SyncLease.objects.get().holder == ANOTHER_RUN


@committed
def test_a_proof_needs_the_transaction_it_protects(taken: Lease) -> None:
    with pytest.raises(TransactionManagementError):
        taken.prove()


def test_a_holder_and_its_time_are_there_together(taken: Lease) -> None:
    with pytest.raises(IntegrityError, match="lease_holder_and_time_together"):
        change(taken, acquired_at=None)


# Nobody waits --------------------------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere() -> Iterator[ThreadPoolExecutor]:
    """A thread with a connection of its own."""
    with ThreadPoolExecutor(1) as pool:
        yield pool
        pool.submit(lambda: connection.close()).result()  # that thread's connection, not this one's


@committed
def test_a_product_whose_page_is_being_stored_is_busy_at_once(
    product: Product, taken: Lease, elsewhere: ThreadPoolExecutor
) -> None:
    age(taken, heartbeat_at=timedelta(days=1))  # the page takes long, so the heartbeat waits for it
    with transaction.atomic():
        taken.prove()
        began = time.monotonic()
        assert elsewhere.submit(is_busy, product).result(20).holder == RUN
        assert time.monotonic() - began < 2
        assert waiting_for_a_lock() == 0


@committed
def test_a_product_somebody_else_is_just_taking_is_busy_at_once(
    product: Product, elsewhere: ThreadPoolExecutor
) -> None:
    SyncLeaseFactory.create(product=product)
    with transaction.atomic():
        SyncLease.objects.select_for_update().get()
        refused = elsewhere.submit(is_busy, product).result(20)
    assert str(refused) == (
        "Sync in progress. Retry in 120 seconds. "
        f"(Product {product.pk} is being written by another sync that is just beginning.)"
    )


# When to ask again ---------------------------------------------------------------------------------------------------


def a_run_of(product: Product, days_ago: int, seconds: list[int], status: Status = Status.SUCCEEDED) -> None:
    """A run some days ago whose phases ended after so many seconds, one after the other."""
    began = timezone.now() - timedelta(days=days_ago)  # one moment for all phases, unlike the one of each statement
    event = SyncEventFactory.create(customer=product.customer, started_at=began)
    names = ("features", "tests", "bugs")
    for name, start, end in zip(names, [0, *seconds], seconds, strict=False):
        times = {"started_at": began + timedelta(seconds=start), "finished_at": began + timedelta(seconds=end)}
        SyncPhaseFactory.create(event=event, product=product, name=name, status=Status.SUCCEEDED, **times)
    if status != Status.RUNNING:
        type(event).objects.filter(pk=event.pk).update(status=status, finished_at=Now())


def test_it_is_worth_asking_again_when_the_last_sync_would_have_ended(product: Product, taken: Lease) -> None:
    a_run_of(product, 3, [1000])
    a_run_of(product, 2, [60, 119, 120])
    a_run_of(product, 1, [3], Status.FAILED)
    a_run_of(product, 0, [5], Status.RUNNING)
    a_run_of(ProductFactory.create(), 1, [7])
    age(taken, acquired_at=timedelta(seconds=30))
    assert 85 <= is_busy(product).retry_after <= 90
    age(taken, acquired_at=timedelta(seconds=500))
    assert is_busy(product).retry_after == 1
    assert str(is_busy(product)).startswith("Sync in progress. Retry in 1 second. ")


def test_without_an_earlier_sync_a_first_one_is_taken_to_last_two_minutes(product: Product, taken: Lease) -> None:
    age(taken, acquired_at=timedelta(seconds=30))
    assert 85 <= is_busy(product).retry_after <= 90
    age(taken, acquired_at=timedelta(days=30))
    assert is_busy(product).retry_after == 1
