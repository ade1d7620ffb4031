"""Runs, what one would do, and how everything stands."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from ninja import Field

from sync.schemas.common import Document, Listed

# Words of the models, written out: what is published does not change by itself, and a test compares the two.
RunStatus = Literal["running", "succeeded", "partial", "failed", "interrupted", "cancelled"]
Trigger = Literal["command", "admin", "api", "background"]
Mode = Literal["incremental", "incremental_only", "full", "nuke", "discovery"]
PhaseName = Literal["products", "features", "tests", "bugs", "results"]


class PlannedProduct(Document):
    id: int = Field(examples=[12])
    name: str
    last_sync: datetime | None
    action: str = Field(examples=["read what is new or unfinished"])


class Plan(Document):
    """What a sync would do; products it would find for the first time are not in it."""

    customer: str = Field(examples=["acme"])
    products: list[PlannedProduct]


class RunRow(Document):
    event_id: UUID
    public_id: str = Field(examples=["run_0123456789ab"])
    customer: str = Field(examples=["acme"])
    trigger: Trigger
    mode: Mode
    status: RunStatus
    started_at: datetime
    finished_at: datetime | None
    requested_by: str | None = Field(description="Who started it through a page or the API.")
    cancel_requested_at: datetime | None
    products: int
    features: int
    tests_new: int
    tests_updated: int
    bugs_new: int
    bugs_updated: int
    missing: int = Field(description="Records found to be gone from TestIO.")
    gaps: int = Field(description="Positions and records that could not be read.")
    api_calls: int
    error: str


class RunPage(Listed):
    events: list[RunRow]


class PhaseRow(Document):
    product_id: int | None = Field(description="Null for the phase that reads the list of products.")
    product: str | None
    name: PhaseName
    status: RunStatus
    started_at: datetime
    finished_at: datetime | None
    seen: int
    created: int
    updated: int
    missing: int
    gaps: int
    api_calls: int
    warnings: list[str]
    error: str


class RunDetail(RunRow):
    phases: list[PhaseRow] = Field(description="What was done for each product, in the order it was begun.")


class ProductStanding(Document):
    id: int = Field(examples=[12])
    name: str
    tests: int
    bugs: int
    features_synced_at: datetime | None
    tests_synced_at: datetime | None
    bugs_synced_at: datetime | None
    missing_since: datetime | None
    next_sync_at: datetime
    due: bool
    claimed_at: datetime | None
    failures: int = Field(description="Background refreshes that failed since the last one that did not.")
    last_outcome: str
    last_error: str
    lease: str = Field(description="Empty, or that it is being synced and when to ask again.")


class Standing(Document):
    customer: str = Field(examples=["acme"])
    paused_at: datetime | None
    paused_reason: str
    left_alone: str = Field(description="Why nothing of it is refreshed in the background; empty where it is.")
    products: list[ProductStanding]
    last_run: str | None


class SyncStatus(Document):
    customers: list[Standing]


class Runs24h(Document):
    """Runs that ended in the last 24 hours, by how."""

    succeeded: int
    partial: int
    failed: int
    interrupted: int
    cancelled: int
    success_rate: float | None = Field(description="Succeeded among all that ended; null when none did.")


class Counts(Document):
    customers: int
    products: int
    features: int
    tests: int
    bugs: int


class Refreshing(Document):
    """How the background refresh is doing."""

    products_due: int
    products_claimed: int
    products_failing: int
    products_stale: int
    oldest_due_at: datetime | None = Field(description="Long past: nobody works on what is due.")
    customers_paused: int
    runs_running: int


class Diagnostics(Document):
    version: str = Field(examples=["0.1.0"])
    counts: Counts
    oldest_test_end_at: datetime | None
    newest_test_end_at: datetime | None
    runs_last_24_hours: Runs24h
    last_run_finished_at: datetime | None
    refreshing: Refreshing
    database_bytes: int | None = Field(description="Null for callers who do not see all customers.")
