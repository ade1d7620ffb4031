"""Questions to the metrics cube, and its answers."""

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Literal, TypeAlias

from ninja import Field, Schema
from pydantic import AfterValidator, ConfigDict, StrictBool, StrictInt, WithJsonSchema

from reports.metrics import DIMENSIONS, MEASURES, MOST_DIMENSIONS, REPORT_MEASURES, measure_named
from sync.api.params import Text
from sync.schemas.common import Aged, Document


def _dimension(name: str) -> str:
    if name not in DIMENSIONS:
        raise ValueError(f"There is no dimension {name}. Known are {', '.join(DIMENSIONS)}.")
    return name


def _measure(name: str) -> str:
    if measure_named(name) is None:
        raise ValueError(f"There is no measure {name}. GET /api/v1/analytics/capabilities lists those there are.")
    return name


def _words(words: Iterable[str]) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "enum": list(words)})


_REPORT_MEASURE = {"type": "string", "pattern": f"^({'|'.join(REPORT_MEASURES)}):.", "maxLength": 255}
_MEASURES = {"anyOf": [{"type": "string", "enum": list(MEASURES)}, _REPORT_MEASURE]}

DimensionName = Annotated[Text, AfterValidator(_dimension), _words(DIMENSIONS)]
GroupingName = Annotated[
    Text, AfterValidator(_dimension), _words(each.name for each in DIMENSIONS.values() if each.groups)
]
MeasureName = Annotated[Text, AfterValidator(_measure), WithJsonSchema(_MEASURES)]
FilterValue = StrictBool | StrictInt | Text
_EXAMPLES = ["last quarter", "2026-03", "2026-03-31"]
Phrase = Annotated[
    str, Field(max_length=60), WithJsonSchema({"type": "string", "format": "date-phrase", "examples": _EXAMPLES})
]


class AnalyticsQuestion(Schema):
    model_config = ConfigDict(extra="forbid")

    measures: list[MeasureName] = Field(min_length=1, max_length=20, examples=[["bugs", "rejection"]])
    dimensions: list[GroupingName] = Field([], max_length=MOST_DIMENSIONS, examples=[["product", "month"]])
    filters: dict[DimensionName, Annotated[list[FilterValue], Field(min_length=1, max_length=1_000)]] = Field(
        {},
        max_length=len(DIMENSIONS),
        description=(
            "The values to keep, by dimension: words as people see them or as TestIO stores them, ids, periods such as "
            '`2026-03`, and `(none)`. Without `test_status` only executed tests count; `["any"]` counts all. '
            "Words may be in any case, or as a row's key has them. A word of a closed vocabulary that is neither known "
            "nor in any record is refused."
        ),
        examples=[{"product": [12], "severity": ["high", "critical"]}],
    )
    since: Phrase | None = Field(None, description="The range begins with the first day (UTC) of this.")
    until: Phrase | None = Field(None, description="The range ends with the last day (UTC) of this.")
    dated_by: Literal["end_at", "reported_at"] = Field(
        "end_at", description="What the range, weeks, months, quarters and years are about: test's end or bug's report."
    )
    compare: StrictBool = Field(False, description="Also the period before; needs `since` and `until`.")
    sort: str = Field("", max_length=256, description="A measure or dimension asked for; `-` means descending.")
    limit: int = Field(1_000, ge=1, le=10_000, description="How many rows to answer with at most. Totals count all.")


class AnalyticsCell(Document):
    """One value a row is grouped by."""

    dimension: str
    key: str | int | bool | None = Field(description="What to filter by to get the same again; null for `(none)`.")
    label: str
    first_day: date | None = Field(description="Of a week, month, quarter or year.")
    last_day: date | None


#: A count stays the whole number it is; of ``float`` alone pydantic would make 5.0.
Figures: TypeAlias = dict[str, int | float | None]


class AnalyticsRow(Document):
    cells: list[AnalyticsCell]
    values: Figures = Field(description="By measure: counts are integers; null where there is nothing to say.")
    previous: Figures | None = Field(
        description="In the period before; null unless compared, and always by week, month, quarter or year."
    )


class AnalyticsAnswer(Aged):
    rows: list[AnalyticsRow]
    groups: int = Field(description="How many rows there are without `limit`.")
    totals: Figures = Field(description="Every record counted once, whatever groups it is in.")
    previous_totals: Figures | None = Field(
        description="Of the period before; null unless compared, and with a filter by week, month, quarter or year."
    )
    period: str = Field(examples=["2026-01-01 to 2026-03-31", "all time"])
    since: date | None
    until: date | None
    notes: list[str] = Field(description="What has to be known to read these figures.")


class DimensionCard(Document):
    name: str = Field(examples=["severity"])
    title: str
    description: str
    groups: bool = Field(description="Whether to group by it too; every dimension can be filtered by.")
    several_values: bool = Field(description="A record may count in several groups, and once in the totals.")
    values: Literal["word", "name", "number", "flag", "period"]


class MeasureCard(Document):
    name: str = Field(examples=["rejection"])
    title: str
    formula: str
    unit: Literal["count", "rate", "number"]


class ReportMeasureCard(Document):
    name: str = Field(examples=["report_average:FIELD"])
    meaning: str


class AnalyticsCapabilities(Document):
    dimensions: list[DimensionCard]
    measures: list[MeasureCard]
    report_measures: list[ReportMeasureCard] = Field(description="Made of one field of custom reports: name it.")
    most_dimensions: int
    most_rows: int
    executed_statuses: list[str] = Field(description="States of the tests that count unless `test_status` is filtered.")
