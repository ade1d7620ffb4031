"""The explorer's filters: those that are set, adding one by a value as people know it, and values to choose from."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Manager, QuerySet

from reports.metrics import DIMENSIONS, NONE, Dimension, Query, Unanswerable, answer
from reports.metrics.dimensions import Kind
from reports.metrics.query import Value
from reports.metrics.vocabulary import WORDS
from reports.pages.explorer.asked import Asked
from sync import access as visible
from sync.access import Access, seen
from sync.models import Bug, Feature, Person, Section, Test

#: So many values are offered, and a name may mean at most so many records.
MOST = 50

_OF_PRODUCT: dict[str, tuple[Manager[Any], str]] = {
    "section": (Section.objects, "name"),
    "feature": (Feature.objects, "title"),
    "test": (Test.objects, "title"),
    "environment": (Test.objects, "environment_title"),
    "bug": (Bug.objects, "title"),
}
_WORDS: dict[str, tuple[str, ...]] = {**WORDS, "known": ("yes", "no")}


class NoSuchValue(Exception):
    """What was typed means nothing here; the sentence says what to do."""


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is set; ``url`` takes it away."""

    title: str
    text: str
    url: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    value: str
    note: str = ""


def chips(asked: Asked, path: str, access: Access) -> list[Chip]:
    return [
        Chip(DIMENSIONS[name].title, named(name, values, access), asked.filtered(name, ()).url(path))
        for name, values in asked.filters.items()
    ]


def added(asked: Asked, name: str, typed: str, access: Access) -> Asked:
    """With one more value of this dimension. Raises ``NoSuchValue``."""
    dimension = DIMENSIONS.get(name)
    if dimension is None:
        raise NoSuchValue("Choose what to filter by.")
    values = _values(dimension, typed, access)
    together = tuple(dict.fromkeys((*asked.filters.get(name, ()), *values)))
    try:
        Query(("bugs",), filters={name: together})
    except Unanswerable as refusal:
        raise NoSuchValue(str(refusal)) from None
    return asked.filtered(name, together)


def suggestions(asked: Asked, name: str, access: Access) -> list[Suggestion]:
    """Values of this dimension: its words, or those with most bugs among what is asked about now."""
    if name not in DIMENSIONS:
        return []
    if name in _WORDS:
        return [*map(Suggestion, _WORDS[name]), Suggestion(NONE)]
    if not DIMENSIONS[name].groups:
        return []
    try:
        found = answer(asked.filtered(name, ()).query([name], limit=MOST), access)
    except Unanswerable:
        return []
    return [Suggestion(row.cells[0].label) for row in found.rows]


def _values(dimension: Dimension, typed: str, access: Access) -> tuple[Value, ...]:
    if not typed:
        raise NoSuchValue(f"Name the {dimension.title.lower()} to keep.")
    if dimension.kind is not Kind.NUMBER or typed == NONE or typed.isdecimal():
        return (typed,)
    rows, column = _records(dimension.name, access)
    found = list(rows.filter(**{f"{column}__iexact": typed}).values_list(_key(dimension.name), flat=True)[: MOST + 1])
    ids = list(dict.fromkeys(found))
    if not ids:
        raise NoSuchValue(
            f'There is no {dimension.title.lower()} "{typed}". Choose one that is offered, or give an id.'
        )
    if len(found) > MOST:
        raise NoSuchValue(f'"{typed}" means too many of them. Give an id.')
    return tuple(map(str, ids))


def named(name: str, values: tuple[Value, ...], access: Access) -> str:
    """Ids by the names of what the reader may see."""
    names: dict[Any, str] = {}
    ids = [int(value) for value in values if str(value).isascii() and str(value).isdecimal() and len(str(value)) < 19]
    if DIMENSIONS[name].kind is Kind.NUMBER and ids:
        rows, column = _records(name, access)
        key = _key(name)
        names = dict(rows.filter(**{f"{key}__in": ids}).values_list(key, column))
    shown = [names.get(int(value), "") if str(value).isdecimal() and names else "" for value in values]
    texts = [text or str(value).replace("_", " ") for text, value in zip(shown, values, strict=True)]
    return ", ".join(texts[:3]) + (f" and {len(texts) - 3} more" if len(texts) > 3 else "")


def _key(name: str) -> str:
    return "environment_id" if name == "environment" else "pk"


def _records(name: str, access: Access) -> "tuple[QuerySet[Any], str]":
    """What the values of a dimension are, as far as the reader may see them, and where they keep their name."""
    if name == "customer":
        return visible.customers(access).order_by(), "name"
    if name == "product":
        return visible.products(access).order_by(), "name"
    if name in ("tester", "test_creator"):
        return seen(Person.objects.order_by(), access, "customer"), "username"
    manager, column = _OF_PRODUCT[name]
    rows = seen(manager.order_by(), access, "product__customer")
    return (rows.filter(environment_id__isnull=False), column) if name == "environment" else (rows, column)
