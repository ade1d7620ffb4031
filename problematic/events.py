"""Gaps become events: listened for inside the transaction that stores the page, so neither exists without the other."""

from collections.abc import Collection
from typing import Any

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.dispatch import receiver

from problematic import sameness
from problematic.models import EventStatus, MappingState, ProblematicEvent, TriageEntry
from sync.models import Product, SyncEvent
from sync.signals import Gap, Path, gap_found, page_read

READ_THROUGH = "A sync read through this place: nothing is hidden here any more."
NOT_FOUND = "A sync read the whole list and met no gap here any more."
JOINED = "This gap became one with that of event {event}, which goes on with its mapped tests."


@receiver(gap_found)
def record_gap(*, run: SyncEvent, product: Product, gap: Gap, **_: Any) -> None:
    """The same gap is the same event: seen again it is counted, otherwise a new event is opened.

    The writer holds the product's lease, so no other gap of this product is recorded at the same time.
    """
    known = _same(run, product, gap)
    place = _place(run, gap)
    if known is None:
        event = ProblematicEvent.objects.create(product=product, **place)
        _write_history(event, TriageEntry.Action.FOUND, f"Run {run}: {gap}.")
        return
    ProblematicEvent.objects.filter(pk=known.pk).update(
        occurrences=F("occurrences") + 1, recovery_attempts=F("recovery_attempts") + 1, last_seen_at=Now(), **place
    )
    if (known.boundary_before_id, known.boundary_after_id) != sameness.ids(gap):
        # Seen unchanged is only counted: a history of every walk would bury what people did.
        _write_history(known, TriageEntry.Action.SEEN, f"Run {run}: {gap}.")


@receiver(page_read)
def resolve_read_through(*, run: SyncEvent, product: Product, path: Path, **_: Any) -> None:
    """Open events whose place the walk has read through resolve themselves and say so.

    After the whole list was read, so does every event this run did not see: its neighbours may be gone too.
    """
    unresolved = list(_unresolved(product))
    read = [each for each in unresolved if path.leads(each.boundary_before_id, each.boundary_after_id)]
    for event in read:
        _resolve(event, f"{READ_THROUGH} (Run {run}.)")
    if path.is_complete:
        seen = [each for each in unresolved if each.sync_event_id == run.pk and each not in read]
        for event in unresolved:
            if event not in read and event not in seen:
                _end(event, seen, run)


def _same(run: SyncEvent, product: Product, gap: Gap) -> ProblematicEvent | None:
    before, after = sameness.ids(gap)
    candidates = Q(boundary_before_id=before, boundary_after_id=after)
    candidates |= Q(boundary_before_id=before or 0) | Q(boundary_after_id=after or 0)
    beside = sameness.beside(_unresolved(product).filter(candidates), before, after)
    return beside or sameness.around(_unresolved(product).exclude(sync_event=run), gap)


def _unresolved(product: Product) -> "QuerySet[ProblematicEvent]":
    return ProblematicEvent.objects.open().filter(product=product).order_by("first_seen_at", "pk")


def _place(run: SyncEvent, gap: Gap) -> dict[str, Any]:
    before, after = sameness.ids(gap)
    return {
        "sync_event": run,
        "first_position": gap.first_position,
        "last_position": gap.last_position,
        "boundary_before_id": before,
        "boundary_before_end_at": gap.before.end_at if gap.before else None,
        "boundary_after_id": after,
        "boundary_after_end_at": gap.after.end_at if gap.after else None,
    }


def _end(event: ProblematicEvent, seen: Collection[ProblematicEvent], run: SyncEvent) -> None:
    """An event the whole list has no gap for: joined to the one that holds its place now, or resolved."""
    successor = sameness.continuation(event, seen)
    if successor is None:
        _resolve(event, f"{NOT_FOUND} (Run {run}.)")
        return
    _resolve(event, f"{JOINED.format(event=successor)} (Run {run}.)")
    _carry_over(event, successor, f"Run {run}: the gap of event {event} became one with this.")


def _carry_over(event: ProblematicEvent, successor: ProblematicEvent, detail: str) -> None:
    """What people mapped to an event stays in view: it is about the successor's place now. Needs ``event`` locked."""
    ProblematicEvent.objects.select_for_update().get(pk=successor.pk)
    there = list(successor.mappings.values_list("test_id", flat=True))
    carried = event.mappings.exclude(state=MappingState.SUCCEEDED).exclude(test_id__in=there)
    test_ids = sorted(carried.values_list("test_id", flat=True))
    carried.update(event=successor)
    _write_history(successor, TriageEntry.Action.SEEN, detail, test_ids)


def _resolve(event: ProblematicEvent, resolution: str) -> None:
    open_event = ProblematicEvent.objects.open().filter(pk=event.pk)
    if open_event.update(status=EventStatus.RESOLVED, resolved_at=Now(), resolution=resolution):
        _write_history(event, TriageEntry.Action.RESOLVED, resolution)


def _write_history(
    event: ProblematicEvent, action: TriageEntry.Action, detail: str, test_ids: Collection[int] = ()
) -> None:
    TriageEntry.objects.create(event=event, action=action, detail=detail, test_ids=list(test_ids))
