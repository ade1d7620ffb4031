"""A person, with what they did."""

from datetime import datetime

from ninja import Field

from reports.schemas.figures import BugFigures
from sync.schemas.common import Aged
from sync.schemas.people import PersonRow


class PersonSummary(PersonRow, Aged):
    bugs: BugFigures = Field(description="What became of the bugs they reported.")
    by_severity: dict[str, int]
    first_activity_at: datetime | None = Field(description="Their first bug, or the beginning of their first test.")
    last_activity_at: datetime | None = Field(description="Their last bug, or the beginning of their last test.")
