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
from django.db.models import F, QuerySet
from psycopg.sql import SQL, Composable, Composed, Identifier

from reports.metrics.dimensions import Kind, Subject
from reports.metrics.facts import KEYS, Facts
from reports.metrics.first import first
from reports.metrics.query import Query
from reports.metrics.sets import COLUMNS, Member, Sets
from reports.metrics.values import NOTHING

#: The values of a group as the database gives them.
Raw: TypeAlias = tuple[Any, ...]
Rows: TypeAlias = "QuerySet[Any, Any]"
Groups: TypeAlias = dict[Raw, dict[str, Any]]
#: What the ORM would send, and the values that go with it.
Statement: TypeAlias = tuple[str, tuple[Any, ...]]


@dataclass(slots=True)
class Numbers:
    """The numbers by group, and of all groups together, where each record counts once.

    ``count``: how many groups there are, where only the first of them are here.
    """

    groups: Groups = field(default_factory=dict)
    total: dict[str, Any] = field(default_factory=dict)
    count: int | None = None

    @classmethod
    def nothing(cls, names: Iterable[str]) -> "Numbers":
        """Without a group, and 0 in all."""
        return cls(total=dict.fromkeys(names, 0))

    def add(self, other: "Numbers") -> None:
        """Both with all their groups."""
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


# -- groups read


def read(
    query: Query,
    groups: Statement,
    names: Sequence[str],
    *,
    overall: "Overall | None" = None,
    sets: Sets | None = None,
) -> Numbers:
    """``groups`` selects the keys and a number for each of ``names``. Only the first groups, if no more are kept.

    The total is the sum of all groups, whether kept or not, or, where records are in several of them, ``overall``.
    With ``sets`` what was grouped by sets is grouped by what is in them.
    """
    keys = KEYS[: len(query.dimensions)]
    columns = [f"number{place}" for place in range(len(names))]
    clause, places = first(query, dict(zip(names, map(Identifier, columns), strict=True))) or (None, ())
    wanted, members = SQL("{} FROM groups").format(identifiers((*keys, *columns))), list[Any]()
    if sets is not None and sets.subjects:
        wanted, members = _by_members(sets, keys, columns)
    shell = SQL(_SUMS if overall is None else _OVERALL).format(
        wanted=wanted,
        facts=SQL("") if overall is None else overall.facts,
        groups=SQL(groups[0]),
        columns=identifiers((*keys, *columns)),
        first=clause or SQL(""),
        no_keys=SQL("NULL, ") * len(keys),
        no_numbers=SQL(", ").join([SQL("NULL")] * len(columns)),
        sums=SQL(", ").join(SQL("COALESCE(sum({}), 0)::bigint").format(Identifier(column)) for column in columns),
        overall=SQL("") if overall is None else SQL(overall.figures),
    )
    found = Numbers()
    values = [*(overall.rows[1] if overall else ()), *groups[1], *members, *places]
    for kind, count, *cells in fetch(shell, values):
        own = dict(zip(names, cells[len(keys) :], strict=True))
        if kind == "group":
            found.groups[tuple(cells[: len(keys)])] = own
        elif kind == "total":
            found.total = own
        if count is not None and clause is not None:
            found.count = count
    return found


@dataclass(frozen=True, slots=True)
class Overall:
    """The figures of all records together: a query of ``facts``, which are ``rows`` with these ``columns``."""

    columns: Sequence[str]
    rows: Statement
    figures: str

    @property
    def facts(self) -> Composed:
        return SQL("facts ({}) AS ({}), ").format(identifiers(self.columns), SQL(self.rows[0]))


def _by_members(sets: Sets, keys: Sequence[str], columns: Sequence[str]) -> tuple[Composed, list[Any]]:
    joins, sources, values = members_joined(sets, "groups", (*keys, *columns))
    shown = SQL(", ").join(sources[key] for key in keys)
    sums = SQL(", ").join(SQL("sum({})::bigint").format(sources[column]) for column in columns)
    return SQL("{}, {} FROM groups{} GROUP BY {}").format(shown, sums, joins, shown), values


