"""Bugs in lists and one by one."""

from datetime import datetime
from typing import Any

from ninja import Field

from sync.schemas.common import Aged, AgedList, Document, Kept, OfProduct

_ASKED = "Only there when `include` asks for it."


class BugRow(OfProduct, Kept):
    id: int = Field(description="TestIO's number.", examples=[7001234])
    title: str = Field(examples=["The basket forgets its last item"])
    severity: str = Field(examples=["high"])
    status: str = Field(description="`open` is TestIO's `forwarded`.", examples=["open"])
    known: bool
    rejection_reason: str | None = Field(description="Of a rejected bug, where TestIO's sentence names it.")
    language: str
    location: str
    test_id: int | None = Field(description="The test it was found in, also one that has not been read yet.")
    test: str | None = Field(description="The title of the test; null as long as it has not been read.")
    feature_id: int | None
    feature: str | None = Field(description="The title of the feature.")
    tester_id: int | None = Field(description="Our number of the tester, as in `/people`.")
    tester: str | None
    reported_at: datetime | None
    exported_at: datetime | None
    has_report: bool = Field(description="Whether a custom report came with it.")


class BugTexts(Document):
    """The long texts of a bug, for those who ask."""

    expected_result: str = Field("", description=_ASKED)
    actual_result: str = Field("", description=_ASKED)
    steps: list[str] = Field([], description=_ASKED)


class ListedBug(BugRow, BugTexts):
    pass


class BugPage(AgedList):
    bugs: list[ListedBug]


class Device(Document):
    category: str = Field(examples=["Smartphones"])
    device: str = Field(examples=["Pixel 9"])
    operating_system: str = Field(examples=["Android 16"])
    browsers: list[str] = Field(examples=[["Chrome"]])


class Comment(Document):
    author: str | None
    body: str
    created_at: str | None = Field(description="As TestIO sends it.")


class Report(Document):
    configuration_id: str
    fields: list[dict[str, Any]] = Field(description="In TestIO's order, each with `key` and `value`.")
    plain_text_interactions: str


class BugDetail(BugRow, Aged):
    expected_result: str
    actual_result: str
    steps: list[str] = Field([], description=_ASKED)
    devices: list[Device] = Field([], description=_ASKED)
    comments: list[Comment] = Field([], description=_ASKED)
    report: Report | None = Field(None, description=f"{_ASKED} Null for a bug without one.")
