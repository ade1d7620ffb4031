"""What goes into the API of this room and what comes out. Names once published stay."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from django.db.models import Manager, QuerySet
from ninja import Field, P, PathEx, Schema
from pydantic import BaseModel, BeforeValidator, ConfigDict, StrictBool, model_validator

from problematic import listings, models
from sync.api import params
from sync.api.params import BodyId
from sync.pasted_ids import BIGINT_MAX

# Words of the models, written out: what is published does not change by itself, and a test compares the two.
EventStatus = Literal["open", "resolved", "cleared"]
MappingState = Literal["queued", "running", "succeeded", "failed", "dead"]
Outcome = Literal["succeeded", "failed", "abandoned"]
Action = Literal["found", "seen", "mapped", "unmapped", "revived", "resolved", "cleared", "undone"]
JobStatus = Literal["running", "succeeded", "partial", "failed", "interrupted"]

#: TestIO's ids; the upper bound is the database's.
Id = Annotated[int, Field(gt=0, le=BIGINT_MAX)]
EventId = PathEx[str, P(description="The UUID, the public id, or the beginning of either.", example="evt_0123456789ab")]
JobId = PathEx[str, P(description="The UUID, the public id, or the beginning of either.", example="job_0123456789ab")]
TestId = PathEx[int, P(gt=0, le=BIGINT_MAX, description="TestIO's number of the test.", example=501234)]
CustomerName = Annotated[str, Field(max_length=63, pattern=r"^[-a-zA-Z0-9_]+$", examples=["acme"])]
Days = Annotated[int, Field(ge=0, le=36_500)]

# What a row holds as a user, and as a set of rows.
UserName = Annotated[str | None, BeforeValidator(lambda user: user and str(user))]
Rows = BeforeValidator(lambda rows: list(rows.all()) if isinstance(rows, Manager) else rows)

MOST_TEST_IDS = 1_000


class Order(Schema):
    """A body: numbers must be numbers, and fields nobody reads are refused."""

    model_config = ConfigDict(extra="forbid")


class Result(BaseModel):
    """A document we answer with, readable from a row."""

    model_config = ConfigDict(from_attributes=True)


class EventQuery(params.OfProducts, params.ListQuery):
    status: Annotated[list[EventStatus], *params.SEVERAL] = Field(
        ["open"], description="Only these states; may be repeated."
    )
    min_age_days: Days | None = Field(None, description="First seen at least so many days ago.")
    max_age_days: Days | None = Field(None, description="First seen at most so many days ago.")


class MappingStates(Result):
    """How many mapped tests are in which state."""

    queued: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = Field(0, description="Queued again, with a failure behind them.")
    dead: int = Field(0, description="Given up after too many failures; mapping them again revives them.")

    @classmethod
    def of(cls, states: Iterable[str]) -> Self:
        """``states``: that of each mapped test."""
        return cls(**Counter(states))


class EventSummary(Result):
    """Consecutive positions of a product's test list that could not be read. Positions count from 0, newest first."""

    event_id: UUID
    public_id: str = Field(examples=["evt_0123456789ab"])
    product_id: int
    customer: str = Field(examples=["acme"])
    status: EventStatus
    first_position: int
    last_position: int
    boundary_before_id: int | None = Field(description="The readable test before; null at the top of the list.")
    boundary_before_end_at: datetime | None
    boundary_after_id: int | None = Field(description="The readable test after; null at the end of the list.")
    boundary_after_end_at: datetime | None
    recovery_attempts: int = Field(description="Walks and retries that tried to read what is hidden.")
    occurrences: int = Field(description="How often the gap was seen.")
    first_seen_at: datetime
    last_seen_at: datetime
    mapped_test_ids: list[int] = Field(description="Mapped and not stored yet, in order.")
    mapping_states: MappingStates

    @classmethod
    def of(cls, listed: "QuerySet[models.ProblematicEvent]") -> Iterator[Self]:
        """A summary of each event."""
        for document in listings.documents(listings.with_states(listed), "states"):
            yield cls(mapping_states=MappingStates.of(document.pop("states")), **document)


class EventPage(Result):
    events: list[EventSummary]
    next_cursor: str | None = Field(description="Give it as `cursor` for the next page; null on the last one.")
    count: int | None = Field(description="Of all pages, where it was asked for.")


class Attempt(Result):
    number: int
    started_at: datetime
    finished_at: datetime
    worker: str
    outcome: Outcome
    detail: str


