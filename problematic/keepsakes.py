"""What a step takes away, written into its history row, so that the step can be undone to the letter.

A mapping comes back under the number it had, with its attempts: retries in progress and past ones name it by that.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import QuerySet

from problematic.models import EventStatus, ProblematicEvent, ProblematicMapping, RetryAttempt

Keepsake = dict[str, Any]


def by_event(mappings: "QuerySet[ProblematicMapping]") -> dict[UUID, list[Keepsake]]:
    """Each mapping as JSON has it, by its event."""
    rows = list(mappings.order_by("pk"))
    attempts: dict[int, list[int]] = defaultdict(list)
    tried = RetryAttempt.objects.filter(mapping__in=[row.pk for row in rows]).order_by("pk")
    for mapping_id, pk in tried.values_list("mapping_id", "pk"):
        attempts[mapping_id or 0].append(pk)
    found: dict[UUID, list[Keepsake]] = defaultdict(list)
    for row in rows:
        found[row.event_id].append(_of_mapping(row, attempts[row.pk]))
    return found


def of_mappings(mappings: Collection[Keepsake]) -> Keepsake:
    return {"mappings": list(mappings)}


def of_event(event: ProblematicEvent, mappings: Collection[Keepsake]) -> Keepsake:
    """An event as it is, with what is mapped to it."""
    ended = event.resolved_at.isoformat() if event.resolved_at else None
    return {"status": event.status, "resolved_at": ended, "resolution": event.resolution, **of_mappings(mappings)}


def put_back_events(events: Mapping[UUID, Keepsake]) -> None:
    """Events as they were."""
    rows = [
        ProblematicEvent(pk=pk, status=kept["status"], resolved_at=_ended(kept), resolution=kept["resolution"])
        for pk, kept in events.items()
    ]
    ended = [row for row in rows if row.status != EventStatus.OPEN]
    reopened = [row.pk for row in rows if row.status == EventStatus.OPEN]
    ProblematicEvent.objects.filter(pk__in=reopened).update(status=EventStatus.OPEN, resolved_at=None, resolution=None)
    ProblematicEvent.objects.bulk_update(ended, ["status", "resolved_at", "resolution"], batch_size=1_000)


def put_back_mappings(events: Mapping[UUID, Iterable[Keepsake]]) -> None:
    """Mappings that are gone, or have changed, as they were."""
    kept = [(event_id, each) for event_id, mappings in events.items() for each in mappings]
    users = _still_there(each["mapped_by"] for _, each in kept)
    rows = [_mapping(event_id, each, users) for event_id, each in kept]
    ProblematicMapping.objects.bulk_create(
        rows,
        batch_size=1_000,
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["state", "attempts", "next_attempt_at", "last_error"],
    )
    links = [RetryAttempt(pk=pk, mapping_id=each["id"]) for _, each in kept for pk in each["attempts_made"]]
    RetryAttempt.objects.bulk_update(links, ["mapping"], batch_size=1_000)


def _of_mapping(row: ProblematicMapping, attempts_made: list[int]) -> Keepsake:
    return {
        "id": row.pk,
        "test_id": row.test_id,
        "state": row.state,
        "attempts": row.attempts,
        "next_attempt_at": row.next_attempt_at.isoformat(),
        "last_error": row.last_error,
        "mapped_by": row.mapped_by_id,
        "mapped_at": row.mapped_at.isoformat(),
        "attempts_made": attempts_made,
    }


def _mapping(event_id: UUID, kept: Keepsake, users: Collection[int]) -> ProblematicMapping:
    return ProblematicMapping(
        pk=kept["id"],
        event_id=event_id,
        test_id=kept["test_id"],
        state=kept["state"],
        attempts=kept["attempts"],
        next_attempt_at=datetime.fromisoformat(kept["next_attempt_at"]),
        last_error=kept["last_error"],
        mapped_by_id=kept["mapped_by"] if kept["mapped_by"] in users else None,
        mapped_at=datetime.fromisoformat(kept["mapped_at"]),
    )


def _still_there(user_ids: Iterator[int | None]) -> set[int]:
    return set(get_user_model().objects.filter(pk__in=set(filter(None, user_ids))).values_list("pk", flat=True))


def _ended(kept: Keepsake) -> datetime | None:
    return datetime.fromisoformat(kept["resolved_at"]) if kept["resolved_at"] else None
