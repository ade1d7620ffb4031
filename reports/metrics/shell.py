"""The shell of SQL around the ORM's queries: groups of what was grouped, or made different, before.

The ORM writes every row's conditions and values. What it has no word for is counting over a query of its own (its
aggregates of different things sort all rows instead, which takes three times as long), so that this is written here,
without a name or a value that is not ours.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet
from psycopg.sql import SQL, Composed, Identifier

from reports.metrics.dimensions import Subject
from reports.metrics.facts import KEYS
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
            _add(found, _filled(key, places, member), numbers)
    return found


def _filled(key: Raw, places: Sequence[int], member: Member) -> Raw:
    own = dict(zip(places, member, strict=True))
    return tuple(own.get(place, value) for place, value in enumerate(key))


def _add(groups: Groups, key: Raw, numbers: Mapping[str, Any]) -> None:
    known = groups.setdefault(key, dict.fromkeys(numbers, 0))
    for name, number in numbers.items():
        known[name] += number


def different_records(
    query: Query, sets: Sets, parts: list[Rows], columns: tuple[str, ...], sums: Mapping[str, str]
) -> Numbers:
    """Sums over each group's different records, and over all different records together.

    ``counted`` says which record a row is about, and ``columns`` follow from that.
    """
    keys = KEYS[: len(query.dimensions)]
    selected = (*keys, "counted", *columns)
    statements = [sql for part in parts if (sql := statement_of(part.values_list(*selected)))]
    if not statements:
        return Numbers(total=dict.fromkeys(sums, 0))
    facts, values = _different_rows(sets, statements, selected)
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
    for is_total, *cells in fetch(shell.format(**parts_of_shell), values):
        numbers = dict(zip(sums, cells[len(keys) :], strict=True))
        if is_total:
            found.total = numbers
        else:
            found.groups[tuple(cells[: len(keys)])] = numbers
    return found


def _different_rows(sets: Sets, statements: list[Statement], selected: tuple[str, ...]) -> tuple[Composed, list[Any]]:
    """The rows of all statements, none of them twice; with values where there are numbers of sets."""
    values = [value for _, own in statements for value in own]
    rows = SQL(" UNION ").join(SQL(sql) for sql, _ in statements)  # which leaves no row twice
    if len(statements) == 1:
        rows = SQL("SELECT DISTINCT * FROM ({}) AS each").format(rows)
    if not sets.subjects:
        return rows, values
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


def groups_of_tests(query: Query, rows: Rows, columns: tuple[str, ...], sums: Mapping[str, str]) -> Numbers:
    """Sums over the different tests of each group (``counted``); a test's rows differ already if there are columns.

    Tests and their bugs are read in one order, so that finding what differs is a matter of looking at one test.
    """
    keys = KEYS[: len(query.dimensions)]
    statement = statement_of(rows)
    if statement is None:
        return Numbers()
    shell = SQL("SELECT {keys}, {figures} FROM ({facts}) AS facts ({selected}) GROUP BY {keys}").format(
        keys=identifiers(keys),
        figures=SQL(", ").join(map(SQL, sums.values())),
        facts=SQL(statement[0]) if columns else _different_of_each_test(statement, keys),
        selected=identifiers((*keys, "counted", *columns)),
    )
    with _little_memory():
        rows_found = fetch(shell, list(statement[1]))
    return Numbers({row[: len(keys)]: dict(zip(sums, row[len(keys) :], strict=True)) for row in rows_found})


def _different_of_each_test(statement: Statement, keys: Sequence[str]) -> Composed:
    return SQL("SELECT DISTINCT ON ({order}) {selected} FROM ({rows}) AS rows ({selected}) ORDER BY {order}").format(
        order=identifiers(("counted", *keys)), selected=identifiers((*keys, "counted")), rows=SQL(statement[0])
    )


@contextmanager
def _little_memory() -> Iterator[None]:
    """PostgreSQL sorts what is nearly in order instead of putting all of it into one table: that takes a third less."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW work_mem")
        (before,) = cursor.fetchone() or ("4MB",)
        cursor.execute("SET LOCAL work_mem = '4MB'")
        yield
        cursor.execute(SQL("SET LOCAL work_mem = {}").format(before))


def tests_by_devices(query: Query, sets: Sets, rows: Rows) -> Numbers:
    """How many tests there are in each group, where devices are among what is grouped by.

    A test's devices are those of its bugs: a string of bits, one for each value there is, and few different strings.
    """
    places, values = sets.places(Subject.DEVICE), sets.values(Subject.DEVICE)
    members = sorted({member for some in values.values() for member in some})
    bits = {member: 1 << place for place, member in enumerate(members)}
    masks = [f"{sum(bits[member] for member in some):0{len(members)}b}" for some in values.values()]
    keys = KEYS[: len(query.dimensions)]
    others = [key for place, key in enumerate(keys) if place not in places]
    statement = statement_of(rows.values_list(*keys, "counted"))
    if statement is None:
        return Numbers()
    shell = _TESTS_BY_BITS.format(
        rows=SQL(statement[0]),
        selected=identifiers((*keys, "counted")),
        number=Identifier(keys[places[0]]),
        others=SQL("").join(SQL("{}, ").format(Identifier(key)) for key in others),
    )
    found = Numbers()
    for *cells, mask, tests in fetch(shell, [*statement[1], list(values), masks]):
        own = dict(zip(others, cells, strict=True))
        key = tuple(own.get(name) for name in keys)
        for place, bit in enumerate(reversed(mask)):
            if bit == "1":
                _add(found.groups, _filled(key, places, members[place]), {"tests": tests})
    return found


_TESTS_BY_BITS = SQL(
    "SELECT {others}mask, count(*) FROM ("
    "SELECT {others}counted, bit_or(bits) AS mask FROM ({rows}) AS rows ({selected}) "
    "JOIN unnest(%s::bigint[], %s::varbit[]) AS sets (number, bits) ON number = {number} GROUP BY {others}counted"
    ") AS tests GROUP BY {others}mask"
)


_FACTS = "WITH facts ({selected}) AS MATERIALIZED ({facts}) "
_OVERALL = "SELECT TRUE, {empty}{figures} FROM (SELECT DISTINCT {record} FROM facts) AS each"
_TOTAL = SQL(_FACTS + _OVERALL)
_GROUPS = "SELECT FALSE, {named}{figures} FROM facts GROUP BY {keys} UNION ALL "
_GROUPS_AND_TOTAL = SQL(_FACTS + _GROUPS + _OVERALL)


def identifiers(columns: Iterable[str]) -> Composed:
    return SQL(", ").join(map(Identifier, columns))


def statement_of(rows: Rows) -> Statement | None:
    """What the ORM would send; None where it knows that nothing can be found."""
    try:
        written: Statement = rows.query.get_compiler(connection=connection).as_sql()
    except EmptyResultSet:
        return None
    return written


def fetch(sql: Composed, values: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found