class TestAttempt(Attempt):
    test_id: int


class MappedTest(Result):
    test_id: int
    state: MappingState
    attempts: int
    next_attempt_at: datetime | None = Field(description="When it is due; null when no attempt is planned.")
    last_error: str
    claimed_by: str = Field(description="The worker that fetches it right now.")
    claimed_at: datetime | None
    mapped_by: UserName = Field(description="The user's name; null for the command line.")
    mapped_at: datetime
    history: Annotated[list[Attempt], Rows] = Field(description="Finished attempts, oldest first.")

    @model_validator(mode="after")
    def _due_only_while_it_waits(self) -> Self:
        if self.state not in models.CLAIMABLE:
            self.next_attempt_at = None
        return self


class TriageStep(Result):
    action: Action
    at: datetime
    by: UserName = Field(description="The user's name; null for the sync itself and for the command line.")
    test_ids: list[int]
    detail: str


class EventDetail(EventSummary):
    resolved_at: datetime | None
    resolution: str | None
    mappings: Annotated[list[MappedTest], Rows]
    attempts: Annotated[list[TestAttempt], Rows] = Field(
        description="Finished attempts made for this event, oldest first; also those of tests no longer mapped."
    )
    history: Annotated[list[TriageStep], Rows] = Field(description="What happened to the event, oldest first.")

    @classmethod
    def of_one(cls, event: models.ProblematicEvent) -> Self:
        """History and attempts of the event, and users and attempts of its mappings, should be loaded."""
        (summary,) = EventSummary.of(models.ProblematicEvent.objects.filter(pk=event.pk))
        names = ("resolved_at", "resolution", "mappings", "attempts", "history")
        return cls(**dict(summary), **{name: getattr(event, name) for name in names})


class Suggestion(Result):
    """A test that may be hidden in the event. Nothing is mapped until somebody does."""

    test_id: int
    reason: str
    title: str
    end_at: datetime | None
    bugs: int = Field(description="How many bugs of the product mention it.")


class Suggestions(Result):
    suggestions: list[Suggestion] = Field(description="The strongest evidence first.")


class MapOrder(Order):
    test_ids: list[BodyId] = Field(min_length=1, max_length=MOST_TEST_IDS, examples=[[501234, 501235]])


class MappedIds(Result):
    event_id: UUID
    added: list[int]
    revived: list[int] = Field(description="Given up or stored before, and queued again now.")
    unchanged: list[int] = Field(description="Mapped before.")


class RetryOrder(Order):
    """One of the two."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"product_id": 12}, {"all": True}],
            "oneOf": [
                {
                    "properties": {"product_id": {"type": "integer"}, "all": {"const": False}},
                    "required": ["product_id"],
                },
                {"properties": {"product_id": {"type": "null"}, "all": {"const": True}}, "required": ["all"]},
            ],
        }
    )

    product_id: BodyId | None = Field(None, description="What is mapped to open events of this product.")
    all: StrictBool = Field(False, description="What is mapped to open events of any product.")

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Self:
        if (self.product_id is None) != self.all:
            raise ValueError('Give either "product_id" or "all": true.')
        return self


class RetryProgress(Result):
    """A retry in the background: watch it until ``status`` is no longer "running"."""

    job_id: UUID
    public_id: str = Field(examples=["job_0123456789ab"])
    status: JobStatus
    event_id: UUID | None = Field(description="Null for a retry over several events.")
    requested_by: UserName
    total: int = Field(description="How many mapped tests it is about.")
    tests_retried: int
    tests_succeeded: int
    tests_failed: int
    errors: list[str] = Field(description="One line per test that was not stored.")
    notes: list[str] = Field(description="What else to know: what was left out, or stored elsewhere. No failures.")
    started_at: datetime
    finished_at: datetime | None


class ClearOrder(Order):
    """``product_ids`` must be there, so that clearing everything is said and never an oversight."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"product_ids": [12], "customer": None, "resolved_only": True}]}
    )

    product_ids: list[BodyId] = Field(max_length=MOST_TEST_IDS, description="The products; [] means all of them.")
    customer: CustomerName | None = Field(None, description="Only this customer's; null means all customers'.")
    resolved_only: StrictBool = Field(False, description="Only events that have resolved themselves.")


class ClearedCounts(Result):
    position_ranges_cleared: int
    test_ids_cleared: int
    left_out: list[str] = Field(description="Events some of whose tests are being retried right now, by public id.")
