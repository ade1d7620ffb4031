"""What all documents share."""

from datetime import datetime

from ninja import Field
from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """A document we answer with: exactly these fields."""

    model_config = ConfigDict(extra="forbid")


class Aged(Document):
    """Data that was read from TestIO at some time."""

    data_as_of: datetime | None = Field(
        description="Nothing shown is older than this; null when something was never read.",
        examples=["2026-03-01T12:00:00Z"],
    )
    stale: bool = Field(description="Older than allowed. Reading it has asked for a refresh in the background.")


class Listed(Document):
    """What every page of a list has beside its rows."""

    next_cursor: str | None = Field(
        description="Give it as `cursor` for the next page; null on the last one.", examples=["WyI5ZjA0YTIiLDEsMl0"]
    )
    count: int | None = Field(description="All rows of all pages; null unless `count=true` asked for it.")


class AgedList(Listed, Aged):
    """A page of synced data: as old as the oldest product shown."""


class OfProduct(Document):
    """Whose it is."""

    product_id: int = Field(examples=[12])
    product: str = Field(description="The product's name.", examples=["Web shop"])
    customer: str = Field(examples=["acme"])


class Kept(Document):
    """What we know of the row itself."""

    missing_since: datetime | None = Field(description="When TestIO was first found to have it no more.")
    changed_at: datetime = Field(description="When its content last changed here.")
