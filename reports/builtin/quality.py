"""The quality report (``reports.quality``) in the catalogue: what it can be asked for."""

from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from reports import quality
from reports.builtin.scope import Days, FirstDay, LastDay, OfProducts
from reports.catalogue import BadParameters, NotThere, Report
from reports.documents import Document
from reports.metrics import ANY, DIMENSIONS, NONE
from reports.metrics.vocabulary import plain, refusal
from reports.quality import NoSuchReference, Question, Refusal, Wish
from reports.quality.document import NAME, TITLE, document
from sync import wording
from sync.access import Access
from sync.api import params
from sync.customers import CustomerError

_TEST_STATUS = DIMENSIONS["test_status"]


def _known_or_used(words: list[str]) -> list[str]:
    """TestIO may use a word tomorrow that nobody knows today; the cube's rule says from when on it can be asked for."""
    if not {ANY, NONE} & {*words} and not refusal(_TEST_STATUS, words):
        return words
    strange = next(word for word in words if word in (ANY, NONE) or refusal(_TEST_STATUS, [word]))
    raise ValueError(f'"{strange}" is no status of a test. Known are: {", ".join(wording.TEST_STATUSES)}')


#: What the forms offer, and any other that a record has.
Status = Annotated[
    params.Text, AfterValidator(plain), WithJsonSchema({"type": "string", "enum": [*wording.TEST_STATUSES]})
]
Statuses = Annotated[list[Status], *params.SEVERAL, AfterValidator(_known_or_used)]


class Choice(OfProducts):
    """Which tests count: those named in ``test_id``, or a filter, minus some, plus some."""

    test_id: params.Ids = Field([], description="Exactly these tests, whatever their state; then no other filter.")
    period: Days | None = Field(None, description="Tests that ended in this period: `last month`, `2025-Q1`, `YTD`.")
    since: FirstDay | None = Field(None, description="Tests that ended on the first day (UTC) of this or later.")
    until: LastDay | None = Field(None, description="Tests that ended on the last day (UTC) of this or before.")
    status: Statuses = Field(
        [], description="Tests in these states, also others that a test has; else executed ones: see `statuses`."
    )
    testing_type: params.TestingTypes = Field([], description="Tests of these types; both words are taken.")
    feature_id: params.Ids = Field([], description="Tests that use one of these features, with all of their bugs.")
    exclude_test_id: params.Ids = Field([], description="Not these, whatever the filter says.")
    include_test_id: params.Ids = Field([], description="These too, in this period, whatever the filter says.")

    def question(self, access: Access) -> Question:
        """Raises ``Refusal`` and ``CustomerError``."""
        if self.period and (self.since or self.until):
            raise quality.Contradiction("period", "Give a period, or since and until, not both.")
        return quality.read(self._wish(), access)

    def _wish(self) -> Wish:
        return Wish(
            customer=self.customer,
            products=tuple(self.product_id),
            tests=tuple(self.test_id),
            first=self.period.first if self.period else self.since,
            last=self.period.last if self.period else self.until,
            statuses=tuple(self.status),
            testing_types=tuple(self.testing_type),
            features=tuple(self.feature_id),
            exclude=tuple(self.exclude_test_id),
            include=tuple(self.include_test_id),
        )


class QualityParameters(Choice):
    tests: bool = Field(True, description="Also every single test. The figures are the same without.")

    def check(self, access: Access) -> None:
        _question(self, access)


def run(access: Access, asked: QualityParameters) -> Document:
    return document(quality.make(_question(asked, access)), asked.shown(), with_tests=asked.tests)


def _question(asked: Choice, access: Access) -> Question:
    """Raises ``BadParameters``."""
    try:
        return asked.question(access)
    except NoSuchReference as refusal:
        raise NotThere({refusal.field: str(refusal)}) from None
    except Refusal as refusal:
        raise BadParameters({refusal.field: str(refusal)}) from None
    except CustomerError as error:
        raise NotThere({"customer": str(error)}) from None


REPORT = Report(
    NAME,
    TITLE,
    "How tests went: rates, health and changes by product, severity, status, feature, type, month and test, with what "
    "limits the figures. Give products, a customer or tests.",
    QualityParameters,
    "sync.view_bug",
    run,
    ("quality", "review", "health"),
)
