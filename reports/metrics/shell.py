"""The shell of SQL around the ORM's queries: groups of what was grouped, or made different, before.

The ORM writes every row's conditions and values. What it has no word for is counting over a query of its own (its
aggregates of different things sort all rows instead, which takes three times as long), so that this is written here,
without a name or a value that is not ours.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet
from psycopg.sql import SQL, Composable, Composed, Identifier

from reports.metrics.dimensions import Subject
from reports.metrics.facts import KEYS
from reports.metrics.plans import HASHED, planned
from reports.metrics.query import Query
from reports.metrics.sets import COLUMNS, Member, Sets

#: The values of a group as the database gives them.
Raw: TypeAlias = tuple[Any, ...]
Rows: TypeAlias = "QuerySet[Any, Any]"
Groups: TypeAlias = dict[Raw, dict[str, Any]]
#: What the ORM would send, and the values that go with it.
Statement: TypeAlias = tuple[str, tuple[Any, ...]]


@dataclass(slots=True)
class Numbers:
    """The numbers by group, and of all groups together, where each record counts once."""

    groups: dict[Raw, dict[str, Any]] = field(default_factory=dict)
    total: dict[str, Any] = field(default_factory=dict)

    def add(self, other: "Numbers") -> None:
        if not self.groups:
            self.groups = other.groups
        else:
            for key, numbers in other.groups.items():
                self.groups.setdefault(key, {}).update(numbers)
        self.total |= other.total


def spread(groups: Groups, sets: Sets, subject: Subject) -> Groups:
    """Sums by sets of devices (platforms) into sums by each of those in them; as they are without such."""
    places = sets.places(subject)
    if not places:
        return groups
    values = sets.values(subject)
    found: Groups = {}
    for key, numbers in groups.items():
        for member in values[key[places[0]]]:
            add(found, filled(key, places, member), numbers)
    return found


def filled(key: Raw, places: Sequence[int], member: Member) -> Raw:
    """The key with a member's values in these places."""
    cells = list(key)
    for place, value in zip(places, member, strict=True):
        cells[place] = value
    return tuple(cells)


def add(groups: Groups, key: Raw, numbers: Mapping[str, Any]) -> None:
    """To what the group has already."""
    known = groups.get(key)
    if known is None:
        groups[key] = dict(numbers)
        return
    for name, number in numbers.items():
        known[name] += number


def different_records(
    query: Query, sets: Sets, parts: list[Statement], columns: tuple[str, ...], sums: Mapping[str, str]
) -> Numbers:
    """Sums over each group's different records, and over all different records together.

    Each part selects the keys, ``counted``, which says what record a row is about, and ``columns``, which follow from
    that.
    """
    keys = KEYS[: len(query.dimensions)]
    selected = (*keys, "counted", *columns)
    if not parts:
        return Numbers(total=dict.fromkeys(sums, 0))
    facts, values = _different_rows(sets, parts, selected)
    parts_of_shell = {
        "facts": facts,
        "selected": identifiers(selected),
        "record": identifiers(("counted", *columns)),
        "keys": identifiers(keys),
        "named": SQL("").join(SQL("{}, ").format(Identifier(key)) for key in keys),
        "empty": SQL("NULL, ") * len(keys),
        "figures": SQL(", ").join(map(SQL, sums.values())),
    }
    shell = SQL(_FACTS + (_GROUPS if keys else "") + _OVERALL)
    found = Numbers()
    with planned(HASHED if sets.subjects else {}):
        rows = fetch(shell.format(**parts_of_shell), values)
    for is_total, *cells in rows:
        numbers = dict(zip(sums, cells[len(keys) :], strict=True))
        if is_total:
            found.total = numbers
        else:
            found.groups[tuple(cells[: len(keys)])] = numbers
    return found


def _different_rows(sets: Sets, statements: list[Statement], selected: tuple[str, ...]) -> tuple[Composed, list[Any]]:
    """The rows of all statements, none of them twice; with values where there are numbers of sets."""
    values = [value for _, own in statements for value in own]
    rows = SQL(" UNION ALL ").join(SQL(sql) for sql, _ in statements)
    if not sets.subjects:
        # UNION would do the same with a table for as many rows as it reads, which is slow to fill.
        return SQL("SELECT DISTINCT * FROM ({}) AS each").format(rows), values
    sources = {name: Identifier("rows", name) for name in selected}
    joins = SQL("").format()
    for subject in sets.subjects:
        places, members = sets.places(subject), _table(sets.values(subject))
        table, names = COLUMNS[subject], [KEYS[place] for place in places]
        joins += SQL(" JOIN unnest(%s::bigint[]{}) AS {} (number, {}) ON {} = {}").format(
            SQL(", %s::text[]") * len(names),
            Identifier(table),
            identifiers(names),
            Identifier(table, "number"),
            sources[names[0]],
        )
        sources |= {name: Identifier(table, name) for name in names}
        values += members
    shell = SQL("SELECT DISTINCT {} FROM ({}) AS rows ({})").format(
        SQL(", ").join(sources[name] for name in selected), rows, identifiers(selected)
    )
    return shell + joins, values


