"""The metrics cube as a report, so that a question can be saved, scheduled, and written to a file."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any, Literal

from django.utils import timezone
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from reports import asking, metrics, references
from reports.asking import Given
from reports.builtin.scope import OfDays
from reports.catalogue import BadParameters, NotThere, Report
from reports.documents import Document
from reports.limits import limits_of_answer
from reports.metrics import DIMENSIONS, MOST_DIMENSIONS, Query, Range
from reports.metrics_document import document
from sync.access import Access
from sync.api import params

_PAIR = r"^[a-z_]+=[^\u0000]+$"


def _pair(text: str) -> str:
    if not re.search(_PAIR, text):
        raise ValueError(f'write it as DIMENSION=VALUE, like severity=high, not "{text}"')
    return text


#: ``severity=high``: a dimension and one value of it.
Kept = Annotated[
    str,
    Field(max_length=300),
    AfterValidator(_pair),
    WithJsonSchema({"type": "string", "pattern": _PAIR, "maxLength": 300}),
]


def _named(given: Any) -> Any:
    """["severity=high", "low"] → ["severity=high", "severity=low"]: what names no dimension is of the one before."""
    if not isinstance(given, list):
        return given
    named: list[Any] = []
    for each in given:
        is_bare = isinstance(each, str) and "=" not in each and named and isinstance(named[-1], str)
        named.append(f"{named[-1].partition('=')[0]}={each}" if is_bare else each)
    return named


class MetricsParameters(OfDays):
    """The days are those the tests ended on, or the bugs were reported on: ``dated_by``."""

    measure: params.Texts = Field(["tests", "bugs"], min_length=1, description="What to count: bugs, rejection, …")
    dimension: params.Texts = Field([], max_length=MOST_DIMENSIONS, description="What to group by: product, month, …")
    keep: Annotated[list[Kept], BeforeValidator(_named), Field(max_length=params.MOST_VALUES)] = Field(
        [], description="Only these values of a dimension, like severity=high; several of one dimension add up."
    )
    dated_by: Literal["end_at", "reported_at"] = Field(
        "end_at", description="What the days and months are about: the end of a test, or the report of a bug."
    )
    compare: bool = Field(False, description="Also the days before, as many; needs both ends of them.")
    sort: str = Field("", max_length=256, description="A measure or dimension asked for; - before it is descending.")
    limit: int | None = Field(None, ge=1, description="At most so many rows; totals count all.")

    def check(self, access: Access) -> None:
        query = replace(self.query(access), filters=self._kept())
        if missing := references.missing(query, access):
            raise NotThere({"keep": f"there is no {missing[0]} {missing[1]}"})

    def query(self, access: Access) -> Query:
        """Raises ``BadParameters``."""
        return asking.asked(Query, self._given(access))

    def _given(self, access: Access) -> Iterator[Given]:
        yield Given("measure", "measures", tuple(self.measure))
        yield Given("dimension", "dimensions", tuple(self.dimension))
        yield Given("since", "range", Range(*self.days))
        yield Given("dated_by", "dated_by", self.dated_by)
        yield Given("compare", "compare", self.compare)
        yield Given("sort", "sort", self.sort)
        yield Given("limit", "limit", self.limit)
        yield Given("keep", "filters", self._filters(access))

    def _filters(self, access: Access) -> dict[str, tuple[str | int, ...]]:
        kept, products = self._kept(), self.product_ids(access)
        if products is None:
            return kept
        if "product" in kept:
            raise BadParameters({"keep": "name products in product_id, or keep some of them, not both"})
        return {**kept, "product": tuple(products) or (0,)}  # of a customer without products, none: none is number 0

    def _kept(self) -> dict[str, tuple[str | int, ...]]:
        kept: dict[str, list[str | int]] = defaultdict(list)
        for each in self.keep:
            name, _, value = each.partition("=")
            kept[name].append(value)
        return {name: tuple(values) for name, values in kept.items()}


def run(access: Access, asked: MetricsParameters) -> Document:
    query = asked.query(access)
    measures = ", ".join(measure.title for measure in query.asked)
    by = " and ".join(dimension.title.lower() for dimension in query.grouped)
    title = f"{measures} by {by}" if by else measures
    return document(metrics.answer(query, access), title, timezone.now(), limits_of_answer(query, access))


REPORT = Report(
    "metrics",
    "Metrics",
    "Any measures of tests and bugs, grouped by up to three dimensions. Dimensions: " + ", ".join(DIMENSIONS) + ".",
    MetricsParameters,
    "sync.view_bug",
    run,
    ("metrics", "pivot", "figures"),
)
