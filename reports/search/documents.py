"""What the search answers over the API. Names once published stay."""

from datetime import datetime
from typing import Literal

from ninja import Field

from sync.schemas.common import Aged, Document, OfProduct

Kind = Literal["product", "feature", "test", "bug"]


class TextPart(Document):
    text: str = Field(examples=["discount"])
    match: bool = Field(description="Whether it is a word that was looked for.")


class SearchResult(OfProduct):
    """Texts are plain: nothing in them is markup, whatever it looks like."""

    type: Kind
    id: int = Field(description="TestIO's number.", examples=[7001234])
    title: str = Field(examples=["The discount is applied twice"])
    title_parts: list[TextPart] = Field(description="The title in parts (its first 4,000 characters).")
    snippet: list[TextPart] = Field(description="From the other texts, around the first word found, in parts.")
    rank: int = Field(description="The higher the better; only good for comparing results of one search.")
    date: datetime | None = Field(description="When a test ended or a bug was reported; null for all else.")
    missing_since: datetime | None = Field(description="When TestIO was first found to have it no more.")


class SearchedKind(Document):
    type: Kind
    ranked: int = Field(description="How many records match, the newest 200 at most: those are ranked.")
    more: bool = Field(description="Older records may match too and were not ranked: narrow the search to see them.")


class SearchPage(Aged):
    results: list[SearchResult] = Field(description="The best first.")
    searched: list[SearchedKind] = Field(description="What was looked through.")
    note: str | None = Field(description="Why nothing was looked for; null otherwise.")
    next_cursor: str | None = Field(
        description="Give it as `cursor` for the next page; null on the last one.", examples=["WyI5ZjA0YTIiLDEsMl0"]
    )
