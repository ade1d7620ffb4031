"""Storing alone: decoded payloads to committed rows, beside the bare copying of the same rows."""

from typing import Any

from django.core.management import call_command
from django.db import connection

from bench import copying
from bench.filling import Answers, Clock, answers_of, save_catalogue, store_all
from bench.verdicts import Verdict
from sync.models import Customer, Person, Test
from sync.sandbox import World

#: Share of the rows per second of bare copying that storing, parsing included, must reach.
BOUND = 0.5
Json = dict[str, Any]


def measure(*, tests: int, repeat: int) -> Json:
    """Store ``tests`` tests with their bugs ``repeat`` times into empty tables; the best of each is compared."""
    call_command("migrate", verbosity=0)
    world = World(tests=tests, products=2)
    customer = Customer.objects.create(name="bench")
    save_catalogue(customer, world)
    answers = [answers_of(world, product_id) for product_id in world.product_ids()]
    clocks, copies, rows = [], [], 0
    for _ in range(repeat):
        _empty()
        clocks.append(_timed(customer, answers))
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


def _empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f'TRUNCATE "{Test._meta.db_table}", "{Person._meta.db_table}" CASCADE')
        cursor.execute("CHECKPOINT")


def _timed(customer: Customer, answers: list[Answers]) -> Clock:
    clock = Clock()
    store_all(clock, customer, answers)
    return clock
