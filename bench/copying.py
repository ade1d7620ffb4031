"""The limit for storing: the same rows by bare COPY into a temporary table and one merge per table.

The rows are read back first, as Python tuples whose values need as little work as can be: JSON and arrays are
already text. So the limit is the time of the driver and of PostgreSQL alone, with the same indexes and constraints.
"""

import gc
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models, transaction
from psycopg import sql

from sync.models import (
    Bug,
    BugDevice,
    CustomReport,
    Feature,
    Person,
    Product,
    Section,
    Test,
    TestCase,
    TestCaseResult,
    TestFeature,
    TestFreshness,
    TestPlatform,
    UserStory,
)

#: What a test or a bug consists of, owners first.
OF_TESTS: tuple[type[models.Model], ...] = (Test, TestFeature, TestPlatform, TestFreshness)
OF_BUGS: tuple[type[models.Model], ...] = (Bug, BugDevice, CustomReport)
#: Everything a sync stores, owners first.
EVERYTHING: tuple[type[models.Model], ...] = (
    *(Person, Product, Section, Feature, Feature.sections.through, UserStory),
    *OF_TESTS,
    *OF_BUGS,
    *(TestCase, TestCaseResult),
)


@dataclass(frozen=True, slots=True)
class Table:
    """A table's rows, without the columns the database fills in by itself (times of storing, words for the search)."""

    name: sql.Identifier
    key: sql.Identifier
    columns: sql.Composed
    changeable: tuple[sql.Identifier, ...]
    rows: list[tuple[Any, ...]]


def read_back(tables: Iterable[type[models.Model]]) -> list[Table]:
    return [_read_table(model) for model in tables]


def seconds_to_copy(tables: Iterable[Table]) -> float:
    """Empty these tables, then fill them again, each with its own commit; only the filling counts."""
    tables = list(tables)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("TRUNCATE {} CASCADE").format(sql.SQL(", ").join(table.name for table in tables)))
        cursor.execute("CHECKPOINT")
    with _no_collector():
        started = time.perf_counter()
        for table in tables:
            _fill(table)
        return time.perf_counter() - started


def _read_table(model: type[models.Model]) -> Table:
    fields = [
        field
        for field in model._meta.concrete_fields
        if field.db_default is models.NOT_PROVIDED and not field.generated
    ]
    name, key = sql.Identifier(model._meta.db_table), sql.Identifier(model._meta.pk.attname)
    names = [sql.Identifier(field.attname) for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT {} FROM {} ORDER BY {}").format(sql.SQL(", ").join(map(_as_copied, fields)), name, key)
        )
        rows = cursor.fetchall()
    return Table(
        name=name,
        key=key,
        columns=sql.SQL(", ").join(names),
        changeable=tuple(column for column in names if column != key),
        rows=rows,
    )


def _as_copied(field: "models.Field[Any, Any]") -> sql.Composable:
    column = sql.Identifier(field.attname)  # none of our models renames a column
    return sql.SQL("{}::text").format(column) if isinstance(field, (ArrayField, models.JSONField)) else column


def _fill(table: Table) -> None:
    parts = {"table": table.name, "key": table.key, "columns": table.columns, "stage": sql.Identifier("bench_stage")}
    changes = sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(column) for column in table.changeable)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "CREATE TEMPORARY TABLE {stage} ON COMMIT DROP AS SELECT {columns} FROM {table} WITH NO DATA"
            ).format(**parts)
        )
        with cursor.copy(sql.SQL("COPY {stage} ({columns}) FROM STDIN").format(**parts)) as copy:
            for row in table.rows:
                copy.write_row(row)
        cursor.execute(
            sql.SQL(
                "INSERT INTO {table} ({columns}) SELECT {columns} FROM {stage} "
                "ON CONFLICT ({key}) DO UPDATE SET {changes}"
            ).format(**parts, changes=changes)
        )


@contextmanager
def _no_collector() -> Iterator[None]:
    """The rows are kept to be copied again, and a collector looking through them would slow the limit down."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
