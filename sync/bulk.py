"""Many rows at once: COPY straight into the table when all are new, else into a staging table and one merge.

Written in SQL because the ORM has no COPY and its ``bulk_create(update_conflicts=True)`` is five times slower
here and cannot say which rows it inserted, changed or left alone. Values only ever travel as COPY data or
parameters; identifiers come from our own models.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from typing import Any, Protocol, TypeVar
from zlib import crc32

from django.db import IntegrityError, connection, models, transaction
from django.db.transaction import TransactionManagementError
from psycopg import sql
from psycopg.adapt import Dumper

from sync.testio.payloads import JsonText

Row = Sequence[Any]


class Keyed(Protocol):
    """Anything with an id."""

    @property
    def id(self) -> int: ...


Record = TypeVar("Record", bound=Keyed)


@dataclass(slots=True)
class Merged:
    """Keys of the rows a merge inserted and changed, tuples where a key has several columns; equal rows are in neither.

    ``refused`` are those whose existing row the target's guard protects.
    """

    created: set[Any] = field(default_factory=set)
    updated: set[Any] = field(default_factory=set)
    refused: set[Any] = field(default_factory=set)

    @property
    def touched(self) -> set[Any]:
        return self.created | self.updated


@dataclass(frozen=True, slots=True)
class Target:
    """A table to merge into.

    ``compare`` names the columns that decide whether a row changed (default: all but the key), ``guard`` is an
    SQL condition an existing row (alias ``old``) must meet to be changed, ``stamp`` a column set to now() when
    it is.
    """

    model: type[models.Model]
    columns: tuple[str, ...]
    key: tuple[str, ...] = ("id",)
    compare: tuple[str, ...] = ()
    guard: sql.SQL | sql.Composed | None = None
    stamp: str = ""

    @property
    def table(self) -> sql.Identifier:
        return sql.Identifier(self.model._meta.db_table)

    @property
    def staging(self) -> sql.Identifier:
        # The name follows the columns, so a connection that outlives a migration makes itself a new one.
        return sql.Identifier(f"stage_{self.model._meta.db_table}_{crc32(','.join(self.columns).encode()):08x}")


def merge(target: Target, rows: Iterable[Row], *, force: bool = False) -> Merged:
    """Insert new rows, change those that differ (all that exist with ``force``), leave equal ones untouched.

    ``rows`` must hold each key once (see ``latest``). Raises ``TransactionManagementError`` outside a transaction.
    """
    if not connection.in_atomic_block:
        # Staged rows live as long as the transaction: without one they would be gone before they are merged.
        raise TransactionManagementError("A merge needs an open transaction.")
    rows = list(rows)
    if not rows:
        return Merged()
    inserted = _insert_if_all_new(target, rows)
    return _merge_staged(target, rows, force=force) if inserted is None else inserted


def _insert_if_all_new(target: Target, rows: Sequence[Row]) -> Merged | None:
    """Copy straight into the table; None, and nothing done, when a row is stored already.

    That is the rule in a first sync, and costs PostgreSQL a third less than writing each row twice.
    """
    key_of = itemgetter(*(target.columns.index(column) for column in target.key))
    first_key = target.columns.index(target.key[0])
    known = sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE {} = ANY(%s::bigint[]))")
    with connection.cursor() as cursor:
        # As text: psycopg would look at each element of a list to find the type of all.
        ids = ",".join(str(row[first_key]) for row in rows)
        cursor.execute(known.format(target.table, sql.Identifier(target.key[0])), [f"{{{ids}}}"])
        if cursor.fetchone() != (False,):
            return None
    try:
        with transaction.atomic():
            copy_into(target.table, target.columns, rows)
    except IntegrityError:  # another product's writer committed one of them since we looked
        return None
    return Merged(created=set(map(key_of, rows)))


def _merge_staged(target: Target, rows: Sequence[Row], *, force: bool) -> Merged:
    merged = Merged()
    with connection.cursor() as cursor:
        cursor.execute(_create_staging(target))
        copy_into(target.staging, target.columns, rows)
        cursor.execute(_merge_statement(target, force=force))
        for *key, created in cursor.fetchall():
            (merged.created if created else merged.updated).add(_plain(key))
        if target.guard and len(merged.touched) < len(rows):
            cursor.execute(_refused_statement(target, target.guard))
            merged.refused = {_plain(key) for key in cursor.fetchall()} - merged.created
        # Staged rows go at commit; within one transaction the same table may be merged into again.
        cursor.execute(sql.SQL("DELETE FROM {}").format(target.staging))
    return merged


def _plain(key: Sequence[Any]) -> Any:
    return tuple(key) if len(key) > 1 else key[0]


def _refused_statement(target: Target, guard: sql.SQL | sql.Composed) -> sql.Composed:
    return sql.SQL(
        "SELECT {old_key} FROM {staging} AS excluded JOIN {table} AS old USING ({key}) WHERE NOT ({guard})"
    ).format(
        old_key=_names(target.key, "old."),
        staging=target.staging,
        table=target.table,
        key=_names(target.key),
        guard=guard,
    )


def insert(model: type[models.Model], columns: Sequence[str], rows: Iterable[Row]) -> int:
    """COPY rows that cannot conflict straight into their table; how many there were."""
    return copy_into(sql.Identifier(model._meta.db_table), columns, rows)


def copy_into(table: sql.Identifier, columns: Sequence[str], rows: Iterable[Row]) -> int:
    rows = iter(rows)
    first = next(rows, None)
    if first is None:
        return 0
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(table, _names(columns))
    count = 0
    # Django translates the errors of statements, not those of COPY; callers tell a refused value by its kind.
    with connection.wrap_database_errors, connection.cursor() as cursor:
        cursor.adapters.register_dumper(list, _TextsDumper)
        cursor.adapters.register_dumper(JsonText, _JsonTextDumper)
        with cursor.copy(statement) as copy:
            for row in chain((first,), rows):
                copy.write_row(row)
                count += 1
    return count


class _TextsDumper(Dumper):
    """A list of texts as an array. psycopg's own dumper asks every element for its type, which made lists, most of
    them empty, the dearest of all values to copy."""

    def dump(self, obj: list[str]) -> bytes:
        if not obj:
            return b"{}"
        return ('{"' + '","'.join([text.replace("\\", "\\\\").replace('"', '\\"') for text in obj]) + '"}').encode()


class _JsonTextDumper(Dumper):
    """What is JSON in UTF-8 already goes as it is."""

    def dump(self, obj: JsonText) -> bytes:
        return obj


def latest(records: Iterable[Record]) -> list[Record]:
    """One record per id, the last one sent; in id order, so that parallel writers lock rows in one order."""
    by_id = {record.id: record for record in records}
    return [by_id[record_id] for record_id in sorted(by_id)]


def _names(columns: Collection[str], prefix: str = "") -> sql.Composed:
    return sql.SQL(", ").join(sql.SQL(prefix) + sql.Identifier(column) for column in columns)


def _create_staging(target: Target) -> sql.Composed:
    return sql.SQL(
        "CREATE TEMPORARY TABLE IF NOT EXISTS {} ON COMMIT DELETE ROWS AS SELECT {} FROM {} WITH NO DATA"
    ).format(target.staging, _names(target.columns), target.table)


def _merge_statement(target: Target, *, force: bool) -> sql.Composed:
    changeable = [column for column in target.columns if column not in target.key]
    assignments = [sql.SQL("{0} = excluded.{0}").format(sql.Identifier(column)) for column in changeable]
    if target.stamp:
        assignments.append(sql.SQL("{} = now()").format(sql.Identifier(target.stamp)))
    compare = target.compare or tuple(changeable)
    conditions = [
        sql.SQL("TRUE")
        if force
        else sql.SQL("ROW({}) IS DISTINCT FROM ROW({})").format(_names(compare, "old."), _names(compare, "excluded."))
    ]
    if target.guard:
        conditions.append(target.guard)
    return sql.SQL(
        "INSERT INTO {table} AS old ({columns}) SELECT {columns} FROM {staging} ORDER BY {key} "
        "ON CONFLICT ({key}) DO UPDATE SET {assignments} WHERE {conditions} "
        "RETURNING {old_key}, (old.xmax = 0)"
    ).format(
        table=target.table,
        columns=_names(target.columns),
        staging=target.staging,
        key=_names(target.key),
        assignments=sql.SQL(", ").join(assignments),
        conditions=sql.SQL(" AND ").join(conditions),
        old_key=_names(target.key, "old."),
    )
