"""What dead processes held is taken back; what living ones hold is left alone."""

from datetime import timedelta
from multiprocessing.connection import Connection
from typing import Any
from uuid import uuid4

import pytest
from django.db.models.functions import Now

from sync import runs
from sync.leases import LeaseLost, acquire
from sync.models import Product, SyncEvent, SyncLease
from sync.refresh import claim_due_products, release_stale
from tests.factories import ProductFactory, SyncEventFactory
from tests.sync.leasing import age, change, prove, take
from tests.sync.races import Another
from tests.sync.refresh.rows import customer_with_token, stored

pytestmark = pytest.mark.django_db

ELSEWHERE: dict[str, Any] = {"host": "another-host", "pid": 44, "process_started": 1.0}


@pytest.fixture
def product() -> Product:
    made = ProductFactory.create(customer=customer_with_token())
    claim_due_products()
    return made


def work_on(line: Connection, product_id: int) -> None:
    product = Product.objects.get(pk=product_id)
    run = runs.begin(product.customer, trigger="background", mode="incremental")
    acquire([product_id], run.pk)
    line.send(run.pk)
    line.recv()


@pytest.mark.django_db(transaction=True)
def test_what_a_killed_process_was_writing_is_interrupted_freed_and_due_at_once(
    product: Product, database_url: str
) -> None:
    with Another(database_url, work_on, product.pk) as worker:
        run_id = worker.begin().hear()
        assert release_stale().products == []
        worker.kill()
        released = release_stale()
    assert (released.runs, released.leases, released.products) == (1, 1, [product.pk])
    assert SyncEvent.objects.get(pk=run_id).status == "interrupted"
    assert SyncLease.objects.get().holder is None
    assert claim_due_products() == [product.pk]
    assert release_stale().leases == 0


def test_a_silent_holder_elsewhere_is_released_after_the_timeout_and_a_beating_one_is_not(product: Product) -> None:
    lease = take(product)
    run = SyncEventFactory.create(customer=product.customer, **ELSEWHERE)
    change(lease, **ELSEWHERE)
    assert (release_stale().runs, release_stale().leases) == (0, 0)
    age(lease, heartbeat_at=timedelta(minutes=11))
    SyncEvent.objects.filter(pk=run.pk).update(heartbeat_at=Now() - timedelta(minutes=11))
    released = release_stale()
    assert (released.runs, released.products) == (1, [product.pk])


def test_a_holder_that_was_suspended_and_released_writes_nothing_more(product: Product) -> None:
    lease = take(product)
    age(lease, heartbeat_at=timedelta(minutes=11))
    assert release_stale().leases == 1
    with pytest.raises(LeaseLost):
        prove(lease)


def test_a_lease_taken_over_by_a_living_sync_stays_with_it(product: Product) -> None:
    lease = take(product)
    assert release_stale().leases == 0
    assert stored(product).claimed_at is not None
    assert SyncLease.objects.get().holder == lease.holder != uuid4()
