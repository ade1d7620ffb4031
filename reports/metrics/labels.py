"""What the groups are called: names for ids, words as people see them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

from django.db.models import Max, Q, QuerySet

from reports.metrics.dimensions import NONE, Dimension, Kind
from sync.dates import name_of_period, period_of
from sync.models import Customer, Feature, Person, Product, Section, Test

#: What a group's value is told by: a word, an id, a flag; None for none.
Key: TypeAlias = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Cell:
    """One value a row is grouped by: what to filter by to get the same again, and what to show.

    Periods have their ``first`` and ``last`` day.
    """

    key: Key
    label: str
    first: date | None = None
    last: date | None = None


def cells(dimension: Dimension, values: Iterable[Any]) -> dict[Any, Cell]:
    """A cell for each of the values as the database gives them."""
    present = {value for value in values if value is not None and value != ""}
    none = Cell(None, NONE)
    return {None: none, "": none, **_CELLS[dimension.kind](dimension, present)}


def _words(_: Dimension, values: set[Any]) -> dict[Any, Cell]:
    return {value: Cell(value, value) for value in values}


def _flags(_: Dimension, values: set[Any]) -> dict[Any, Cell]:
    return {value: Cell(value, "known" if value else "not known") for value in values}


def _periods(dimension: Dimension, values: set[date]) -> dict[Any, Cell]:
    found = {}
    for value in values:
        period = period_of(dimension.path, value)
        name = name_of_period(dimension.path, period.first)
        found[value] = Cell(name, name, period.first, period.last)
    return found


def _numbers(dimension: Dimension, values: set[int]) -> dict[Any, Cell]:
    names = _named(dimension.name, values) if values else {}
    return {value: Cell(value, names.get(value) or str(value)) for value in values}


def everything_named(dimension: Dimension) -> dict[int, Cell]:
    """A cell for each id there is."""
    return {value: Cell(value, name or str(value)) for value, name in _named(dimension.name).items()}


def _named(name: str, ids: Iterable[int] | None = None) -> dict[int, str]:
    """The names of these ids (None: of all)."""
    if name == "environment":
        tests = Test.objects.filter(Q(environment_id__isnull=False) if ids is None else Q(environment_id__in=ids))
        return dict(tests.order_by().values_list("environment_id").annotate(title=Max("environment_title")))
    every, column = NAMED[name]
    rows = every() if ids is None else every().filter(pk__in=ids)
    return dict(rows.order_by().values_list("pk", column))


def places(dimension: Dimension, column: Mapping[Any, Cell]) -> dict[Any, int]:
    """Of each value, where it stands among the others: by time, name or word; what has no value comes last.

    Tests stand in the order they were set up in: many are called the same, and there are as many names as tests.
    """
    ordered = sorted(set(column.values()), key=lambda cell: (cell.key is None, *_place(dimension, cell)))
    place_of = {cell: place for place, cell in enumerate(ordered)}
    return {value: place_of[cell] for value, cell in column.items()}


def _place(dimension: Dimension, cell: Cell) -> tuple[Any, ...]:
    if cell.key is None or dimension.name == "test":
        return (cell.key,)
    if dimension.kind is Kind.PERIOD:
        return (cell.first,)
    if dimension.kind is Kind.WORD:
        return (cell.key,)
    return (cell.label.casefold(), str(cell.key))


#: Where what a dimension's ids are of is kept, and the column of its name; environments are kept with their tests.
NAMED: dict[str, tuple[Callable[[], "QuerySet[Any, Any]"], str]] = {
    "customer": (Customer.objects.all, "name"),
    "product": (Product.objects.all, "name"),
    "section": (Section.objects.all, "name"),
    "feature": (Feature.objects.all, "title"),
    "tester": (Person.objects.all, "username"),
    "test_creator": (Person.objects.all, "username"),
    "test": (Test.objects.all, "title"),
}

_CELLS: dict[Kind, Callable[[Dimension, set[Any]], dict[Any, Cell]]] = {
    Kind.WORD: _words,
    Kind.NAME: _words,
    Kind.FLAG: _flags,
    Kind.PERIOD: _periods,
    Kind.NUMBER: _numbers,
}
