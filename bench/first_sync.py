"""A first sync of everything, and the sync after it when nothing has changed: what both took and asked."""

import re
import time
from collections import Counter
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection, models
from django.db.models import F, Sum
from psycopg import sql

from bench import copying
from bench.machine import cpu_seconds, load_average, server_cpu_seconds
from bench.processes import ask_sandbox, measured_command
from sync.models import Bug, Customer, Feature, Product, SyncEvent, SyncPhase, Test
from sync.models.test import FINAL_STATUSES
from sync.sandbox.service import DEFAULT_TOKEN

Json = dict[str, Any]


def measure(*, base_url: str, control_url: str, sandbox_pid: int, latency_ms: int, copies: int = 2) -> Json:
    """The figures of one first sync, with its limit, and of one more sync right after it."""
    call_command("migrate", verbosity=0)
    add_customer(base_url)
    first = first_sync(sandbox_pid)
    first["calls"] = _calls()
    unchanged = _unchanged(control_url)
    tables = copying.read_back(copying.EVERYTHING)
    first["limit"] = {
        "calls_seconds": sum(first["calls"].values()) * latency_ms / 1000 / settings.TESTIO_MAX_CONCURRENT_REQUESTS,
        "copy_seconds": [copying.seconds_to_copy(tables) for _ in range(copies)],
        "rows": sum(len(table.rows) for table in tables),
    }
    return {"first": first, "unchanged": unchanged}


def add_customer(base_url: str) -> None:
    """The customer our commands mean when none is named."""
    customer = Customer(name="bench", api_base_url=base_url, is_default=True)
    customer.set_token(DEFAULT_TOKEN)
    customer.save()


def first_sync(sandbox_pid: int) -> Json:
    """One sync in a process of its own: its time, and the processor time of everybody who took part."""
    home = settings.DATABASES["default"]["EMBEDDED"]
    before = {"database": server_cpu_seconds(home), "sandbox": cpu_seconds(sandbox_pid)}
    started = time.perf_counter()
    figures = measured_command("sync", "--json")
    return figures | {
        "seconds_with_start": time.perf_counter() - started,
        "database_cpu_seconds": server_cpu_seconds(home) - before["database"],
        "sandbox_cpu_seconds": cpu_seconds(sandbox_pid) - before["sandbox"],
        "load_average": load_average(),
        "phase_seconds": _phase_seconds(),
    }


def _phase_seconds() -> dict[str, float]:
    """Seconds all products together spent in each phase; they work beside each other."""
    phases = SyncPhase.objects.filter(event=_last_run()).order_by()
    spent = phases.values_list("name").annotate(spent=Sum(F("finished_at") - F("started_at")))
    return {name: round(total.total_seconds(), 2) for name, total in spent}


def _last_run() -> SyncEvent:
    return SyncEvent.objects.latest("started_at")


def _calls() -> dict[str, int]:
    """API calls of the last run by phase."""
    phases = SyncPhase.objects.filter(event=_last_run()).order_by()
    return dict(phases.values_list("name").annotate(Sum("api_calls")))


def _unchanged(control_url: str) -> Json:
    """A second sync: what it asked, and the rows it touched although nothing had changed."""
    versions = {model: _versions(model) for model in (Product, Feature, Test, Bug)}
    ask_sandbox(control_url, "reset", method="POST")
    figures = measured_command("sync", "--json")
    asked = [seen["address"] for seen in ask_sandbox(control_url, "stats?recent=2000")["recent"]]
    spent = SyncPhase.objects.filter(event=_last_run()).exclude(product=None).order_by().values_list("product_id")
    refresh = _refresh_of_unfinished(asked)
    per_product = {product_id: calls - refresh[product_id] for product_id, calls in spent.annotate(Sum("api_calls"))}
    return {
        "calls_per_product": max(per_product.values()),
        "calls_in_all": figures["result"]["api_calls"],
        "calls_to_refresh_unfinished_tests": refresh.total(),
        "rows_updated": sum(len(_versions(model) - before) for model, before in versions.items()),
        "reported_as_updated": {key: figures["result"][key] for key in ("tests_updated", "bugs_updated")},
        "seconds": figures["seconds"],
    }


def _refresh_of_unfinished(addresses: list[str]) -> Counter[int]:
    """Calls by product for single unfinished tests and for their bugs."""
    matches = (re.match(r"/exploratory_tests/(\d+)|/bugs\?filter_test_cycle_ids=(\d+)", each) for each in addresses)
    test_ids = [int(match[1] or match[2]) for match in matches if match]
    tests = Test.objects.filter(pk__in=test_ids).exclude(status__in=FINAL_STATUSES)
    product_of = dict(tests.values_list("pk", "product_id"))
    return Counter(product_of[test_id] for test_id in test_ids if test_id in product_of)


def _versions(model: type[models.Model]) -> set[tuple[int, str]]:
    """Each row with the transaction that wrote it: any update shows, also one that changed nothing.

    A product's row also says when it was synced, so of products the time of their last change is what counts.
    """
    version = sql.Identifier("changed_at" if model is Product else "xmin")
    with connection.cursor() as cursor:
        table = sql.Identifier(model._meta.db_table)
        cursor.execute(sql.SQL("SELECT id, {}::text FROM {}").format(version, table))
        return set(cursor.fetchall())
