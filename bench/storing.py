"""Storing alone: decoded payloads to committed rows, beside the bare copying of the same rows."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from bench import copying
from bench.verdicts import Verdict
from sync import store
from sync.models import Customer, Person, Test
from sync.pipeline.bugs import LARGEST_BATCH
from sync.sandbox import World
from sync.testio.payloads import parse_bug, parse_feature, parse_product, parse_test

#: Share of the rows per second of bare copying that storing, parsing included, must reach.
BOUND = 0.5
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


def measure(*, tests: int, repeat: int) -> Json:
    """Store ``tests`` tests with their bugs ``repeat`` times into empty tables; the best of each is compared."""
    call_command("migrate", verbosity=0)
    world = World(tests=tests, products=2)
    customer = Customer.objects.create(name="bench")
    _save_catalogue(customer, world)
    answers = [_answers(world, product_id) for product_id in world.product_ids()]
    clocks, copies, rows = [], [], 0
    for _ in range(repeat):
        _empty()
        clocks.append(_store_all(customer, answers))
        tables = copying.read_back((*copying.OF_TESTS, *copying.OF_BUGS))
        rows = sum(len(table.rows) for table in tables)
        copies.append(copying.seconds_to_copy(tables))
    best = min(clocks, key=lambda clock: clock.total)
    copied = rows / min(copies)
    return Verdict(
        measured=rows / best.total,
        limit=copied,
        bound=BOUND,
        unit="rows per second",
        at_least=True,
        details={
            "rows": rows,
            "without_parsing": {
                "measured": round(rows / best.storing, 1),
                "ratio": round(rows / best.storing / copied, 4),
            },
            "repetitions": {
                "parsing_seconds": [round(clock.parsing, 3) for clock in clocks],
                "storing_seconds": [round(clock.storing, 3) for clock in clocks],
                "copying_seconds": [round(copy, 3) for copy in copies],
            },
        },
    ).as_json()


def _save_catalogue(customer: Customer, world: World) -> None:
    for product_id in world.product_ids():
        product = parse_product(world.product_payload(product_id))
        store.add_products(customer.pk, [product])
        features = [parse_feature(payload, product_id) for payload in world.feature_payloads(product_id)]
        with transaction.atomic():
            store.save_product(customer.pk, product)
            store.save_features(customer.pk, product_id, features)


def _answers(world: World, product_id: int) -> Answers:
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


def _empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f'TRUNCATE "{Test._meta.db_table}", "{Person._meta.db_table}" CASCADE')
        cursor.execute("CHECKPOINT")


def _store_all(customer: Customer, answers: Sequence[Answers]) -> Clock:
    """As the pipeline does it: each page and each batch parsed, and stored in a transaction of its own."""
    clock, people = Clock(), store.People(customer.pk)
    for product in answers:
        for page in product.pages:
            _store_tests(clock, customer, people, product.product_id, page)
        for test_ids, batch in product.batches:
            _store_bugs(clock, customer, people, product.product_id, test_ids, batch)
    return clock


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
