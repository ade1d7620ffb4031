"""A report's parameters as a form, made from their types; and back, from what an address has."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.http import QueryDict

from reports.catalogue import BadParameters, Report
from sync import access as visible
from sync import wording
from sync.access import Access

#: More products than these are not offered one by one: their ids are typed.
MOST_OFFERED = 300
_DAYS = ("last month", "this month", "last quarter", "this quarter", "last 30 days", "last 90 days", "YTD")
#: Stored words that people see another word for, which is offered instead.
_SEEN_AS = {
    stored: shown
    for stored, shown in (
        *((word, wording.shown_bug_status(word)) for word in wording.BUG_STATUSES),
        *((word, wording.shown_testing_type(word)) for word in wording.TESTING_TYPES if word),
    )
    if stored != shown
}
_RANKS = {"period": 0, "customer": 1, "product_id": 2, "since": 3, "until": 4}


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    text: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter. ``kind``: choice, several (of ``options``), text, number, lines, or json."""

    name: str
    label: str
    kind: str = "text"
    value: str = ""
    options: Sequence[Option] = ()
    suggestions: Sequence[str] = ()
    hint: str = ""
    placeholder: str = ""
    fault: str = ""
    any: str = "Any"

    @property
    def chosen(self) -> str:
        return ", ".join(option.text for option in self.options if option.is_chosen)


def fields(report: Report, given: Mapping[str, Any], faults: Mapping[str, str], access: Access) -> list[Field]:
    """``given`` are the values to show: as a saved report or an address has them."""
    schema = report.schema()
    definitions = schema.get("$defs", {})
    properties: Mapping[str, Any] = schema.get("properties", {})
    made = [
        _field(name, _resolved(property_, definitions), given.get(name), faults.get(name, ""), access)
        for name, property_ in properties.items()
    ]
    return sorted(made, key=lambda field: _RANKS.get(field.name, 10))


def given(report: Report, query: QueryDict) -> dict[str, Any]:
    """The parameters in an address, as ``Report.read`` takes them: what is empty is not there.

    Raises ``BadParameters``.
    """
    schema = report.schema()
    definitions = schema.get("$defs", {})
    found: dict[str, Any] = {}
    for name, property_ in schema.get("properties", {}).items():
        texts = [text.replace("\0", "").strip() for text in query.getlist(name)]
        if texts := [text for text in texts if text]:
            found[name] = _value(name, _resolved(property_, definitions), texts)
    return found


def _value(name: str, property_: Mapping[str, Any], texts: list[str]) -> Any:
    kind = property_.get("type")
    if kind == "array":
        return [part for text in texts for part in _parts(text, property_.get("items", {}))]
    if kind == "object":
        try:
            return json.loads(texts[-1])
        except ValueError:
            raise BadParameters({name: "it has to be a JSON document"}) from None
    return texts[-1]


def _parts(text: str, item: Mapping[str, Any]) -> list[Any]:
    """A line holds one text, or several words or numbers."""
    if item.get("type") == "object":
        try:
            return [json.loads(text)]
        except ValueError:
            return [text]
    lines = text.splitlines()
    is_free = item.get("type") == "string" and "enum" not in item
    return [part.strip() for line in lines for part in ([line] if is_free else line.split(",")) if part.strip()]


def _resolved(property_: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """The type itself, without "or null" and without going by another name."""
    found = dict(property_)
    if "$ref" in found:
        found = {**definitions.get(str(found["$ref"]).rpartition("/")[2], {}), **found}
    choices = [each for each in found.get("anyOf", ()) if each.get("type") != "null"]
    if choices:
        found = {**_resolved(choices[0], definitions), **{key: found[key] for key in found if key != "anyOf"}}
    if isinstance(found.get("items"), dict):
        found["items"] = _resolved(found["items"], definitions)
    return found


def _field(name: str, property_: Mapping[str, Any], value: Any, fault: str, access: Access) -> Field:
    label, hint = _label(name), str(property_.get("description", "")).replace("`", "")
    shown = property_.get("default") if value is None else value
    field = Field(name, label, hint=hint, fault=fault)
    if name == "customer":
        names = visible.customers(access).order_by("name").values_list("name", flat=True)
        return replace(field, kind="choice", options=_options([(each, each) for each in names], shown), any="All")
    if name == "product_id" and (products := _products(access)):
        return replace(field, kind="several", options=_options(products, shown))
    return _typed(field, property_, shown)


def _typed(field: Field, property_: Mapping[str, Any], shown: Any) -> Field:
    words = [w for w in property_.get("enum") or property_.get("items", {}).get("enum") or () if w not in _SEEN_AS]
    examples = [str(each) for each in property_.get("examples", ())]
    match property_.get("type"):
        case "boolean":
            return replace(field, kind="choice", options=_options([("true", "yes"), ("false", "no")], shown))
        case "array" if words:
            return replace(field, kind="several", options=_options([(w, _spaced(w)) for w in words], shown))
        case "array":
            is_number = property_.get("items", {}).get("type") == "integer"
            text = (", " if is_number else "\n").join(map(_text, shown or ()))
            return replace(field, kind="text" if is_number else "lines", value=text, placeholder=_of(is_number))
        case "object":
            return replace(field, kind="json", value=json.dumps(shown) if shown else "", placeholder="{}")
        case "integer" | "number":
            return replace(field, kind="number", value="" if shown is None else str(shown))
    if words:
        return replace(field, kind="choice", options=_options([(w, _spaced(w)) for w in words], shown), any="Usual")
    suggestions = _DAYS if field.name == "period" else examples
    placeholder = examples[0] if examples else ""
    return replace(field, kind="text", value=_text(shown), suggestions=suggestions, placeholder=placeholder)


def _of(is_number: bool) -> str:
    return "Ids, with commas between" if is_number else "One per line"


def _options(known: Sequence[tuple[Any, str]], shown: Any) -> list[Option]:
    texts = {_text(each) for each in (shown if isinstance(shown, list | tuple) else [shown])}
    chosen = texts | {_SEEN_AS[text] for text in texts if text in _SEEN_AS}
    return [Option(_text(value), text, _text(value) in chosen) for value, text in known]


def _products(access: Access) -> list[tuple[Any, str]]:
    rows = visible.products(access).filter(missing_since=None).order_by("name", "pk")
    found = list(rows.values_list("pk", "name")[: MOST_OFFERED + 1])
    return [(pk, name or f"Product {pk}") for pk, name in found] if len(found) <= MOST_OFFERED else []


def _label(name: str) -> str:
    return {"product_id": "Products", "test_id": "Tests", "feature_id": "Features"}.get(
        name, name.replace("_", " ").capitalize()
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def _spaced(word: str) -> str:
    if word.startswith("-"):
        return f"{_spaced(word[1:])}, descending"
    return word.replace("_", " ")


def pairs(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Parameters as they stand in an address."""
    for name, value in values.items():
        if isinstance(value, list):
            yield from ((name, _text(each)) for each in value)
        elif value is not None:
            yield name, _text(value)
