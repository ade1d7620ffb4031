"""The retry queue: how many claims a second its workers get through, and what a page of ten thousand events costs.

Each worker is a process with a connection of its own and claims one mapping at a time, as real ones do, whose every
claim is followed by calls to TestIO. What claiming in batches would bring stands beside it.
"""

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from bench.verdicts import Verdict
from problematic import listings
from problematic.claims import claim_due
from problematic.models import MappingState, ProblematicEvent, ProblematicMapping
from sync.models import Customer, Product

#: Claims a second that leave the queue far behind any number of workers that wait for TestIO.
CLAIMS_PER_SECOND = 1_500
#: Milliseconds for a page of a list.
LIST_MS = 50

PAGE = 50
ADMIN_PAGE = 25
BATCH = 10

# Forked: a worker costs no start of an interpreter, and connects by itself (see testio_site.postgres.pools).
_processes = multiprocessing.get_context("fork")


@dataclass(frozen=True, slots=True)
class Worked:
    """What one worker did: how many claims, between which moments, how long each took in milliseconds."""

    claims: int
    began: float
    ended: float
    milliseconds: list[float]


def measure(*, figure: str, **sizes: int) -> dict[str, Any]:
    """``figure`` is "claims" (``mappings`` and ``workers``) or "lists" (``events`` and ``repeat``)."""
    call_command("migrate", verbosity=0)
    return _claims(**sizes) if figure == "claims" else _lists(**sizes)


def _claims(*, mappings: int, workers: int) -> dict[str, Any]:
    _make_events(100)
    one = _claim_all(mappings, workers, batch=1)
    batches = _claim_all(mappings, workers, batch=BATCH)
    waits = sorted(milliseconds for each in one for milliseconds in each.milliseconds)
    return Verdict(
        measured=_rate(one),
        limit=CLAIMS_PER_SECOND,
        bound=1.0,
        unit="claims per second, one at a time",
        at_least=True,
        details={
            "mappings": mappings,
            "workers": workers,
            "p50_ms": round(statistics.median(waits), 3),
            "p95_ms": round(waits[int(len(waits) * 0.95)], 3),
            f"in_batches_of_{BATCH}": round(_rate(batches)),
        },
    ).as_json()


def _rate(results: list[Worked]) -> float:
    seconds = max(each.ended for each in results) - min(each.began for each in results)
    return sum(each.claims for each in results) / seconds


def _claim_all(mappings: int, workers: int, *, batch: int) -> list[Worked]:
    """Claim that many due mappings with so many processes. Raises RuntimeError unless each was claimed once."""
    _make_mappings(mappings)
    barrier, results = _processes.Barrier(workers), _processes.SimpleQueue()
    running = [_processes.Process(target=_work, args=(barrier, results, batch)) for _ in range(workers)]
    for process in running:
        process.start()
    done = [results.get() for _ in running]
    for process in running:
        process.join()
    claimed_once = ProblematicMapping.objects.filter(state=MappingState.RUNNING, attempts=1).count()
    if not claimed_once == sum(each.claims for each in done) == mappings:
        raise RuntimeError(f"{mappings} mappings were due, and {claimed_once} of them were claimed exactly once.")
    return done


def _work(barrier: Barrier, results: "SimpleQueue[Worked]", batch: int) -> None:
    connection.ensure_connection()
    worker, claims, milliseconds = f"bench {os.getpid()}", 0, []
    barrier.wait()
    began = before = time.perf_counter()
    while claimed := claim_due(worker, batch):
        claims += len(claimed)
        now = time.perf_counter()
        milliseconds.append((now - before) * 1000)
        before = now
    results.put(Worked(claims, began, before, milliseconds))
    connection.close()


def _lists(*, events: int, repeat: int) -> dict[str, Any]:
    """The slowest of the three lists decides: a page of the API and of the admin, and the first page of the command."""
    _make_events(events)
    _make_mappings(2 * events)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    lists = {name: _measured(_list, repeat) for name, _list in _each_list().items()}
    everything = _milliseconds(lambda: _documents(events))
    slowest = max(lists, key=lambda name: float(lists[name]["p95_ms"]))
    return Verdict(
        measured=lists[slowest]["p95_ms"],
        limit=LIST_MS,
        bound=1.0,
        unit=f"milliseconds for a page of {events:,} events with their mappings (p95 of the slowest list: {slowest})",
        details={"events": events, **lists, "command_everything_ms": round(everything, 1)},
    ).as_json()


def _each_list() -> dict[str, Callable[[], None]]:
    """A page of ``PAGE`` events each; the admin's page has as many as it shows to people."""
    settings.ALLOWED_HOSTS = ["testserver"]
    client = Client()
    client.force_login(User.objects.create(username="bench", is_staff=True, is_superuser=True))
    return {
        "api": lambda: _get(client, f"/api/v1/problematic/events?limit={PAGE}", b'"event_id"', PAGE),
        "command": lambda: _documents(PAGE),
        "admin": lambda: _get(client, "/admin/problematic/problematicevent/", b'"data-row ', ADMIN_PAGE),
    }


def _get(client: Client, address: str, row: bytes, rows: int) -> None:
    response = client.get(address)
    if response.status_code != 200 or response.content.count(row) != rows:
        raise RuntimeError(f"{address} answered {response.status_code} with {response.content.count(row)} rows.")


def _documents(limit: int) -> None:
    """As the command reads them."""
    found = list(islice(listings.documents(listings.events(list(Customer.objects.all()))), limit))
    if len(found) != limit:
        raise RuntimeError(f"{len(found)} events were listed instead of {limit}.")


def _measured(listing: Callable[[], None], repeat: int) -> dict[str, Any]:
    listing()  # templates are read and compiled once in the life of a process
    milliseconds = sorted(_milliseconds(listing) for _ in range(repeat))
    with CaptureQueriesContext(connection) as queries:
        listing()
    return {
        "p50_ms": round(statistics.median(milliseconds), 3),
        "p95_ms": round(milliseconds[int(len(milliseconds) * 0.95)], 3),
        "queries": len(queries),
    }


def _milliseconds(listing: Callable[[], None]) -> float:
    began = time.perf_counter()
    listing()
    return (time.perf_counter() - began) * 1000


def _make_events(count: int) -> None:
    """Open events of ten products."""
    customer = Customer.objects.create(name="bench")
    products = Product.objects.bulk_create(
        Product(pk=number + 1, customer=customer, name=f"Product {number}", fingerprint=b"") for number in range(10)
    )
    ProblematicEvent.objects.bulk_create(
        (
            ProblematicEvent(
                product=products[number % 10],
                first_position=number,
                last_position=number,
                boundary_before_id=3 * number + 3,
                boundary_after_id=3 * number + 1,
            )
            for number in range(count)
        ),
        batch_size=2_000,
    )


def _make_mappings(count: int) -> None:
    """So many due mappings, in turn to the events that are there; those made before are removed."""
    ProblematicMapping.objects.all().delete()
    events = list(ProblematicEvent.objects.values_list("pk", flat=True))
    ProblematicMapping.objects.bulk_create(
        (ProblematicMapping(event_id=events[number % len(events)], test_id=number + 1) for number in range(count)),
        batch_size=2_000,
    )
