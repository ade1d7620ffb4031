"""What figures can be grouped and filtered by.

Most dimensions belong to the test or to the bug and have one value. Some have several: the platforms a test asks for,
the devices a bug was seen on, the features a test covers. Their record then counts once in each group, and still once
in the total. A record without a value is in the group ``(none)``.
"""

from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType

NONE = "(none)"


class Subject(Enum):
    """Whose property a dimension is."""

    TEST = auto()
    PLATFORM = auto()  # one of the platforms a test asks for
    BUG = auto()
    DEVICE = auto()  # one of the devices a bug was seen on
    FEATURE = auto()  # of the bug; of a test, each it covers
    MOMENT = auto()  # of the test or of the bug, whichever the question is dated by


class Kind(Enum):
    """What its values are."""

    WORD = auto()  # of TestIO's vocabulary
    NAME = auto()  # free text, taken as it is
    NUMBER = auto()  # the id of something that has a name
    FLAG = auto()
    PERIOD = auto()


@dataclass(frozen=True, slots=True)
class Dimension:
    """``path`` leads from its subject to the value. ``groups``: also to be grouped by, not only to be filtered by."""

    name: str
    title: str
    description: str
    subject: Subject
    path: str
    kind: Kind
    groups: bool = True

    @property
    def repeats(self) -> bool:
        """Whether one record can have several values."""
        return self.subject in (Subject.PLATFORM, Subject.DEVICE)


_ALL = (
    Dimension("customer", "Customer", "Whose product it is.", Subject.TEST, "product__customer_id", Kind.NUMBER),
    Dimension("product", "Product", "The product of the test.", Subject.TEST, "product_id", Kind.NUMBER),
    Dimension("section", "Section", "The section the test belongs to.", Subject.TEST, "section_id", Kind.NUMBER),
    Dimension(
        "feature",
        "Feature",
        "The feature a bug was reported on; tests count under each feature they cover.",
        Subject.FEATURE,
        "feature_id",
        Kind.NUMBER,
    ),
    Dimension(
        "platform",
        "Platform",
        "The operating systems of the bug's own devices.",
        Subject.DEVICE,
        "operating_system",
        Kind.NAME,
    ),
    Dimension(
        "test_platform",
        "Test platform",
        "The operating systems the test asks for.",
        Subject.PLATFORM,
        "operating_system",
        Kind.NAME,
    ),
    Dimension("browser", "Browser", "The browsers the bug was seen in.", Subject.DEVICE, "browsers", Kind.NAME),
    Dimension(
        "device_category",
        "Device category",
        "The kinds of device the bug was seen on.",
        Subject.DEVICE,
        "category",
        Kind.NAME,
    ),
    Dimension("tester", "Tester", "Who reported the bug.", Subject.BUG, "author_id", Kind.NUMBER),
    Dimension("test_creator", "Test creator", "Who set up the test.", Subject.TEST, "created_by_id", Kind.NUMBER),
    Dimension("severity", "Severity", "The bug's severity.", Subject.BUG, "severity", Kind.WORD),
    Dimension("bug_status", "Bug status", "What became of the bug.", Subject.BUG, "status", Kind.WORD),
    Dimension(
        "rejection_reason",
        "Rejection reason",
        "Why a bug was rejected, where its comments say.",
        Subject.BUG,
        "rejection_reason",
        Kind.WORD,
    ),
    Dimension("known", "Known", "Whether the bug was known before.", Subject.BUG, "known", Kind.FLAG),
    Dimension("testing_type", "Testing type", "The type of the test.", Subject.TEST, "testing_type", Kind.WORD),
    Dimension("test_status", "Test status", "How far the test is.", Subject.TEST, "status", Kind.WORD),
    Dimension(
        "environment", "Environment", "The environment the test ran in.", Subject.TEST, "environment_id", Kind.NUMBER
    ),
    Dimension("week", "Week", "The ISO week (Monday to Sunday, UTC).", Subject.MOMENT, "week", Kind.PERIOD),
    Dimension("month", "Month", "The month (UTC).", Subject.MOMENT, "month", Kind.PERIOD),
    Dimension("quarter", "Quarter", "The quarter (UTC).", Subject.MOMENT, "quarter", Kind.PERIOD),
    Dimension("year", "Year", "The year (UTC).", Subject.MOMENT, "year", Kind.PERIOD),
    Dimension("test", "Test", "The single test.", Subject.TEST, "id", Kind.NUMBER),
    Dimension("bug", "Bug", "The single bug.", Subject.BUG, "id", Kind.NUMBER, groups=False),
)

#: Every dimension by its name, in the order they are offered.
DIMENSIONS = MappingProxyType({dimension.name: dimension for dimension in _ALL})