def members_joined(
    sets: Sets, table: str, columns: Iterable[str]
) -> tuple[Composed, dict[str, Composable], list[list[Any]]]:
    """What joins a table with the members of its rows' sets, where each column is then, and the values that go with it.

    A row is there for each member that the filters keep.
    """
    sources: dict[str, Composable] = {name: Identifier(table, name) for name in columns}
    joins, values = SQL("").format(), list[list[Any]]()
    for subject in sets.subjects:
        names = [KEYS[place] for place in sets.places(subject)]
        of_sets = COLUMNS[subject]
        joins += SQL(" JOIN unnest(%s::bigint[]{}) AS {} (number, {}) ON {} = {}").format(
            SQL(", %s::text[]") * len(names),
            Identifier(of_sets),
            identifiers(names),
            Identifier(of_sets, "number"),
            sources[names[0]],
        )
        sources |= {name: Identifier(of_sets, name) for name in names}
        rows = [(number, *member) for number, members in sets.values(subject).items() for member in members]
        values += [[row[place] for row in rows] for place in range(1 + len(names))]
    return joins, sources, values


_SUMS = (
    "WITH groups ({columns}) AS MATERIALIZED ({groups}) "
    "(SELECT 'group', NULL::bigint, {wanted}{first}) UNION ALL "
    "SELECT 'total', count(*), {no_keys}{sums} FROM groups"
)
_OVERALL = (
    "WITH {facts}groups ({columns}) AS MATERIALIZED ({groups}) "
    "(SELECT 'group', NULL::bigint, {wanted}{first}) UNION ALL "
    "SELECT 'count', count(*), {no_keys}{no_numbers} FROM groups UNION ALL "
    "SELECT 'total', NULL, {no_keys}overall.* FROM ({overall}) AS overall"
)


# -- statements


def grouped(query: Query, rows: Statement, columns: Sequence[str], figures: Iterable[str]) -> Statement:
    """The keys of each group and aggregates over its rows; these have the keys and ``columns``."""
    keys = KEYS[: len(query.dimensions)]
    shell = SQL("SELECT {keys}, {figures} FROM ({rows}) AS facts ({selected}) GROUP BY {keys}").format(
        keys=identifiers(keys),
        figures=SQL(", ").join(map(SQL, figures)),
        rows=SQL(rows[0]),
        selected=identifiers((*keys, *columns)),
    )
    return shell.as_string(), rows[1]


def appended(parts: Iterable[Statement]) -> Statement:
    """The rows of all parts."""
    given = list(parts)
    return " UNION ALL ".join(sql for sql, _ in given), tuple(value for _, own in given for value in own)


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


def in_order(
    query: Query, parts: list[Statement], names: Sequence[str] = (), *, by: Sequence[str] | None = None
) -> Statement:
    """The rows of all parts, one test after the other, and ``by`` these keys (None: all).

    Each part is nearly so, and is put in order by itself.
    """
    keys = KEYS[: len(query.dimensions)]
    order = ("counted", *(keys if by is None else by))
    places = {"columns": identifiers((*keys, "counted", *names)), "order": identifiers(order)}
    ordered = SQL("(SELECT * FROM ({rows}) AS rows ({columns}) ORDER BY {order} OFFSET 0)")
    shell = SQL("SELECT * FROM ({rows}) AS parts ORDER BY {order} OFFSET 0").format(
        rows=SQL(" UNION ALL ").join(ordered.format(rows=SQL(sql), **places) for sql, _ in parts), **places
    )
    return shell.as_string(), tuple(value for _, own in parts for value in own)


def identifiers(columns: Iterable[str]) -> Composed:
    return SQL(", ").join(map(Identifier, columns))


def selected(query: Query, rows: Rows, counted: str, names: Iterable[str] = ()) -> Statement | None:
    """The keys, what is ``counted``, and ``names``, of these rows."""
    keys = KEYS[: len(query.dimensions)]
    return statement_of(rows.annotate(counted=F(counted)).values_list(*keys, "counted", *names))


def empty_groups(query: Query, facts: Facts, *columns: str) -> list[Statement | None]:
    """As ``selected``: nothing to count in the group of each test, where those are listed."""
    if not facts.lists_empty_groups:
        return []
    return [selected(query, facts.tests().annotate(nothing=NOTHING[Kind.NUMBER]), "nothing", columns)]


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
