"""A test, summed up."""

from datetime import datetime

from ninja import Field

from reports.schemas.figures import BugFigures
from sync.schemas.common import Aged, Document
from sync.schemas.tests import TestRow


class Requirement(Document):
    """One platform the test asked for."""

    category: str = Field(examples=["Smartphones"])
    operating_system: str = Field(examples=["Android"])
    min_version: str
    max_version: str
    browsers: list[str]
    devices: list[str]


class CoveredFeature(Document):
    id: int = Field(description="TestIO's number of the test's own copy.", examples=[90012])
    feature_id: int | None = Field(description="TestIO's number in the catalogue.", examples=[30012])
    title: str
    bugs: int = Field(description="Bugs of this test found in it.")


class RecentBug(Document):
    id: int = Field(examples=[7001234])
    title: str
    severity: str = Field(examples=["high"])
    status: str = Field(description="`open` is TestIO's `forwarded`.", examples=["open"])
    known: bool
    reported_at: datetime | None


class TestBugs(BugFigures):
    known: int = Field(description="Bugs that were known before.")
    by_severity: dict[str, int] = Field(description="Every severity TestIO is known to use, also those with none.")
    by_status: dict[str, int] = Field(description="By the words people see.")
    by_platform: dict[str, int] = Field(
        description="By the operating system of the bugs' own devices; a bug seen on two counts once on each."
    )


class TestSummary(TestRow, Aged):
    instructions: str
    out_of_scope: str
    enable_low: bool | None
    enable_high: bool | None
    enable_critical: bool | None
    requirements: list[Requirement]
    features: list[CoveredFeature]
    bugs: TestBugs
    recent_bugs: list[RecentBug] = Field(description="The last reported first, at most 20.")
