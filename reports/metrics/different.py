"""How many different records each group has: tests, testers or features, or the reports that have a number.

A group's records are made different first and counted then. Where a row's values are numbers, they are packed into one
(``packing``): PostgreSQL sorts a column of numbers several times faster than it sorts, or hashes, rows.
"""

from collections.abc import Mapping
from typing import Any

from psycopg.sql import SQL, Composed

from reports.metrics.facts import KEYS
from reports.metrics.packing import Packing
from reports.metrics.plans import HASHED, planned
from reports.metrics.query import Query
from reports.metrics.sets import Sets
from reports.metrics.shell import (
    Numbers,
    Overall,
    Statement,
    appended,
    fetch,
    grouped,
    identifiers,
    members_joined,
    read,
)

#: What has been made different before.
FACTS: Statement = ("SELECT * FROM facts", ())


def different_numbers(
    query: Query, packing: Packing, parts: list[Statement], name: str, *, total: int | None = None
) -> Numbers:
    """How many different ``counted`` there are in each group, and in all together (``total``, where that is known).

    Each part selects the keys and ``counted``; NULL counts as nothing, but has its group.
    """
    rows = packing.different(appended(parts))
    if total is None:
        overall = Overall(("packed",), rows, packing.overall())
        return read(query, packing.groups(FACTS), (name,), overall=overall)
    found = read(query, packing.groups(rows), (name,))
    found.total = {name: total}
    return found


def different_records(
    query: Query,
    sets: Sets,
    parts: list[Statement],
    columns: tuple[str, ...],
    figures: Mapping[str, str],
    *,
    total: int | None = None,
) -> Numbers:
    """Figures over each group's different records, and over all different records together.

    Each part selects the keys, ``counted``, which says what record a row is about, and ``columns``, which follow from
    that.
    """
    keys = KEYS[: len(query.dimensions)]
    rows, values = _different_rows(sets, parts, (*keys, "counted", *columns))
    facts: Statement = (rows.as_string(), tuple(values))
    record = identifiers(("counted", *columns))
    overall = SQL("SELECT {} FROM (SELECT DISTINCT {} FROM facts) AS each").format(
        SQL(", ").join(map(SQL, figures.values())), record
    )
    with planned(HASHED if sets.subjects else {}):
        if not keys:
            return _overall(facts, record, overall, figures)
        if total is None:
            given = Overall((*keys, "counted", *columns), facts, overall.as_string())
            groups = grouped(query, FACTS, ("counted", *columns), figures.values())
            return read(query, groups, tuple(figures), overall=given)
        found = read(query, grouped(query, facts, ("counted", *columns), figures.values()), tuple(figures))
    found.total = dict.fromkeys(figures, total)
    return found


def _overall(facts: Statement, record: Composed, overall: Composed, figures: Mapping[str, str]) -> Numbers:
    shell = SQL("WITH facts ({}) AS ({}) {}").format(record, SQL(facts[0]), overall)
    (numbers,) = fetch(shell, facts[1])
    return Numbers(total=dict(zip(figures, numbers, strict=True)))


def _different_rows(sets: Sets, parts: list[Statement], selected: tuple[str, ...]) -> tuple[Composed, list[Any]]:
    """The rows of all parts, none of them twice; with values where there are numbers of sets."""
    sql, own = appended(parts)
    values = list(own)
    if not sets.subjects:
        # UNION would do the same with a table for as many rows as it reads, which is slow to fill.
        return SQL("SELECT DISTINCT * FROM ({}) AS each").format(SQL(sql)), values
    joins, sources, members = members_joined(sets, "rows", selected)
    # Made different before they are joined: few sets are many rows, and more with what is in them.
    shell = SQL("SELECT DISTINCT {} FROM (SELECT DISTINCT * FROM ({}) AS each) AS rows ({})").format(
        SQL(", ").join(sources[name] for name in selected), SQL(sql), identifiers(selected)
    )
    return shell + joins, [*values, *members]
