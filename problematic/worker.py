"""One worker: a customer's connection to TestIO, which takes one claimed test at a time to its end.

Nothing is open while TestIO is asked. A success is a stored row: the test under its own id and product, with its
bugs, and the settled mapping are committed together, under the lease of the product the test belongs to.
"""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils import timezone

from problematic import claims
from problematic.choice import outside_filter
from problematic.models import MappingState, ProblematicMapping
from problematic.triage import AlreadyClaimed
from sync import leases, store
from sync.encryption import Undecipherable
from sync.leases import Busy, Lease, LeaseLost
from sync.limiter import PostgresLimiter
from sync.models import Customer
from sync.models.process import this_host
from sync.pipeline import SyncBusy, SyncImpossible
from sync.pipeline.single import Fetched, NotStored, fetch_test, learn_people, store_test
from sync.pipeline.trouble import about_database
from sync.testio.client import TestIOClient
from sync.testio.errors import (
    TestIOCancelled,
    TestIOError,
    TestIONotFound,
    TestIORefused,
    TestIOUnreadable,
)
from sync.testio.payloads import Unstorable


@dataclass(slots=True)
class RetryResult:
    """What a retry came to; ``errors`` holds a sentence per test that was not stored, ``notes`` what else to know.

    ``elsewhere`` says which tests somebody else is retrying: neither tried here nor failed.
    """

    tests_retried: int = 0
    tests_succeeded: int = 0
    tests_failed: int = 0
    errors: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def lost(self, mapping: ProblematicMapping) -> None:
        """Somebody else was quicker with this test: what became of it there is said, and nothing is counted."""
        now = ProblematicMapping.objects.filter(pk=mapping.pk).values_list("state", "last_error").first()
        match now:
            case None:
                self.notes.append(f"Test {mapping.test_id} was unmapped meanwhile, so it was not retried.")
            case (MappingState.SUCCEEDED, _):
                self.notes.append(f"Test {mapping.test_id} was stored by another retry meanwhile.")
            case (MappingState.RUNNING, _):
                self.elsewhere.append(f"Test {mapping.test_id} is being retried elsewhere.")
            case (_, error):
                said = error or f"Test {mapping.test_id} is queued again."
                self.errors.append(f"Another retry of test {mapping.test_id} ended meanwhile. {said}")


@dataclass(slots=True)
class Worker:
    """One customer's connection to TestIO, and the name that stands on claims."""

    customer: Customer
    client: TestIOClient
    people: store.People
    stop: threading.Event
    name: str

    def attempt(self, mapping: ProblematicMapping, result: RetryResult) -> None:
        """One claimed mapping, to its end: settled or failed, counted in ``result``.

        A claim that was taken over meanwhile stores nothing and is not counted: it is the heir's now. Nor is one
        counted whose test is being retried for another event: it has gone back. Raises
        ``SyncBusy`` when a product is being written by somebody else, ``TestIORefused`` and ``TestIOCancelled``; the
        claim has gone back unused then.
        """
        if other := claims.give_way(mapping, self.customer.pk):
            result.elsewhere.append(f"Test {mapping.test_id} is being retried for event {other}.")
            return
        try:
            fetched = fetch_test(self.client, self.customer, mapping.test_id, mapping.event.product_id)
            remarks = self._remarks(mapping, fetched)
            self._store(mapping, fetched, " ".join(remarks))
        except SyncBusy as busy:
            claims.give_back(mapping, timedelta(seconds=busy.retry_after))
            raise
        except (TestIORefused, TestIOCancelled):
            claims.give_back(mapping)
            raise
        except (TestIOError, Unstorable, NotStored, LeaseLost, DatabaseError) as error:
            self._failed(mapping, _explain(mapping, error), result)
        except AlreadyClaimed:
            result.lost(mapping)
        else:
            result.tests_retried += 1
            result.tests_succeeded += 1
            result.notes += remarks

    def _store(self, mapping: ProblematicMapping, fetched: Fetched, note: str) -> None:
        learn_people(self.people, fetched)
        with _leased(fetched.product.pk) as lease, transaction.atomic():
            store_test(fetched, lease, self.people, timezone.now())
            claims.settle(mapping, note)

    def _remarks(self, mapping: ProblematicMapping, fetched: Fetched) -> Sequence[str]:
        """What else to know about a test that is stored now; it goes into the result and stays with the attempt."""
        remarks = list(fetched.refused)
        product, expected = fetched.product, mapping.event.product_id
        if product.pk != expected:
            where = f"Test {mapping.test_id} belongs to {product}, not to the event's product {expected}"
            remarks.append(f"{where}; it was stored where it belongs.")
        if not self.customer.follows(product.pk):
            left_out = f"Product {product.pk} is {outside_filter(self.customer)}"
            remarks.append(f"{left_out}: no sync keeps test {mapping.test_id} up to date.")
        return remarks

    def _failed(self, mapping: ProblematicMapping, error: str, result: RetryResult) -> None:
        try:
            claims.fail(mapping, error)
        except AlreadyClaimed:
            result.lost(mapping)
            return
        result.tests_retried += 1
        result.tests_failed += 1
        result.errors.append(error)


@contextmanager
def connected(customer: Customer, stop: threading.Event) -> Iterator[Worker]:
    """A worker for one customer. Raises ``SyncImpossible`` when there is no token to read with."""
    try:
        token = customer.read_token() if customer.has_token else None
    except Undecipherable as error:
        raise SyncImpossible(str(error)) from None
    if token is None:
        raise SyncImpossible(f"Customer {customer.name} has no API token. Set one in the admin, then retry.")
    limit = settings.TESTIO_MAX_CONCURRENT_REQUESTS
    with (
        PostgresLimiter(customer.pk, limit, stop=stop) as limiter,
        TestIOClient(
            customer.api_base_url,
            token,
            limiter=limiter,
            timeout=settings.TESTIO_HTTP_TIMEOUT,
            stop=stop,
            private=settings.TESTIO_ALLOW_PRIVATE_ADDRESSES,
        ) as client,
    ):
        yield Worker(customer, client, store.People(customer.pk), stop, worker_name())


def worker_name() -> str:
    """Unique per worker, and readable: where it runs and in which process and thread."""
    return f"{this_host().split()[0]}/{os.getpid()}/{threading.get_ident() % 100_000}"


@contextmanager
def _leased(product_id: int) -> Iterator[Lease]:
    held, busy = leases.acquire([product_id], uuid4())
    if busy or not held:
        raise SyncBusy(busy or [Busy(product_id, None, "", None, 1)])
    try:
        yield held[0]
    finally:
        held[0].release()


def _explain(mapping: ProblematicMapping, error: Exception) -> str:
    test_id = mapping.test_id
    its_bugs = isinstance(error, TestIOError) and error.path.startswith("/bugs")
    match error:
        case TestIONotFound() if not its_bugs:
            return f"Test {test_id}: TestIO has no such test (404). Check the number; unmap it if it was a mistake."
        case TestIOUnreadable() if its_bugs:
            return f"Test {test_id}: TestIO still cannot read its bugs (500). Retry once TestIO has repaired them."
        case TestIOUnreadable():
            return f"Test {test_id}: TestIO still cannot read it (500). Retry once TestIO has repaired it."
        case DatabaseError():
            return f"Test {test_id}: {about_database(error)}"
        case _ if str(error).startswith(f"Test {test_id} "):
            return str(error)
        case _:
            return f"Test {test_id}: {error}"
