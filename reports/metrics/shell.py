"""The shell of SQL around the ORM's queries: groups of what was grouped, or made different, before.

The ORM writes every row's conditions and values. What it has no word for is counting over a query of its own (its
aggregates of different things sort all rows instead, which takes three times as long), so that this is written here,
without a name or a value that is not ours.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet
from psycopg.sql import SQL, Composed, Identifier

from reports.metrics.facts import KEYS
from reports.metrics.query import Query

#: The values of a group as the database gives them.
Raw: TypeAlias = tuple[Any, ...]
Rows: TypeAlias = "QuerySet[Any, Any]"


@dataclass(slots=True)
class Numbers:
    """The numbers by group, and of all groups together, where each record counts once."""

    groups: dict[Raw, dict[str, Any]] = field(default_factory=dict)
    total: dict[str, Any] = field(default_factory=dict)

    def add(self, other: "Numbers") -> None:
        for key, numbers in other.groups.items():
            self.groups.setdefault(key, {}).update(numbers)
        self.total |= other.total


def different_records(query: Query, parts: list[Rows], columns: tuple[str, ...], sums: Mapping[str, str]) -> Numbers:
    """Sums over each group's different records, and over all different records together.

    ``counted`` says which record a row is about, and ``columns`` follow from that.
    """
    keys = KEYS[: len(query.dimensions)]
    selected = (*keys, "counted", *columns)
    statements = [sql for part in parts if (sql := statement_of(part.values_list(*selected)))]
    if not statements:
        return Numbers(total=dict.fromkeys(sums, 0))
    facts = SQL(" UNION ").join(SQL(sql) for sql, _ in statements)  # which leaves no row twice
    if len(statements) == 1:
        facts = SQL("SELECT DISTINCT * FROM ({}) AS each").format(facts)
    parts_of_shell = {
        "facts": facts,
        "selected": identifiers(selected),
        "record": identifiers(("counted", *columns)),
        "keys": identifiers(keys),
        "named": SQL("").join(SQL("{}, ").format(Identifier(key)) for key in keys),
        "empty": SQL("NULL, ") * len(keys),
        "figures": SQL(", ").join(map(SQL, sums.values())),
    }
    shell = _GROUPS_AND_TOTAL if keys else _TOTAL
    found = Numbers()
    for is_total, *cells in fetch(
        shell.format(**parts_of_shell), [value for _, values in statements for value in values]
    ):
        numbers = dict(zip(sums, cells[len(keys) :], strict=True))
        if is_total:
            found.total = numbers
        else:
            found.groups[tuple(cells[: len(keys)])] = numbers
    return found


def groups_of(query: Query, rows: Rows, columns: tuple[str, ...], sums: Mapping[str, str]) -> Numbers:
    """Sums over the rows of each group, which differ already."""
    keys = KEYS[: len(query.dimensions)]
    statement = statement_of(rows)
    if statement is None:
        return Numbers()
    shell = SQL("SELECT {keys}, {figures} FROM ({facts}) AS facts ({selected}) GROUP BY {keys}").format(
        keys=identifiers(keys),
        figures=SQL(", ").join(map(SQL, sums.values())),
        facts=SQL(statement[0]),
        selected=identifiers((*keys, "counted", *columns)),
    )
    rows_found = fetch(shell, list(statement[1]))
    return Numbers({row[: len(keys)]: dict(zip(sums, row[len(keys) :], strict=True)) for row in rows_found})


_FACTS = "WITH facts ({selected}) AS MATERIALIZED ({facts}) "
_OVERALL = "SELECT TRUE, {empty}{figures} FROM (SELECT DISTINCT {record} FROM facts) AS each"
_TOTAL = SQL(_FACTS + _OVERALL)
_GROUPS = "SELECT FALSE, {named}{figures} FROM facts GROUP BY {keys} UNION ALL "
_GROUPS_AND_TOTAL = SQL(_FACTS + _GROUPS + _OVERALL)


def identifiers(columns: Iterable[str]) -> Composed:
    return SQL(", ").join(map(Identifier, columns))


def statement_of(rows: Rows) -> tuple[str, tuple[Any, ...]] | None:
    """What the ORM would send; None where it knows that nothing can be found."""
    try:
        written: tuple[str, tuple[Any, ...]] = rows.query.get_compiler(connection=connection).as_sql()
    except EmptyResultSet:
        return None
    return written


def fetch(sql: Composed, values: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found
