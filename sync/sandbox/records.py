"""The facts of the sandbox world that its JSON is written from."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

Json = dict[str, Any]

#: TestIO's life of a test. Only the last two are final.
NOT_STARTED = ("initialized", "customer_finalized", "waiting")
EXECUTED = ("running", "locked", "archived")
FINAL = ("archived", "cancelled")
STATUSES = (*NOT_STARTED, "running", "locked", *FINAL)


class Unknown(KeyError):
    """Nothing in the world has this id (any more)."""


_ZONES = (UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=1)), timezone(timedelta(hours=-5)))


def iso(epoch: int, zone: int = 0) -> str:
    """ISO 8601 with an offset, one of the spellings TestIO uses: ``zone`` 0 ends in Z, 1 to 3 in a numeric offset."""
    text = datetime.fromtimestamp(epoch, _ZONES[zone]).isoformat()
    return text.replace("+00:00", "Z") if zone == 0 else text


@dataclass(frozen=True, slots=True)
class Ids:
    """Where the ids of each kind begin. All follow from ``first_id``, so that two worlds can be kept apart.

    Ids grow with creation and have gaps, like TestIO's.
    """

    first_id: int

    def product(self, number: int) -> int:
        return self.first_id + 7 * number

    def section(self, product_number: int, index: int) -> int:
        return self.first_id * 2 + 10 * product_number + index

    def environment(self, product_number: int, index: int) -> int:
        return self.first_id * 3 + 4 * product_number + index

    def feature(self, number: int) -> int:
        return self.first_id * 40 + 2 * number

    def story(self, feature_number: int, index: int) -> int:
        return self.first_id * 80 + 8 * feature_number + index

    def test(self, ordinal: int, bits: int) -> int:
        return self.first_id * 20 + 3 * ordinal + bits % 3

    def test_feature(self, ordinal: int, index: int) -> int:
        return self.first_id * 200 + 8 * ordinal + index

    def bug(self, number: int) -> int:
        return self.first_id * 250 + 2 * number

    def bug_number(self, bug_id: int) -> int | None:
        number, rest = divmod(bug_id - self.first_id * 250, 2)
        return number if rest == 0 and number >= 0 else None

    def attachment(self, bug_number: int, index: int) -> int:
        return self.first_id * 300 + 4 * bug_number + index

    def test_case(self, ordinal: int, index: int) -> int:
        return self.first_id * 100 + 16 * ordinal + index

    def step(self, test_case_id: int, index: int) -> int:
        return test_case_id * 8 + index

    def result(self, test_case_id: int, index: int) -> int:
        return test_case_id * 8 + index


@dataclass(slots=True)
class Feature:
    """A feature of a product's catalogue. ``gone``: tests still mention it, the catalogue does not show it."""

    id: int
    title: str
    snapshot_title: str  # what tests copied; renaming the feature later does not change their copies
    description: str | None
    howtofind: str | None
    stories: tuple[tuple[int, str], ...]
    section_ids: tuple[int, ...]
    gone: bool = False


@dataclass(slots=True)
class Product:
    id: int
    number: int
    name: str
    kind: str
    description: str | None
    default_section: tuple[int, str] | None
    sections: tuple[tuple[int, str], ...]
    features: list[Feature]
    changes: Json = field(default_factory=dict)

    @property
    def layout(self) -> int:
        """Which of the shapes a product's JSON comes in (see ``catalogue.product_payload``)."""
        return self.number % 4


@dataclass(slots=True)
class Cycle:
    """A test; TestIO also says "test cycle".

    What its JSON says follows from ``ordinal`` and the facts here; ``changes`` are laid over it. ``start`` and
    ``end`` are epoch seconds. ``end`` orders the list even where ``shows_end`` is False and the JSON says null.
    ``version`` rises with every change, so that serialised copies know when they are out of date.
    """

    id: int
    ordinal: int
    home: int  # number of the product it was created in: its features come from there, even after a move
    product_id: int
    status: str
    testing_type: str | None
    start: int
    end: int
    shows_start: bool = True
    shows_end: bool = True
    bug_first: int = 0
    bug_count: int = 0
    changes: Json = field(default_factory=dict)
    version: int = 0

    @property
    def current_status(self) -> str:
        return str(self.changes.get("status", self.status))

    @property
    def current_type(self) -> str | None:
        value = self.changes.get("testing_type", self.testing_type)
        return None if value is None else str(value)
