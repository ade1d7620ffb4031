"""Features and their user stories."""

from datetime import datetime

from ninja import Field

from sync.schemas.common import Aged, AgedList, Document, Kept, OfProduct


class FeatureRow(OfProduct, Kept):
    id: int = Field(description="TestIO's number.", examples=[30012])
    title: str = Field(examples=["Basket"])
    description: str
    howtofind: str
    user_stories: int = Field(description="How many TestIO has.")
    tests: int = Field(description="How many tests use it, of those TestIO has.")
    bugs: int = Field(description="How many bugs were found in it, of those TestIO has.")


class FeaturePage(AgedList):
    features: list[FeatureRow]


class StoryOfFeature(Document):
    id: int = Field(description="Our number.")
    testio_id: int | None = Field(description="TestIO's number, where it has sent one.")
    title: str
    path: str
    missing_since: datetime | None


class SectionOfFeature(Document):
    id: int
    name: str


class FeatureDetail(FeatureRow, Aged):
    stories: list[StoryOfFeature]
    sections: list[SectionOfFeature]


class UserStoryRow(StoryOfFeature, OfProduct):
    feature_id: int = Field(examples=[30012])
    feature: str = Field(description="The feature's title.")


class UserStoryPage(AgedList):
    user_stories: list[UserStoryRow]
