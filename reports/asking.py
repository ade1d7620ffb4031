"""Questions to the metrics cube out of named parameters, so that a refusal names the one to change."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from reports.catalogue import BadParameters
from reports.metrics import Query, Unanswerable


class Given(NamedTuple):
    """What somebody gave as ``parameter``, and which ``part`` of a question it is."""

    parameter: str
    part: str
    value: Any


def asked(make: Callable[..., Query], given: Iterable[Given]) -> Query:
    """The question, made part by part. Raises ``BadParameters`` for the first that makes no sense with those before it,
    so the measures come first, and filters last: looking up words that nobody knows costs a statement."""
    parts: dict[str, Any] = {}
    for each in given:
        parts[each.part] = each.value
        try:
            query = make(**parts)
        except Unanswerable as error:
            raise BadParameters({each.parameter: str(error)}) from None
    return query
