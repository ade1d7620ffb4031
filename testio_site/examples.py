"""Examples for the API's document: of every answer, every parameter and every problem, made from what is written there.

A field's own example is the best; where it has none, its first word or a plain value of its kind stands in.
"""

from collections.abc import Mapping
from typing import Any

from testio_site import problems
from testio_site.problems import Kind

Json = dict[str, Any]

_PLAIN: dict[str, Any] = {"integer": 3, "number": 0.5, "boolean": False, "string": "text", "null": None}
_OF_FORMATS = {
    "date-time": "2026-03-01T12:00:00Z",
    "date": "2026-03-01",
    "date-phrase": "last week",
    "uuid": "01234567-89ab-4def-8123-456789abcdef",
}
#: Deep enough for every document; a schema that contains itself ends there.
_DEEPEST = 8


def add_examples(schema: Json) -> None:
    """To a whole OpenAPI document, in place."""
    components = schema["components"]["schemas"]
    kinds = _kinds()
    for address, methods in schema["paths"].items():
        for operation in methods.values():
            for parameter in operation["parameters"]:
                parameter.setdefault("example", example_of(parameter["schema"], components))
            for status, response in operation["responses"].items():
                _of_response(str(status), response, components, kinds, address)


def example_of(schema: Mapping[str, Any], components: Mapping[str, Any], depth: int = 0) -> Any:
    """A value of this schema."""
    for name in ("example", "const", "default"):
        if schema.get(name) not in (None, [], {}):
            return schema[name]
    if schema.get("examples"):
        return schema["examples"][0]
    if depth > _DEEPEST:
        return None
    for combined in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(combined, ()):
            if part.get("type") != "null":
                return example_of(part, components, depth + 1)
    if "$ref" in schema:
        return example_of(components[schema["$ref"].rpartition("/")[2]], components, depth + 1)
    return _by_shape(schema, components, depth)


def _by_shape(schema: Mapping[str, Any], components: Mapping[str, Any], depth: int) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object" if "properties" in schema:
            return {name: example_of(each, components, depth + 1) for name, each in schema["properties"].items()}
        case "object":
            return {"name": example_of(extra, components, depth + 1)} if (extra := _extra(schema)) else {}
        case "array":
            return [example_of(schema["items"], components, depth + 1)] if schema.get("items") else []
        case "string" if schema.get("format") in _OF_FORMATS:
            return _OF_FORMATS[schema["format"]]
        case kind:
            return _plain(schema, str(kind))


def _extra(schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
    extra = schema.get("additionalProperties")
    return extra if isinstance(extra, dict) else None


def _plain(schema: Mapping[str, Any], kind: str) -> Any:
    value = _PLAIN.get(kind)
    if kind in ("integer", "number"):
        return max(value, schema.get("minimum", value), schema.get("exclusiveMinimum", 0) + 1)
    return value


# Problems -------------------------------------------------------------------------------------------------------------


def _kinds() -> dict[str, Kind]:
    """The first kind of problem of each status."""
    found: dict[str, Kind] = {}
    for kind in vars(problems).values():
        if isinstance(kind, Kind):
            found.setdefault(str(kind.status), kind)
    return found


def _of_response(
    status: str, response: Json, components: Mapping[str, Any], kinds: Mapping[str, Kind], address: str
) -> None:
    for media_type, content in response.get("content", {}).items():
        if media_type == problems.MEDIA_TYPE:
            # The contents are shared by all operations, and examples are not.
            response["content"] = {media_type: content | {"example": _problem(kinds[status], address)}}
            return
        if "schema" in content:
            content.setdefault("example", example_of(content["schema"], components))


def _problem(kind: Kind, address: str) -> Json:
    return {
        "type": f"/problems/{kind.name}",
        "title": kind.title,
        "status": kind.status,
        "detail": "What happened, why, and what to do next.",
        "instance": address,
        "request_id": _OF_FORMATS["uuid"],
    }
