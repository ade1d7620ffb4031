"""Records that a question to the cube names by number, and whether they are there for whoever asks."""

from typing import Any

from reports.metrics import NONE, Query
from sync.access import Access, seen
from sync.models import Bug, Customer, Feature, Product, Section, Test
from sync.testio.payloads.reading import BIGINT_MAX

_NAMED: dict[str, tuple[type[Any], str]] = {
    "customer": (Customer, "pk"),
    "product": (Product, "customer"),
    "section": (Section, "product__customer"),
    "feature": (Feature, "product__customer"),
    "test": (Test, "product__customer"),
    "bug": (Bug, "product__customer"),
}


def missing(query: Query, access: Access) -> tuple[str, int] | None:
    """The first that is not there: its dimension and number."""
    for dimension, (model, customer) in _NAMED.items():
        if dimension not in query.filters:
            continue
        wanted = ids(query, dimension)
        visible = seen(model.objects.filter(pk__in=wanted), access, customer).values_list("pk", flat=True)
        if gone := sorted(wanted - set(visible)):
            return dimension, gone[0]
    return None


def ids(query: Query, dimension: str) -> set[int]:
    """Those a filter names; the question was refused if one of its values were none."""
    found = {int(value) for value in query.filters.get(dimension, ()) if value != NONE}
    return {pk for pk in found if pk <= BIGINT_MAX}
