"""The metrics cube as a report, so that a question can be saved, scheduled, and written to a file."""

from collections import defaultdict
from dataclasses import replace
from typing import Annotated, Literal

from django.utils import timezone
from pydantic import Field, StringConstraints

from reports import metrics, references
from reports.builtin.scope import Days, OfProducts, limits
from reports.catalogue import BadParameters, NotThere, Report
from reports.documents import Document
from reports.metrics import DIMENSIONS, MOST_DIMENSIONS, Query, Range, Unanswerable
from reports.metrics_document import document
from sync.access import Access
from sync.api import params

#: ``severity=high``: a dimension and one value of it.
Kept = Annotated[str, StringConstraints(pattern=r"^[a-z_]+=[^\u0000]+$", max_length=300)]


class MetricsParameters(OfProducts):
    measure: params.Texts = Field(["tests", "bugs"], min_length=1, description="What to count: bugs, rejection, …")
    dimension: params.Texts = Field([], max_length=MOST_DIMENSIONS, description="What to group by: product, month, …")
    keep: Annotated[list[Kept], Field(max_length=params.MOST_VALUES)] = Field(
        [], description="Only these values of a dimension, like severity=high; several of one dimension add up."
    )
    period: Days | None = Field(None, description="Only this period, such as `last month`, `2025-Q1`, `last 30 days`.")
    dated_by: Literal["end_at", "reported_at"] = Field(
        "end_at", description="What the period and months are about: the end of a test, or the report of a bug."
    )
    compare: bool = Field(False, description="Also the period before, of the same length.")
    sort: str = Field("", max_length=256, description="A measure or dimension asked for; - before it is descending.")
    limit: int | None = Field(None, ge=1, description="At most so many rows; totals count all.")

    def check(self, access: Access) -> None:
        if missing := references.missing(self.query(access), access):
            raise NotThere({"keep": f"there is no {missing[0]} {missing[1]}"})

    def query(self, access: Access) -> Query:
        """Raises ``BadParameters``."""
        try:
            return Query(
                tuple(self.measure),
                tuple(self.dimension),
                self._filters(access),
                Range(self.period.first, self.period.last) if self.period else Range(),
                self.dated_by,
                self.compare,
                self.sort,
                self.limit,
            )
        except Unanswerable as error:
            raise BadParameters({"measure": str(error)}) from None

    def _filters(self, access: Access) -> dict[str, tuple[str | int, ...]]:
        kept: dict[str, list[str | int]] = defaultdict(list)
        for each in self.keep:
            name, _, value = each.partition("=")
            kept[name].append(value)
        if self.product_id or self.customer:
            if "product" in kept:
                raise BadParameters({"keep": "name products in product_id, or keep some of them, not both"})
            # Of a customer without products, none: no product has the number 0.
            kept["product"] = [*self.products(access).values_list("pk", flat=True)] or [0]
        return {name: tuple(values) for name, values in kept.items()}


def run(access: Access, asked: MetricsParameters) -> Document:
    query = asked.query(access)
    notes, as_of = limits(asked.products(access), "tests", "bugs")
    measures = ", ".join(measure.title for measure in query.asked)
    by = " and ".join(dimension.title.lower() for dimension in query.grouped)
    title = f"{measures} by {by}" if by else measures
    shown = document(metrics.answer(query, access), title, timezone.now(), data_as_of=as_of)
    return replace(shown, notes=[*shown.notes, *notes])


REPORT = Report(
    "metrics",
    "Metrics",
    "Any measures of tests and bugs, grouped by up to three dimensions. Dimensions: " + ", ".join(DIMENSIONS) + ".",
    MetricsParameters,
    "sync.view_bug",
    run,
    ("metrics", "pivot", "figures"),
)
