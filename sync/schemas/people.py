"""People as TestIO names them."""

from datetime import datetime
from typing import Literal

from ninja import Field

from sync.schemas.common import AgedList, Document


class PersonRow(Document):
    id: int = Field(description="Our number: TestIO sends names only.", examples=[41])
    username: str = Field(examples=["tess"])
    kind: Literal["tester", "customer"]
    customer: str = Field(examples=["acme"])
    first_seen_at: datetime
    bugs_reported: int = Field(description="Of those TestIO has; 0 for customer users.")
    tests_created: int = Field(description="Of those TestIO has; 0 for testers.")
    tests_submitted: int = Field(description="Of those TestIO has; 0 for testers.")


class PersonPage(AgedList):
    people: list[PersonRow]
