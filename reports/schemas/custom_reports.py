"""The forms bugs of severity "custom" were filed with."""

from datetime import datetime
from typing import Any

from ninja import Field

from sync.schemas.common import AgedList, Document, OfProduct


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
