"""The quality report."""

from datetime import date, datetime
from typing import Literal

from ninja import Field

from reports.schemas.figures import BugFigures
from reports.schemas.test_cases import CaseFigures
from sync.schemas.common import Aged, Document, OfProduct

HealthClass = Literal["healthy", "warning", "critical", "unknown"]


Rate = Literal["rejection", "auto_acceptance", "active_acceptance", "review"]


class QualityLinks(Document):
    """Calls of this API that list the rows a figure counts; `page` is a page for people. Null where there is none."""

    bugs: str = Field(examples=["/api/v1/reports/quality/bugs?product_id=12&of_severity=high"])
    tests: str | None
    page: str | None


class Threshold(Document):
    warning: float = Field(examples=[0.2])
    critical: float = Field(examples=[0.35])
    direction: Literal["above", "below"] = Field(
        description="`above`: this value and higher ones are bad; `below`: this value and lower ones are."
    )


class Thresholds(Document):
    """A value that equals a threshold is already in the worse class."""

    rejection: Threshold
    auto_acceptance: Threshold
    active_acceptance: Threshold
    review: Threshold


class ThresholdsOfCustomer(Thresholds):
    """What holds for one customer. The rates in `own` have thresholds of its own, others those of the site."""

    customer: str = Field(examples=["acme"])
    own: list[Rate]


class AllThresholds(Thresholds):
    """What holds on this site, unless a customer has thresholds of its own; and what holds for each customer."""

    customers: list[ThresholdsOfCustomer] = Field(description="Those you see, by name.")


class HealthOfRates(Document):
    """The class of each rate that has thresholds; `unknown` without data."""

    rejection: HealthClass
    auto_acceptance: HealthClass
    active_acceptance: HealthClass
    review: HealthClass


class QualityTally(Document):
    tests: int
    bugs: BugFigures
    bugs_per_test: float | None = Field(description="Null without tests.")


class QualityChanges(Document):
    """Each figure minus what it was in the period before; null for a rate that was or is unknown."""

    tests: int
    bugs: int
    bugs_per_test: float | None
    overall_acceptance: float | None
    active_acceptance: float | None
    auto_acceptance: float | None
    rejection: float | None
    review: float | None


class QualityStanding(QualityTally):
    health: HealthOfRates
    overall_health: HealthClass = Field(description="The worst class of any rate.")
    previous: QualityTally | None = Field(
        description=(
            "The period before, equally long; null where there is none. It has the tests that the filter finds there: "
            "those of `include_test_id` are added to the period asked for only."
        )
    )
    changes: QualityChanges | None
    links: QualityLinks


class QualityOfProduct(QualityStanding, OfProduct):
    pass


class QualityTest(Document):
    id: int = Field(examples=[501234])
    title: str
    status: str = Field(examples=["archived"])
    testing_type: str = Field(examples=["coverage"])
    start_at: datetime | None
    end_at: datetime | None
    product_id: int
    product: str
    environment: str | None
    bugs: BugFigures
    health: HealthOfRates
    test_cases: CaseFigures | None = Field(description="Null for tests of other types than test case.")
    links: QualityLinks


class QualityGroup(Document):
    """What has one value in common; `(none)` is a value too, so that rows add up to the total."""

    key: str = Field(description="What to ask for.", examples=["high"])
    label: str
    tests: int | None = Field(description="Null where the value is one of bugs.")
    bugs: BugFigures
    links: QualityLinks


class QualityGap(Document):
    product_id: int
    product: str
    event: str = Field(examples=["evt_0123456789ab"])
    positions: str = Field(description="In the product's list, from 0, newest test first.", examples=["3-4"])
    hidden_tests: int
    first_seen_at: datetime
    api: str


class QualityOldProduct(Document):
    product_id: int
    product: str
    data_as_of: datetime | None = Field(description="Null: something of it was never read.")


class QualityLeftOut(Document):
    what: Literal["test", "product"]
    id: int
    reason: str


class QualityLimits(Document):
    """What these figures do not know. `sentences` says the same for people."""

    sentences: list[str]
    hidden_tests: int = Field(description="Tests in open gaps.")
    gaps: list[QualityGap]
    old_products: list[QualityOldProduct]
    left_out: list[QualityLeftOut]
    unread_tests: int = Field(description="Tests that bugs mention and that were not read yet.")
    unread_test_ids: list[int] = Field(description="The first 50 of them.")
    bugs_of_unread_tests: int
    tests_without_bugs_read: int
    undated_tests: int = Field(description="Without an end, so that no period has them.")
    in_both_periods: int = Field(
        description="Tests of `include_test_id` that ended in the period before: counted there as well as in this one."
    )


class QualityTestCases(CaseFigures):
    tests: int = Field(description="Tests with cases or executions.")


class QualityQuestion(Document):
    """What was asked for, with days instead of phrases and the words people see."""

    period: str = Field(examples=["2026-01-01 to 2026-03-31", "all time"])
    since: date | None
    until: date | None
    previous_since: date | None = Field(description="The first day of the period compared with.")
    previous_until: date | None
    statuses: list[str] | None = Field(description="States of the tests that count; null where tests are named: any.")
    product_ids: list[int]
    parameters: dict[str, str] = Field(description="The parameters that ask for the same again.")


class QualityReport(Aged):
    made_at: datetime
    question: QualityQuestion
    thresholds: Thresholds = Field(
        description="What the total is judged by: what holds for every product of the report, else those of the site."
    )
    own_thresholds: list[ThresholdsOfCustomer] = Field(
        description="Customers whose products and tests are judged by thresholds of their own."
    )
    total: QualityStanding
    products: list[QualityOfProduct]
    by_severity: list[QualityGroup]
    by_bug_status: list[QualityGroup]
    by_feature: list[QualityGroup] = Field(description="The features bugs were found in, most bugs first.")
    by_test_status: list[QualityGroup]
    by_testing_type: list[QualityGroup]
    by_month: list[QualityGroup] = Field(description="By the month tests ended in (UTC).")
    test_cases: QualityTestCases
    limits: QualityLimits
    tests: list[QualityTest] | None = Field(
        description="Every test that counts, the last ended first, never cut short; null for `tests=false`."
    )
