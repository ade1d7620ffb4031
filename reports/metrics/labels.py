"""What the groups are called: names for ids, words as people see them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

from django.db.models import Max, QuerySet

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


def _named(name: str, ids: set[int]) -> dict[int, str]:
    if name == "environment":
        titled = Test.objects.filter(environment_id__in=ids).order_by().values_list("environment_id")
        return dict(titled.annotate(title=Max("environment_title")))
    rows, column = _NAMES[name]
    return dict(rows().filter(pk__in=ids).order_by().values_list("pk", column))


_NAMES: dict[str, tuple[Callable[[], "QuerySet[Any, Any]"], str]] = {
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
