"""The forms bugs of severity "custom" were filed with."""

from datetime import datetime
from typing import Any, Literal

from ninja import Field

from sync.schemas.common import Aged, AgedList, Document, OfProduct


class ReportField(Document):
    key: str = Field(examples=["Rating"])
    value: Any = Field(description="As TestIO sent it: mostly text, sometimes a list or null.", examples=["4"])


class CustomReportRow(OfProduct):
    bug_id: int = Field(description="TestIO's number of the bug.", examples=[7001234])
    title: str
    test_id: int | None = Field(examples=[501234])
    tester_id: int | None = Field(description="Our number of the tester, as in `/people`.")
    tester: str | None
    reported_at: datetime | None
    configuration_id: str
    fields: list[ReportField] = Field(description="In TestIO's order.")
    plain_text_interactions: str = Field("", description="Only there when `include` asks for it.")


class CustomReportPage(AgedList):
    custom_reports: list[CustomReportRow]


class Bucket(Document):
    label: str = Field(examples=["4", "1 to 2.6"])
    lowest: float
    highest: float
    count: int


class ValueCount(Document):
    value: str = Field(examples=["Violation"])
    count: int


class FieldFigures(Document):
    """One field over some reports: what kind it is was decided over all of them."""

    name: str
    kind: Literal["numeric", "categorical", "text"]
    answered: int = Field(description="Reports with a value; with `missing` all reports.")
    missing: int = Field(description="Reports without this field, or with nothing in it.")
    count: int | None = Field(description="How many values are numbers; null for other kinds.")
    not_numbers: int | None = Field(description="Values of a numeric field that are no numbers.")
    average: float | None = Field(description="Null without numbers.")
    minimum: float | None
    maximum: float | None
    distribution: list[Bucket] = Field(description="Every number in one bucket; the highest belongs to the last.")
    values: list[ValueCount] = Field(description="Of a categorical field, the most frequent first, `(none)` last.")


class CustomReportGroup(Document):
    values: list[str] = Field(description="In the order of `group_by`; `(none)` where nothing was answered.")
    labels: list[str] = Field(description="The same for people: a test with its title.")
    reports: int
    fields: list[FieldFigures]


class CustomReportSummary(Aged):
    reports: int = Field(description="Of tests of any status; without what TestIO has no more.")
    configuration_id: str | None = Field(description="The form all of them were filed with; null for several.")
    configurations: dict[str, int] = Field(description="How many reports were filed with each form.")
    group_by: list[str]
    fields: list[FieldFigures]
    total_groups: int
    groups: list[CustomReportGroup] = Field(description="The largest first, at most `limit`.")
