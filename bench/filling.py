"""A world's data into our tables as a sync would store it, but without one: from payloads to committed rows."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from sync import store
from sync.models import Customer, Person, Product, SyncLease
from sync.pipeline.bugs import LARGEST_BATCH
from sync.sandbox import World
from sync.testio.payloads import parse_bug, parse_feature, parse_product, parse_test

Json = dict[str, Any]
Parsed = TypeVar("Parsed")


@dataclass(frozen=True, slots=True)
class Answers:
    """What TestIO would send of one product: pages of tests, and bugs by batches of tests. Not decoded yet."""

    product_id: int
    pages: list[bytes]
    batches: list[tuple[list[int], bytes]]


@dataclass(slots=True)
class Clock:
    parsing: float = 0.0
    storing: float = 0.0

    @contextmanager
    def parses(self) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.parsing += time.perf_counter() - started

    @contextmanager
    def stores(self) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.storing += time.perf_counter() - started

    @property
    def total(self) -> float:
        return self.parsing + self.storing


def save_catalogue(customer: Customer, world: World) -> None:
    """The products and features of a world, as a sync stores them before anything else."""
    for product_id in world.product_ids():
        product = parse_product(world.product_payload(product_id))
        store.add_products(customer.pk, [product])
        features = [parse_feature(payload, product_id) for payload in world.feature_payloads(product_id)]
        with transaction.atomic():
            store.save_product(customer.pk, product)
            store.save_features(customer.pk, product_id, features)


def answers_of(world: World, product_id: int) -> Answers:
    newest_first = list(world.list_order(product_id))
    pages = [
        orjson.dumps([world.test_payload(test_id, include_user_stories=True) for test_id in page])
        for page in _parts(newest_first, settings.TESTIO_PAGE_SIZE)
    ]
    batches = [
        (batch, orjson.dumps([bug for test_id in batch for bug in world.bug_payloads(test_id)]))
        for batch in _parts(sorted(newest_first, reverse=True), LARGEST_BATCH)
    ]
    return Answers(product_id, pages, batches)


def _parts(ids: Sequence[int], size: int) -> Iterator[list[int]]:
    for first in range(0, len(ids), size):
        yield list(ids[first : first + size])


def store_all(clock: Clock, customer: Customer, answers: Iterable[Answers]) -> None:
    """As the pipeline does it: each page and each batch parsed, and stored in a transaction of its own."""
    people = store.People(customer.pk)
    for product in answers:
        for page in product.pages:
            _store_tests(clock, customer, people, product.product_id, page)
        for test_ids, batch in product.batches:
            _store_bugs(clock, customer, people, product.product_id, test_ids, batch)


def fill(customer: Customer, world: World) -> None:
    """Everything a world has and a sync leaves behind, without one: one product is in memory at a time."""
    save_catalogue(customer, world)
    store_all(Clock(), customer, (answers_of(world, product_id) for product_id in world.product_ids()))
    now = timezone.now()
    SyncLease.objects.bulk_create(SyncLease(product_id=product_id) for product_id in world.product_ids())
    Product.objects.filter(customer=customer).update(
        features_synced_at=now, sections_synced_at=now, tests_synced_at=now, bugs_synced_at=now
    )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _store_tests(clock: Clock, customer: Customer, people: store.People, product_id: int, page: bytes) -> None:
    tests = _parse(clock, lambda payload: parse_test(payload, product_id), page)
    with clock.stores():
        people.learn(Person.Kind.CUSTOMER, (name for test in tests for name in (test.created_by, test.submitted_by)))
        with transaction.atomic():
            store.storable(
                lambda part: store.save_tests(customer.pk, product_id, part, people=people, now=timezone.now()), tests
            )


def _store_bugs(
    clock: Clock, customer: Customer, people: store.People, product_id: int, test_ids: Sequence[int], batch: bytes
) -> None:
    bugs = _parse(clock, lambda payload: parse_bug(payload, product_id), batch)
    with clock.stores():
        people.learn(Person.Kind.TESTER, (bug.author for bug in bugs))
        with transaction.atomic():
            store.storable(
                lambda part: store.save_bugs(
                    customer.pk, product_id, test_ids, part, people=people, now=timezone.now()
                ),
                bugs,
            )


def _parse(clock: Clock, parse: Callable[[Json], Parsed], body: bytes) -> list[Parsed]:
    payloads = orjson.loads(body)
    with clock.parses():
        return [parse(payload) for payload in payloads]
