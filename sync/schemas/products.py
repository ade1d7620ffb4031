"""Products and their sections."""

from datetime import datetime

from ninja import Field

from sync.schemas.common import Aged, AgedList, Document, OfProduct


class ProductCounts(Document):
    """What TestIO has of a product now: what it no longer has is not counted. Days end at midnight UTC."""

    tests: int = Field(examples=[412])
    features: int = Field(examples=[38])
    tests_last_30_days: int = Field(description="Tests that ended today or in the 30 days before.", examples=[9])
    tests_last_90_days: int = Field(description="Tests that ended today or in the 90 days before.", examples=[27])
    last_test_end_at: datetime | None = Field(description="When the last test ended, of those that ended by today.")


class ProductSummary(ProductCounts, Aged):
    id: int = Field(description="TestIO's number.", examples=[12])
    name: str = Field(examples=["Web shop"])
    customer: str = Field(examples=["acme"])
    product_type: str = Field(examples=["website"])
    description: str
    is_sectioned: bool
    missing_since: datetime | None = Field(description="When TestIO was first found to have it no more.")
    features_synced_at: datetime | None
    tests_synced_at: datetime | None
    bugs_synced_at: datetime | None
    next_sync_at: datetime = Field(description="When it is refreshed in the background, unless its customer is paused.")


class ProductPage(AgedList):
    products: list[ProductSummary]


class SectionRow(OfProduct):
    id: int = Field(description="TestIO's number.", examples=[2001])
    name: str = Field(examples=["Checkout"])
    features: int = Field(description="How many features it shows.")
    tests: int = Field(description="How many tests were set up in it.")
    missing_since: datetime | None


class SectionPage(AgedList):
    sections: list[SectionRow]
