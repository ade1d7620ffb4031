"""What the tests of the pipeline, the commands and the stress runs share."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from django.apps import apps
from django.db import connection, models, transaction
from psycopg import sql

from sync import store
from sync.models import (
    Bug,
    BugDevice,
    Customer,
    CustomReport,
    Feature,
    Person,
    Product,
    Section,
    SyncEvent,
    SyncLease,
    Test,
    TestCase,
    TestCaseResult,
    TestFeature,
    TestFreshness,
    TestPlatform,
    UserStory,
)
from sync.pipeline import SyncOptions, sync_customer
from sync.sandbox import SandboxServer, World
from testio_site.environment import BASE_DIR

#: Rows that mirror what TestIO has.
CONTENT = (
    Product,
    Section,
    Feature,
    UserStory,
    Test,
    TestFeature,
    TestPlatform,
    Bug,
    BugDevice,
    CustomReport,
    TestCase,
    TestCaseResult,
)

# What differs between two syncs of the same world: our own times and numbers.
_OUR_OWN = {
    "first_seen_at", "changed_at", "next_sync_at", "next_full_sync_at", "claimed_at", "settled_at", "failures",
    "last_outcome", "last_error", "walked_at", "walked_since",
}  # fmt: skip


def world_of(tests: int = 40, products: int = 2, bugs_per_test: float = 3, **options: Any) -> World:
    """A small world whose dates lead up to this moment, so that nothing depends on the time of day."""
    return World(tests, products, bugs_per_test, now=datetime.now(UTC), **options)


def make_customer(sandbox: SandboxServer, name: str = "acme", **fields: Any) -> Customer:
    customer = Customer(name=name, api_base_url=sandbox.base_url, **fields)
    customer.set_token(sandbox.token)
    customer.save()
    return customer


def sync(customer: Customer, **options: Any) -> SyncEvent:
    """One run in this process, over real HTTP. Product ids may come in any collection."""
    options["product_ids"] = frozenset(options.get("product_ids", ()))
    return sync_customer(customer, SyncOptions(**options))


def warnings_of(event: SyncEvent) -> list[str]:
    return [sentence for phase in event.phases.order_by("pk") for sentence in phase.warnings]


def calls(sandbox: SandboxServer, do: Callable[[], object]) -> dict[str, int]:
    """How many calls of which kind the sandbox got while something was done."""
    sandbox.stats.reset()
    do()
    return dict(sandbox.stats.by_kind)


def read_later(test_ids: Iterable[int] | None = None) -> None:
    """Make the bugs of these tests (all) look as if they had been read long ago."""
    freshness = TestFreshness.objects.exclude(bugs_synced_at=None)
    if test_ids is not None:
        freshness = freshness.filter(pk__in=list(test_ids))
    freshness.update(bugs_synced_at=datetime(2020, 1, 1, tzinfo=UTC))


def forget_everything(customer: Customer) -> None:
    """As if the customer had never been synced."""
    with transaction.atomic():
        for product_id in customer.products.values_list("pk", flat=True):
            store.empty_product(product_id)
        customer.products.all().delete()
        customer.people.all().delete()
        customer.sync_events.all().delete()


def free_leases() -> bool:
    return not SyncLease.objects.exclude(holder=None).exists()


# Comparing databases --------------------------------------------------------------------------------------------------


def versions(*tables: type[models.Model]) -> dict[str, dict[Any, int]]:
    """The transaction that last wrote each row, by table and key."""
    return {model.__name__: _versions(model) for model in tables}


def _versions(model: type[models.Model]) -> dict[Any, int]:
    statement = sql.SQL("SELECT {}, xmin::text::bigint FROM {}")
    with connection.cursor() as cursor:
        cursor.execute(
            statement.format(sql.Identifier(str(model._meta.pk.column)), sql.Identifier(model._meta.db_table))
        )
        return dict(cursor.fetchall())


def tables_with(text: str) -> list[str]:
    """The tables that have this text anywhere in any row."""
    names = [model._meta.db_table for model in apps.get_models(include_auto_created=True)]
    statement = sql.SQL("SELECT EXISTS (SELECT FROM {} AS row WHERE strpos(row::text, %s) > 0)")
    with connection.cursor() as cursor:
        found = []
        for name in names:
            cursor.execute(statement.format(sql.Identifier(name)), [text])
            found += [name] if cursor.fetchone() == (True,) else []
        return found


def content(customer: Customer) -> dict[str, list[str]]:
    """Everything synced for a customer, as sorted lines that two equal databases have in common."""
    people = {person.pk: f"{person.kind} {person.username}" for person in Person.objects.filter(customer=customer)}
    found = {model.__name__: sorted(_lines(model, customer, people)) for model in CONTENT}
    links = Feature.sections.through.objects.filter(feature__product__customer=customer)
    found["FeatureSection"] = sorted(
        f"{feature} {section}" for feature, section in links.values_list("feature", "section")
    )
    return found


def _lines(model: type[models.Model], customer: Customer, people: dict[int, str]) -> Iterable[str]:
    serial = isinstance(model._meta.pk, models.AutoField)
    names = [
        field.attname
        for field in model._meta.concrete_fields
        if field.name not in _OUR_OWN and not field.name.endswith("_synced_at") and not (serial and field.primary_key)
    ]
    rows: Iterable[dict[str, Any]] = (
        models.QuerySet(model).filter(**{_path_to_customer(model): customer}).values(*names)
    )
    for row in rows:
        if "missing_since" in row:
            row["missing_since"] = row["missing_since"] is not None
        for name in ("author_id", "created_by_id", "submitted_by_id"):
            if name in row:
                row[name] = people.get(row[name])
        if "fingerprint" in row:
            row["fingerprint"] = bytes(row["fingerprint"]).hex()
        row.pop("customer_id", None)
        yield orjson.dumps(row, option=orjson.OPT_SORT_KEYS).decode()


def _path_to_customer(model: type[models.Model]) -> str:
    fields = {field.name for field in model._meta.concrete_fields}
    if "customer" in fields:
        return "customer"
    if "product" in fields:
        return "product__customer"
    owner = next(name for name in ("test", "feature", "bug") if name in fields)
    return f"{owner}__product__customer"


# Programs -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command came to."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """The one document on standard output; anything beside it fails."""
        return orjson.loads(self.stdout)


def start(database_url: str, *argv: str, **variables: str) -> "subprocess.Popen[str]":
    """`manage.py` as a process of its own, on the test's database."""
    return subprocess.Popen(
        [sys.executable, str(BASE_DIR / "manage.py"), *argv],
        env=os.environ | {"DATABASE_URL": database_url, "PYTHONUNBUFFERED": "1"} | variables,
        cwd=BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: "subprocess.Popen[str]", stdin: str = "", timeout: float = 120) -> Outcome:
    """Wait for its end; a process that does not end is killed and fails the test."""
    try:
        stdout, stderr = process.communicate(stdin, timeout=timeout)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    return Outcome(process.returncode, stdout, stderr)


def kill_after(
    sandbox: SandboxServer, database_url: str, calls: int, *argv: str, delay: float = 0, **variables: str
) -> Outcome:
    """Run a command and end it by SIGKILL ``delay`` seconds after its so-many-th call reached the sandbox."""

    def kill(_: object) -> None:
        time.sleep(delay)
        process.kill()

    sandbox.stats.reset()
    sandbox.faults.clear()
    process = start(database_url, *argv, **variables)
    sandbox.faults.before_request(calls, kill)
    return finish(process)


def wait_until(condition: Callable[[], bool], what: str, timeout: float = 60) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout:.0f} s in vain for {what}")
        time.sleep(0.01)
