"""Tests in lists."""

from datetime import datetime

from ninja import Field

from sync.schemas.common import AgedList, Kept, OfProduct


class TestRow(OfProduct, Kept):
    id: int = Field(description="TestIO's number.", examples=[501234])
    title: str = Field(examples=["Checkout on small screens"])
    goal: str
    status: str = Field(examples=["archived"])
    review_status: str = Field(examples=["review_successful"])
    testing_type: str = Field(description="`custom` and `test case` are TestIO's `external` and null.")
    start_at: datetime | None
    end_at: datetime | None
    section_id: int | None
    environment_id: int | None
    environment_title: str
    is_demo: bool
    created_by: str | None = Field(description="The customer user who set it up.")
    submitted_by: str | None = Field(description="The customer user who handed it in.")


class TestPage(AgedList):
    tests: list[TestRow]
