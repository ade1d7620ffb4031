"""The refresh tick: how long it takes to claim what is due among the products of many customers.

What a tick finds is what comes due in a minute of an ordinary quarter of an hour; the rest of the products is waiting.
"""

import statistics
import time
from datetime import timedelta
from typing import Any

from django.core.management import call_command
from django.db import connection
from django.db.models.functions import Now

from bench.verdicts import Verdict
from sync.models import Customer, Product
from sync.refresh import claim_due_products

#: Milliseconds for one tick.
BOUND_MS = 20


def measure(*, customers: int, products: int, ticks: int) -> dict[str, Any]:
    """``products`` of each customer. Raises RuntimeError unless every tick found work."""
    call_command("migrate", verbosity=0)
    _make(customers, products)
    found, milliseconds = zip(*(_tick() for _ in range(ticks)), strict=True)
    if not all(found):
        raise RuntimeError("A tick found nothing due.")
    Product.objects.filter(next_sync_at__lte=Now()).update(next_sync_at=Now() + timedelta(hours=1))
    _, idle = _tick()
    waits = sorted(milliseconds)
    return Verdict(
        measured=waits[int(len(waits) * 0.95)],
        limit=BOUND_MS,
        bound=1.0,
        unit="milliseconds to claim what is due (p95)",
        details={
            "products": customers * products,
            "claimed_per_tick": max(found),
            "p50_ms": round(statistics.median(waits), 3),
            "nothing_due_ms": round(idle, 3),
            "ticks": ticks,
        },
    ).as_json()


def _tick() -> tuple[int, float]:
    began = time.perf_counter()
    claimed = len(claim_due_products())
    return claimed, (time.perf_counter() - began) * 1000


def _make(customers: int, products: int) -> None:
    """Customers of whom every tenth is paused, with products that are due at any time of the last and next hours."""
    made = [Customer(name=f"bench-{number}", encrypted_token=b"sealed") for number in range(customers)]
    Customer.objects.bulk_create(made)
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
                next_sync_at=Now() + timedelta(seconds=number * 7_919 % total * 14_400 / total - 7_200),
            )
            for number in range(total)
        ),
        batch_size=2_000,
    )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