def _table(values: Mapping[int, list[Member]]) -> list[list[Any]]:
    """The numbers of sets, and the values of their members, column by column."""
    rows = [(number, *member) for number, members in values.items() for member in members]
    return [list(column) for column in zip(*rows, strict=True)]


def grouped(query: Query, rows: Statement, columns: Sequence[str], sums: Mapping[str, str]) -> Numbers:
    """Sums over the rows of each group; they have the keys and ``columns``. Without a total."""
    keys = KEYS[: len(query.dimensions)]
    shell = SQL("SELECT {keys}, {figures} FROM ({rows}) AS facts ({selected}) GROUP BY {keys}").format(
        keys=identifiers(keys),
        figures=SQL(", ").join(map(SQL, sums.values())),
        rows=SQL(rows[0]),
        selected=identifiers((*keys, *columns)),
    )
    found = fetch(shell, list(rows[1]))
    return Numbers({row[: len(keys)]: dict(zip(sums, row[len(keys) :], strict=True)) for row in found})


def different(query: Query, rows: Statement) -> Statement:
    """The keys and ``counted`` of the rows, each once: one test after the other, if they are read in this order."""
    keys = KEYS[: len(query.dimensions)]
    shell = SQL("SELECT DISTINCT ON ({order}) {selected} FROM ({rows}) AS rows ({selected}) ORDER BY {order}").format(
        order=identifiers(("counted", *keys)), selected=identifiers((*keys, "counted")), rows=SQL(rows[0])
    )
    return shell.as_string(), rows[1]


def merged(query: Query, parts: list[Statement], names: Sequence[str]) -> Statement:
    """The keys, ``counted`` and the sums of ``names`` over the rows of all parts, which have the same columns."""
    keys = (*KEYS[: len(query.dimensions)], "counted")
    sums = [SQL("sum({}::integer)").format(Identifier(name)) for name in names]  # of bigint it would be numeric, slow
    rows, values = in_order(query, parts, names)
    shell = SQL("SELECT {selected} FROM ({rows}) AS rows ({columns}) GROUP BY {keys}").format(
        selected=SQL(", ").join([identifiers(keys), *sums]),
        rows=SQL(rows),
        columns=identifiers((*keys, *names)),
        keys=identifiers(keys),
    )
    return shell.as_string(), values


def in_order(query: Query, parts: list[Statement], names: Sequence[str] = ()) -> Statement:
    """The rows of all parts, one test after the other. Each part is nearly so, and is put in order by itself."""
    keys = KEYS[: len(query.dimensions)]
    places = {"columns": identifiers((*keys, "counted", *names)), "order": identifiers(("counted", *keys))}
    ordered = SQL("(SELECT * FROM ({rows}) AS rows ({columns}) ORDER BY {order} OFFSET 0)")
    shell = SQL("SELECT * FROM ({rows}) AS parts ORDER BY {order} OFFSET 0").format(
        rows=SQL(" UNION ALL ").join(ordered.format(rows=SQL(sql), **places) for sql, _ in parts), **places
    )
    return shell.as_string(), tuple(value for _, own in parts for value in own)


_FACTS = "WITH facts ({selected}) AS ({facts}) "
_GROUPS = "SELECT FALSE, {named}{figures} FROM facts GROUP BY {keys} UNION ALL "
_OVERALL = "SELECT TRUE, {empty}{figures} FROM (SELECT DISTINCT {record} FROM facts) AS each"


def identifiers(columns: Iterable[str]) -> Composed:
    return SQL(", ").join(map(Identifier, columns))


def statement_of(rows: Rows) -> Statement | None:
    """What the ORM would send; None where it knows that nothing can be found."""
    try:
        written: Statement = rows.query.get_compiler(connection=connection).as_sql()
    except EmptyResultSet:
        return None
    return written


def fetch(sql: Composable, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found
