"""Clearing: events that are put away with everything mapped to them, one by one or a whole scope at once.

A step of triage like those in ``triage``, but one over many events, under the leases of their products.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Self
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from problematic import keepsakes
from problematic.models import EventStatus, MappingState, ProblematicEvent, ProblematicMapping, TriageEntry
from problematic.triage import AlreadyClaimed, By, TriageRefused, user_of
from sync import leases
from sync.models import Customer
from sync.pipeline import SyncBusy

#: More events than this are only counted.
_SHOWN = 20


class ChangedMeanwhile(TriageRefused):
    """Nothing of what was to be cleared is still as it was when somebody agreed to clear it."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """What a clear came to. ``left_out`` are events some of whose tests, ``in_retry``, are being retried right now.

    ``changed`` are events whose mapped tests are not those any more that somebody had agreed to clear.
    """

    position_ranges_cleared: int
    test_ids_cleared: int
    left_out: list[ProblematicEvent] = field(default_factory=list)
    in_retry: list[int] = field(default_factory=list)
    changed: list[ProblematicEvent] = field(default_factory=list)
    events: list[ProblematicEvent] = field(default_factory=list, repr=False, compare=False)

    @property
    def remark(self) -> str:
        """What was left out and why; nothing when nothing was."""
        in_retry = f"Left out {_names(self.left_out)}. {_in_retry(self.in_retry)}" if self.left_out else ""
        return " ".join(filter(None, (in_retry, _changed(self.changed) if self.changed else "")))


@dataclass(frozen=True, slots=True)
class Scope:
    """Which events a step is about. No product ids means all of the customers', no event ids (None) all of those."""

    customers: Collection[Customer]
    product_ids: Collection[int] = ()
    resolved_only: bool = False
    event_ids: Collection[UUID] | None = None

    @classmethod
    def of(cls, event_ids: Collection[UUID]) -> Self:
        """Just these events."""
        customers = Customer.objects.filter(products__problematic_events__in=event_ids).distinct()
        return cls(customers, event_ids=event_ids)

    def events(self) -> "QuerySet[ProblematicEvent]":
        """Events that were not cleared yet."""
        events = ProblematicEvent.objects.filter(product__customer__in=self.customers)
        events = events.exclude(status=EventStatus.CLEARED)
        if self.product_ids:
            events = events.filter(product_id__in=self.product_ids)
        if self.event_ids is not None:
            events = events.filter(pk__in=self.event_ids)
        return events.filter(status=EventStatus.RESOLVED) if self.resolved_only else events


def clear(
    scope: Scope,
    by: By = None,
    *,
    agreed: Mapping[UUID, Collection[int]] | None = None,
    step: UUID | None = None,
) -> Cleared:
    """Put events away and remove their mappings; how many of each. A gap that is still there is found anew.

    ``agreed``: the test ids mapped to each event when somebody agreed to clear it; events with others now are left
    out. So are events some of whose tests are being retried right now, and the result says both; raises
    ``ChangedMeanwhile`` or ``AlreadyClaimed`` when that leaves none. Takes the lease of every product concerned, so
    no sync is recording there meanwhile: raises ``SyncBusy``.
    """
    product_ids = set(scope.events().values_list("product_id", flat=True))
    with no_sync(product_ids):
        return _clear(scope.events().filter(product_id__in=product_ids), by, agreed, step or uuid4())


@contextmanager
def no_sync(product_ids: Collection[int]) -> Iterator[None]:
    """One transaction during which no sync records anything for these products. Raises ``SyncBusy``."""
    held, busy = leases.acquire(product_ids, uuid4())
    try:
        if busy:
            raise SyncBusy(busy)
        with transaction.atomic():
            for lease in sorted(held, key=lambda each: each.product_id):
                lease.prove()
            yield
    finally:
        for lease in held:
            lease.release()


def _clear(
    scoped: "QuerySet[ProblematicEvent]", by: By, agreed: Mapping[UUID, Collection[int]] | None, step: UUID
) -> Cleared:
    at = timezone.now()
    found = list(scoped.select_for_update(of=("self",)).order_by("pk"))
    ids_of, in_retry = _lock_mappings(found)
    changed = [] if agreed is None else [each for each in found if _differs(each, ids_of, agreed)]
    in_retry = {pk: ids for pk, ids in in_retry.items() if pk not in {event.pk for event in changed}}
    events = [event for event in found if event.pk not in in_retry and event not in changed]
    running = sorted(chain(*in_retry.values()))
    if running and not events:
        raise AlreadyClaimed(_in_retry(running))
    if changed and not events:
        raise ChangedMeanwhile(_changed(changed))
    _put_away(events, ids_of, by, at, step)
    left_out = [event for event in found if event.pk in in_retry]
    tests = sum(len(ids_of.get(event.pk, [])) for event in events)
    return Cleared(len(events), tests, left_out, running, changed, events)


def _put_away(
    events: Collection[ProblematicEvent], ids_of: Mapping[UUID, list[int]], by: By, at: datetime, step: UUID
) -> None:
    mappings = ProblematicMapping.objects.filter(event__in=events)
    taken = keepsakes.by_event(mappings)
    TriageEntry.objects.bulk_create(
        TriageEntry(
            event=event,
            action=TriageEntry.Action.CLEARED,
            at=at,
            by=user_of(by),
            test_ids=ids_of.get(event.pk, []),
            detail=f"It was {event.status} before.",
            step=step,
            before=keepsakes.of_event(event, taken.get(event.pk, [])),
        )
        for event in events
    )
    mappings.delete()
    ProblematicEvent.objects.filter(pk__in=[event.pk for event in events]).update(
        status=EventStatus.CLEARED, resolved_at=at, resolution=f"Cleared by {by or 'the command line'}."
    )


def _differs(event: ProblematicEvent, now: Mapping[UUID, list[int]], agreed: Mapping[UUID, Collection[int]]) -> bool:
    return event.pk not in agreed or set(now.get(event.pk, ())) != set(agreed[event.pk])


def _lock_mappings(events: Collection[ProblematicEvent]) -> tuple[dict[UUID, list[int]], dict[UUID, list[int]]]:
    """Test ids by event: all that are mapped, and those that are being retried. Nobody claims more until the end."""
    mapped: dict[UUID, list[int]] = {}
    running: dict[UUID, list[int]] = {}
    rows = ProblematicMapping.objects.filter(event__in=events).select_for_update().order_by("pk")
    for event_id, test_id, state in sorted(rows.values_list("event_id", "test_id", "state")):
        mapped.setdefault(event_id, []).append(test_id)
        if state == MappingState.RUNNING:
            running.setdefault(event_id, []).append(test_id)
    return mapped, running


def _in_retry(test_ids: Collection[int]) -> str:
    which = f"Test {next(iter(test_ids))} is" if len(test_ids) == 1 else f"{len(test_ids)} of its tests are"
    return f"{which} being retried right now. Wait for the result, then clear."


def _changed(events: Collection[ProblematicEvent]) -> str:
    return f"What is mapped to {_names(events)} changed meanwhile, so it stays. Look again, then clear."


def _names(events: Collection[ProblematicEvent]) -> str:
    first = ", ".join(map(str, list(events)[:_SHOWN]))
    return f"{first} and {len(events) - _SHOWN} more" if len(events) > _SHOWN else first
