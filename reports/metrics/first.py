"""Which groups come first, said to the database, so that it sends no more of them than are kept.

A question may have a hundred thousand groups, and its answer a thousand rows. ``answer`` puts whatever was sent in the
same order; both take the places of names from ``labels``.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from psycopg.sql import SQL, Composable, Identifier

from reports.metrics.dimensions import Dimension, Kind
from reports.metrics.facts import KEYS
from reports.metrics.labels import everything_named, places
from reports.metrics.measures import Measure, Unit
from reports.metrics.query import Query

#: SQL, and the values that go with it.
Clause: TypeAlias = tuple[Composable, tuple[Any, ...]]


def first(query: Query, numbers: Mapping[str, Composable]) -> Clause | None:
    """``ORDER BY`` and ``LIMIT`` over rows with ``KEYS`` and the numbers of measures; None: all rows are sent.

    So they are where there cannot be many, and by what repeats (``Dimension.repeats``): such groups are told apart only
    afterwards.
    """
    if query.limit is None or not query.has_many_groups or any(each.repeats for each in query.grouped):
        return None
    wanted, descending = query.order
    columns = [_figure(each, numbers, descending) for each in query.asked if each.name == wanted]
    values: list[Any] = []
    # The first of them decides, as where ``answer`` sorts by places first and then, without changing those, by figures.
    for name in sorted(query.dimensions, key=lambda name: name != wanted):
        number = query.dimensions.index(name)
        column, own = _place(query.grouped[number], Identifier(KEYS[number]))
        columns.append(SQL("{} DESC NULLS LAST").format(column) if name == wanted and descending else column)
        values += own
    clause = SQL(" ORDER BY {} LIMIT %s").format(SQL(", ").join(columns))
    return clause, (*values, query.limit)


def _figure(measure: Measure, numbers: Mapping[str, Composable], descending: bool) -> Composable:
    """What ``Measure.value`` computes; what is not known comes last in both directions."""
    figure = _sum(measure.part, numbers)
    if measure.whole:
        figure = SQL("({})::float8 / NULLIF({}, 0)::float8").format(figure, _sum(measure.whole, numbers))
    elif measure.unit is not Unit.COUNT:
        figure = SQL("{}::float8").format(figure)
    return SQL("{} {} NULLS LAST").format(figure, SQL("DESC" if descending else "ASC"))


def _sum(names: tuple[str, ...], numbers: Mapping[str, Composable]) -> Composable:
    return SQL(" + ").join(numbers[name] for name in names)


def _place(dimension: Dimension, key: Composable) -> Clause:
    """What orders values as ``labels.places`` does."""
    if dimension.kind is Kind.PERIOD or dimension.name == "test":
        return key, ()
    if dimension.kind is Kind.WORD:
        return SQL("NULLIF({}, '') COLLATE \"C\"").format(key), ()
    if dimension.kind is Kind.FLAG:
        return SQL("NOT {}").format(key), ()
    place_of = places(dimension, everything_named(dimension))
    ids = sorted(place_of)
    # By halving a list that is in order: a join with the names would lose the order of the rows, or hash them.
    place = SQL("(%s::integer[])[width_bucket({}::bigint, %s::bigint[])]").format(key)
    return place, ([place_of[number] for number in ids], ids)
