"""A world that was synced once, and its payloads read the plain way, as a second opinion on what is stored."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sync.models import Customer, SyncEvent
from sync.sandbox import World

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Synced:
    """The world, the customer it was synced for, the run, and the calls it took by kind."""

    world: World
    customer: Customer
    event: SyncEvent
    calls: dict[str, int]

    def tests(self) -> dict[int, Json]:
        return {pk: self.world.test_payload(pk, include_user_stories=True) for pk in self.world.test_ids()}

    def bugs(self) -> dict[int, Json]:
        return {bug["id"]: bug for pk in self.world.test_ids() for bug in self.world.bug_payloads(pk)}

    def features(self) -> dict[int, tuple[int, Json]]:
        """Catalogue entries with the id of their product."""
        return {
            feature["id"]: (pk, feature)
            for pk in self.world.product_ids()
            for feature in self.world.feature_payloads(pk, include_user_stories=True)
        }


def text(value: str | None) -> str:
    """Text as we keep it: without NUL, which PostgreSQL cannot hold, and without blanks around it."""
    return (value or "").replace("\0", "").strip()


def moment(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value).astimezone(UTC) if value else None


def named(value: Json | str | None) -> str:
    return text(value.get("name") if isinstance(value, dict) else value)
