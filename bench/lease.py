"""What the right to write a product costs: taken and given back, on a database that is otherwise idle."""

import statistics
import time
from typing import Any
from uuid import uuid4

from django.core.management import call_command

from bench.verdicts import Verdict
from sync import leases
from sync.models import Customer, Product

#: Milliseconds; what a lease may cost at most (p95) to be nothing beside a single call to TestIO.
BOUND_MS = 50


def measure(*, rounds: int) -> dict[str, Any]:
    call_command("migrate", verbosity=0)
    customer = Customer.objects.create(name="bench")
    product = Product.objects.create(pk=1, customer=customer, name="One", fingerprint=b"")
    milliseconds = sorted(_acquire_and_release(product.pk) for _ in range(rounds))
    p95 = milliseconds[int(len(milliseconds) * 0.95)]
    return Verdict(
        measured=p95,
        limit=BOUND_MS,
        bound=1.0,
        unit="milliseconds to acquire and release (p95)",
        details={"p50": round(statistics.median(milliseconds), 3), "p95": round(p95, 3), "rounds": rounds},
    ).as_json()


def _acquire_and_release(product_id: int) -> float:
    started = time.perf_counter()
    held, _ = leases.acquire([product_id], uuid4())
    for lease in held:
        lease.release()
    return (time.perf_counter() - started) * 1000
