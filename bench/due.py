"""The refresh tick: how long the database takes to hand out what came due, among the products of many customers.

A tick is all that ``sync.tasks.claim_due_products`` does in the database: lists of products and products, claim after
claim, until there is no more. Sending what was claimed to the queue is left out: that is the broker's part (see
``bench.dispatch``). Between two ticks as much comes due as does in ``SCHEDULED_SECONDS``, or in a minute, with all
products refreshed once per ``INTERVAL_SECONDS``; and what was claimed is settled as a refresh settles it.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.management import call_command
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from bench.verdicts import Verdict
from sync import refresh
from sync.models import Customer, Product
from sync.models.status import Status

#: Milliseconds for one tick.
BOUND_MS = 20

#: Between two refreshes of a product, two ticks as they are scheduled, and two ticks of an operator who wants fewer.
INTERVAL_SECONDS, SCHEDULED_SECONDS, RARE_SECONDS = 900, 10, 60

#: A nightly full walk of everything, spread over so many hours and claimed so often.
NIGHT_HOURS, SWEEP_SECONDS = 4, 300

_INTERVAL = timedelta(seconds=INTERVAL_SECONDS)


@dataclass(frozen=True, slots=True)
class Tick:
    """What one tick claimed, and how long that took."""

    customers: list[int]
    products: list[int]
    milliseconds: float


def measure(*, customers: int, products: int, ticks: int) -> dict[str, Any]:
    """``products`` of each customer. Raises RuntimeError unless each tick found what was due, and by index."""
    call_command("migrate", verbosity=0)
    _make(customers, products)
    total = customers * products
    usual = _figures(total * SCHEDULED_SECONDS // INTERVAL_SECONDS, ticks)
    rare = _figures(total * RARE_SECONDS // INTERVAL_SECONDS, ticks // 4)
    idle = [_milliseconds(_tick) for _ in range(ticks)]
    return Verdict(
        measured=usual["p95_ms"],
        limit=BOUND_MS,
        bound=1.0,
        unit=f"milliseconds of database work for a tick each {SCHEDULED_SECONDS} seconds (p95)",
        details={
            "products": total,
            f"each_{SCHEDULED_SECONDS}_seconds": usual,
            f"each_{RARE_SECONDS}_seconds": rare,
            "full_walks": _sweeps(total * SWEEP_SECONDS // (NIGHT_HOURS * 3600), ticks // 4),
            "nothing_due_ms": round(statistics.median(idle), 3),
        },
    ).as_json()


def _figures(due: int, ticks: int) -> dict[str, Any]:
    found = [_one_of_many(due) for _ in range(ticks)]
    _come_due(due)
    with CaptureQueriesContext(connection) as queries:
        _settle(_tick())
    statements = [query["sql"] for query in queries.captured_queries]
    _refuse_sequential_scans([sql for sql in statements if "RETURNING" in sql])
    return {"due": due, "ticks": ticks, **_spread([each.milliseconds for each in found])}


def _spread(milliseconds: list[float]) -> dict[str, float]:
    waits = sorted(milliseconds)
    return {"p50_ms": round(statistics.median(waits), 3), "p95_ms": round(waits[int(len(waits) * 0.95)], 3)}


def _one_of_many(due: int) -> Tick:
    _come_due(due)
    tick = _tick()
    if len(tick.products) != due or not tick.customers:
        raise RuntimeError(f"{due} products were due, and a tick claimed {len(tick.products)}.")
    _settle(tick)
    return tick


def _tick() -> Tick:
    began = time.perf_counter()
    customers = list(refresh.all_due(refresh.claim_due_customers))
    products = list(refresh.all_due(refresh.claim_due_products))
    return Tick(customers, products, (time.perf_counter() - began) * 1000)


def _sweeps(due: int, ticks: int) -> dict[str, Any]:
    """The same for the tick of the nightly full walks."""
    milliseconds = []
    for _ in range(ticks):
        waiting = Product.objects.refreshed().filter(next_full_sync_at__gt=Now()).order_by("next_full_sync_at")
        Product.objects.filter(pk__in=waiting.values("pk")[:due]).update(next_full_sync_at=Now())
        began = time.perf_counter()
        claimed = list(refresh.all_due(refresh.claim_due_sweeps))
        milliseconds.append((time.perf_counter() - began) * 1000)
        if len(claimed) != due:
            raise RuntimeError(f"{due} full walks were due, and a tick claimed {len(claimed)}.")
        Product.objects.filter(pk__in=claimed).update(next_full_sync_at=Now() + timedelta(days=1), claimed_at=None)
    return {"due": due, **_spread(milliseconds)}


def _milliseconds(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return (time.perf_counter() - began) * 1000


def _come_due(products: int) -> None:
    """The next so many, and as large a part of the customers' lists."""
    share = products * Customer.objects.count() // Product.objects.count()
    lists = Customer.objects.refreshed().filter(products_due_at__gt=Now()).order_by("products_due_at", "pk")
    Customer.objects.filter(pk__in=lists.values("pk")[: max(1, share)]).update(products_due_at=Now())
    waiting = Product.objects.refreshed().filter(next_sync_at__gt=Now()).order_by("next_sync_at", "pk")
    # Each at a moment of its own, as time would have it.
    moment = Now() - (F("pk") % 1_000) * timedelta(microseconds=7)
    Product.objects.filter(pk__in=waiting.values("pk")[:products]).update(next_sync_at=moment)


def _settle(tick: Tick) -> None:
    """As ``sync.schedule`` does after a success."""
    Customer.objects.filter(pk__in=tick.customers).update(products_claimed_at=None, products_due_at=Now() + _INTERVAL)
    Product.objects.filter(pk__in=tick.products).update(
        claimed_at=None, next_sync_at=Now() + _INTERVAL, settled_at=Now(), last_outcome=Status.SUCCEEDED
    )


def _refuse_sequential_scans(statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(f"EXPLAIN {statement}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
            if "Seq Scan" in plan:
                raise RuntimeError(f"A tick reads a whole table:\n{plan}")
    if not statements:
        raise RuntimeError("A tick claimed nothing by a statement that could be explained.")


def _make(customers: int, products: int) -> None:
    """Customers of whom every tenth is paused, so that its products are overdue for ever; the others' are waiting."""
    made = [Customer(name=f"bench-{number}", encrypted_token=b"sealed") for number in range(customers)]
    Customer.objects.bulk_create(made)
    Customer.objects.update(products_due_at=Now() + (F("pk") % customers) * (_INTERVAL / customers))
    Customer.objects.filter(pk__in=[each.pk for each in made[::10]]).update(paused_at=Now(), paused_reason="bench")
    total = customers * products
    Product.objects.bulk_create(
        (
            Product(
                pk=number + 1,
                customer=made[number % customers],
                name=f"Product {number}",
                fingerprint=b"",
                # In no order that the keys have as well.
                next_sync_at=Now() + _INTERVAL * (1 + number * 7_919 % total / total),
                next_full_sync_at=Now() + timedelta(days=1 + number * 6_007 % total / total),
            )
            for number in range(total)
        ),
        batch_size=2_000,
    )
    overdue = Product.objects.exclude(customer__paused_at=None)
    Product.objects.filter(pk__in=overdue.values("pk")).update(next_sync_at=Now() - timedelta(hours=1))
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
