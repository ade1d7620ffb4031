"""Getting mapped tests back: claim, fetch, store and settle, each by itself, so that one failure costs only itself.

Nothing is open while TestIO is asked. A success is a stored row: the test under its own id and product, with its
bugs, and the settled mapping are committed together, under the lease of the product the test belongs to.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby
from uuid import uuid4

from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from problematic import claims
from problematic.models import ProblematicMapping
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

#: Seconds between two looks whether a product is still being written.
_LOOK_AGAIN = 2


@dataclass(slots=True)
class RetryResult:
    """What a retry came to; ``errors`` holds a sentence per test that was not stored, ``notes`` what else to know."""

    tests_retried: int = 0
    tests_succeeded: int = 0
    tests_failed: int = 0
    errors: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


Report = Callable[[RetryResult], None]


def retry_mappings(
    mappings: "QuerySet[ProblematicMapping]",
    *,
    wait: bool = False,
    stop: threading.Event | None = None,
    report: Report = lambda _: None,
) -> RetryResult:
    """Retry these mappings now, whatever their back-off says; claims held by others are respected and said.

    ``wait``: when a product is being synced, wait for it. Otherwise the others go on and the result says so;
    ``SyncBusy`` is raised when that leaves nothing to retry. A customer whose token is missing or refused does not
    stop the others; ``SyncImpossible`` or ``TestIORefused`` is raised when that leaves nothing. ``report`` is told
    after every test. What was claimed and not tried to the end goes back unused.
    """
    claims.release_abandoned()
    stop = stop or threading.Event()
    result = RetryResult()
    busy: list[Busy] = []
    shut_out: dict[Customer, SyncImpossible | TestIORefused] = {}
    related = claims.pending(mappings).select_related("event__product__customer").defer("event__product__raw")
    chosen = list(related)
    for customer, its in groupby(sorted(chosen, key=_customer_id), key=lambda mapping: mapping.event.product.customer):
        try:
            with connected(customer, stop) as worker, suppress(TestIOCancelled):
                for mapping in its:
                    if stop.is_set():
                        break
                    busy += _retry_one(worker, mapping, result, wait=wait)
                    report(result)
        except (SyncImpossible, TestIORefused) as error:
            shut_out[customer] = error
    if not result.tests_retried:
        for refusal in shut_out.values():
            raise refusal
        if busy:
            raise SyncBusy(busy)
    result.errors += [f"{customer}: {refusal}" for customer, refusal in shut_out.items()]
    result.errors += [str(each) for each in {each.product_id: each for each in busy}.values()]
    if stop.is_set():
        result.errors.append(f"Stopped as asked after {result.tests_retried} of {len(chosen)} tests.")
    return result


def retry_due(customer: Customer, *, limit: int = 50, stop: threading.Event | None = None) -> RetryResult:
    """Retry what is due of one customer, oldest first; busy products keep theirs for the next time."""
    claims.release_abandoned()
    stop = stop or threading.Event()
    result = RetryResult()
    with connected(customer, stop) as worker:
        while result.tests_retried < limit and not stop.is_set():
            claimed = claims.claim_due(worker.name, 1, product_ids=_free_products(customer))
            if not claimed:
                break
            with suppress(SyncBusy):  # a sync began just now; the claim went back and waits for its end
                worker.attempt(claimed[0], result)
    return result


def _customer_id(mapping: ProblematicMapping) -> int:
    return mapping.event.product.customer_id


def _free_products(customer: Customer) -> set[int]:
    known = set(customer.products.values_list("pk", flat=True))
    return known - {each.product_id for each in leases.busy(known)}


def _retry_one(worker: "Worker", mapping: ProblematicMapping, result: RetryResult, *, wait: bool) -> list[Busy]:
    """[] when it was tried; otherwise who is writing the product. While waiting nothing is claimed or asked for."""
    concerned = {mapping.event.product_id}
    while True:
        busy = leases.busy(concerned) or _claim_and_attempt(worker, mapping, result)
        concerned |= {each.product_id for each in busy}  # the test may turn out to belong to another product
        if not busy or not wait or worker.stop.wait(min(busy[0].retry_after, _LOOK_AGAIN)):
            return busy


def _claim_and_attempt(worker: "Worker", mapping: ProblematicMapping, result: RetryResult) -> list[Busy]:
    try:
        worker.attempt(claims.claim(mapping.pk, worker.name), result)
    except AlreadyClaimed as error:
        result.tests_retried += 1
        result.tests_failed += 1
        result.errors.append(f"Test {mapping.test_id}: {error}")
    except SyncBusy as busy:
        return busy.busy
    return []


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

        Raises ``SyncBusy`` when a product is being written by somebody else, ``TestIORefused`` and
        ``TestIOCancelled``; the claim has gone back unused then.
        """
        try:
            fetched = fetch_test(self.client, self.customer, mapping.test_id, mapping.event.product_id)
            self._store(mapping, fetched)
        except SyncBusy as busy:
            claims.give_back(mapping, timedelta(seconds=busy.retry_after))
            raise
        except (TestIORefused, TestIOCancelled):
            claims.give_back(mapping)
            raise
        except (TestIOError, Unstorable, NotStored, LeaseLost, DatabaseError) as error:
            self._failed(mapping, _explain(mapping, error), result)
        except AlreadyClaimed as error:
            result.errors.append(str(error))
            result.tests_failed += 1
        else:
            result.tests_succeeded += 1
            result.notes += _remarks(mapping, fetched)
        result.tests_retried += 1

    def _store(self, mapping: ProblematicMapping, fetched: Fetched) -> None:
        learn_people(self.people, fetched)
        with _leased(fetched.product.pk) as lease, transaction.atomic():
            store_test(fetched, lease, self.people, timezone.now())
            claims.settle(mapping)

    def _failed(self, mapping: ProblematicMapping, error: str, result: RetryResult) -> None:
        result.tests_failed += 1
        result.errors.append(error)
        try:
            claims.fail(mapping, error)
        except AlreadyClaimed as taken_over:
            result.errors.append(str(taken_over))


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
            customer.api_base_url, token, limiter=limiter, timeout=settings.TESTIO_HTTP_TIMEOUT, stop=stop
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


def _remarks(mapping: ProblematicMapping, fetched: Fetched) -> Sequence[str]:
    remarks = list(fetched.refused)
    if fetched.product.pk != mapping.event.product_id:
        remarks.append(
            f"Test {mapping.test_id} belongs to {fetched.product}, not to the event's product "
            f"{mapping.event.product_id}; it was stored where it belongs."
        )
    return remarks
