"""Retrying many mapped tests: each is claimed and tried by itself, so that one failure costs only itself."""

import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import groupby

from django.db.models import QuerySet

from problematic import claims
from problematic.models import ProblematicMapping
from problematic.triage import AlreadyClaimed
from problematic.worker import RetryResult, Worker, connected, worker_name
from sync import leases
from sync.heartbeat import Beat, Heartbeat
from sync.leases import Busy
from sync.models import Customer
from sync.pipeline import SyncBusy, SyncImpossible
from sync.testio.errors import TestIOCancelled, TestIORefused

#: Seconds between two looks whether a product is still being written.
_LOOK_AGAIN = 2


Report = Callable[[RetryResult], None]


def retry_mappings(
    mappings: "QuerySet[ProblematicMapping]",
    *,
    wait: bool = False,
    stop: threading.Event | None = None,
    report: Report = lambda _: None,
    beat: Beat = lambda: None,
) -> RetryResult:
    """Retry these mappings now, whatever their back-off says; claims held by others are respected and said.

    ``wait``: when a product is being synced, wait for it. Otherwise the others go on and the result says so;
    ``SyncBusy`` is raised when that leaves nothing to retry, and ``AlreadyClaimed`` when all is being retried by
    somebody else. A customer whose token is missing or refused does not stop the others; ``SyncImpossible`` or
    ``TestIORefused`` is raised when that leaves nothing. ``report`` is told after every test; ``beat`` is called
    with every heartbeat of the claims. What was claimed and not tried to the end goes back unused.
    """
    claims.release_abandoned()
    stop = stop or threading.Event()
    result = RetryResult()
    busy: list[Busy] = []
    shut_out: dict[Customer, SyncImpossible | TestIORefused] = {}
    related = (
        claims.pending(mappings)
        .select_related("event__product__customer")
        .defer("event__product__raw", "event__product__search")
    )
    chosen = list(related)
    with _alive(beat):
        for customer, its in groupby(sorted(chosen, key=_customer_id), key=lambda each: each.event.product.customer):
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
        _raise_why_nothing(result, busy, shut_out)
    result.errors += [f"{customer}: {refusal}" for customer, refusal in shut_out.items()]
    result.errors += [str(each) for each in {each.product_id: each for each in busy}.values()]
    result.notes += result.elsewhere
    if stop.is_set():
        result.errors.append(f"Stopped as asked after {result.tests_retried} of {len(chosen)} tests.")
    return result


def _raise_why_nothing(
    result: RetryResult, busy: list[Busy], shut_out: dict[Customer, SyncImpossible | TestIORefused]
) -> None:
    """Nothing was tried. Returns when that is for no other reason than that nothing was left to try."""
    for refusal in shut_out.values():
        raise refusal
    if busy:
        raise SyncBusy(busy)
    if result.elsewhere:
        raise AlreadyClaimed(" ".join([*result.elsewhere, "Wait for the result.", *result.errors, *result.notes]))


def retry_due(customer: Customer, *, limit: int = 50, stop: threading.Event | None = None) -> RetryResult:
    """Retry what is due of one customer, oldest first; busy products keep theirs for the next time."""
    claims.release_abandoned()
    stop = stop or threading.Event()
    result = RetryResult()
    with _alive(), connected(customer, stop) as worker:
        while result.tests_retried < limit and not stop.is_set():
            claimed = claims.claim_due(worker.name, 1, product_ids=_free_products(customer))
            if not claimed:
                break
            with suppress(SyncBusy):  # a sync began just now; the claim went back and waits for its end
                worker.attempt(claimed[0], result)
    return result


def _alive(*beats: Beat) -> Heartbeat:
    """While this lasts, nobody takes the claims of this thread's workers for abandoned."""
    name = worker_name()
    return Heartbeat(name, lambda: claims.renew(name), *beats)


def _customer_id(mapping: ProblematicMapping) -> int:
    return mapping.event.product.customer_id


def _free_products(customer: Customer) -> set[int]:
    known = {pk for pk in customer.products.values_list("pk", flat=True) if customer.follows(pk)}
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
    except AlreadyClaimed:
        result.lost(mapping)
    except SyncBusy as busy:
        return busy.busy
    return []
