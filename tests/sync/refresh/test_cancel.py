"""A run that is cancelled from outside: by another process, in the admin, while it works."""

import threading
import time

from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now

from sync import runs
from sync.models import Customer, Product, SyncEvent, Test
from sync.refresh import claim_due_products, refresh_product
from sync.sandbox import SandboxServer
from sync.sandbox.comparison import compare
from tests.factories import SyncEventFactory
from tests.sync.refresh.rows import HOUR, change, stored, wait_of
from tests.sync.support import free_leases, sync


def cancel_when_tests_are_read(sandbox: SandboxServer, by: User | None) -> threading.Event:
    """From another thread and connection, as another process would."""
    asked = threading.Event()

    def cancel(_: object) -> None:
        if not asked.is_set():
            asked.set()
            assert runs.request_cancel(SyncEvent.objects.running().get(), by)
            connection.close()

    sandbox.faults.when("tests", cancel)
    return asked


def test_a_running_sync_that_is_cancelled_stops_within_seconds_and_says_by_whom(
    customer: Customer, sandbox: SandboxServer
) -> None:
    user = User.objects.create(username="quentin")
    cancel_when_tests_are_read(sandbox, user)
    sandbox.faults.set(latency_ms=400)
    began = time.monotonic()
    event = sync(customer)
    assert time.monotonic() - began < 10
    assert (event.status, event.error) == ("cancelled", "Cancelled by quentin; what was stored before stays.")
    assert event.cancel_requested_by == user
    assert free_leases()
    assert not compare(sandbox.world, customer).is_complete
    sandbox.faults.clear()
    assert sync(customer).status == "succeeded"
    assert compare(sandbox.world, customer).is_complete


def test_a_cancelled_refresh_is_not_begun_again_before_its_time_and_stops_nothing_else(
    customer: Customer, sandbox: SandboxServer
) -> None:
    sync(customer)
    product, other = Product.objects.order_by("pk")
    for each in (product, other):
        change(each, next_sync_at=Now() - HOUR)
    claim_due_products()
    cancel_when_tests_are_read(sandbox, None)
    sandbox.faults.set(latency_ms=400)
    worker = threading.Event()
    outcome = refresh_product(product.pk, stop=worker)
    assert (outcome.kind, outcome.sentence) == ("cancelled", "Cancelled; what was stored before stays.")
    assert not worker.is_set()
    assert wait_of(product) > HOUR / 5
    assert (stored(product).failures, stored(product).last_outcome) == (0, "cancelled")
    sandbox.faults.clear()
    assert refresh_product(other.pk, stop=worker).kind == "refreshed"
    assert Test.objects.exists()


def test_a_run_that_has_ended_cannot_be_cancelled_any_more(customer: Customer) -> None:
    event = sync(customer)
    assert runs.request_cancel(event, None) is False
    event.refresh_from_db()
    assert event.cancel_requested_at is None


def test_who_asked_first_is_remembered(transactional_db: None) -> None:
    first, second = User.objects.create(username="ann"), User.objects.create(username="bob")
    event = SyncEventFactory.create()
    assert [runs.request_cancel(event, user) for user in (first, second)] == [True, True]
    event.refresh_from_db()
    assert event.cancel_requested_by == first


def test_cancelling_a_sync_somebody_started_says_nothing_about_the_background_refresh(
    customer: Customer, sandbox: SandboxServer
) -> None:
    sync(customer)
    product = Product.objects.order_by("pk")[0]
    change(product, next_sync_at=Now() - HOUR)
    due = stored(product).next_sync_at
    cancel_when_tests_are_read(sandbox, None)
    sandbox.faults.set(latency_ms=1_000)
    assert sync(customer, mode=SyncEvent.Mode.FULL).status == "cancelled"
    assert stored(product).next_sync_at == due
