"""What people do with an event: map test ids, take them back, get suggestions, clear.

Every step has one shape: check the rules, lock the rows, change them, write one history row. None of them calls
TestIO, and none has heard of a request: admin, API and commands all end here. ``step`` is the name under which
``problematic.undo`` takes it back; without one it gets a name of its own.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Self
from uuid import UUID, uuid4

from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from problematic import keepsakes
from problematic.models import (
    CLAIMABLE,
    EventStatus,
    MappingState,
    ProblematicEvent,
    ProblematicMapping,
    TriageEntry,
)
from sync import leases
from sync.models import Customer
from sync.pasted_ids import BIGINT_MAX, read_one
from sync.pipeline import SyncBusy

By = User | AnonymousUser | None

#: More events than this are only counted.
_SHOWN = 20


class TriageRefused(Exception):
    """A step the rules do not allow; the sentence says why and what to do instead."""


class NothingToRetry(TriageRefused):
    """Nothing of what was chosen waits for a retry: nothing is mapped there, or everything is stored."""


class EventEnded(NothingToRetry):
    """Nothing is left to retry of an event that is no longer open."""


class ChangedMeanwhile(TriageRefused):
    """Nothing of what was to be cleared is still as it was when somebody agreed to clear it."""


class BadTestIds(TriageRefused):
    """What was given are no test ids: wrong whatever state the event is in."""


class AlreadyClaimed(Exception):
    """Somebody else is working on this mapping, or it is not there (any more)."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """Test ids mapped now, taken up again after they had been given up or had succeeded, and mapped already."""

    added: list[int]
    revived: list[int]
    unchanged: list[int]


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


def read_test_ids(text: str) -> list[int]:
    """Test ids from text as people paste it: separated by spaces, commas, semicolons or lines; ``#78``, ``T-90`` and
    addresses of tests are read too.

    Raises ``TriageRefused`` naming what is no test id.
    """
    words = text.replace(",", " ").replace(";", " ").split()
    ids = [_test_id(word) for word in words]
    odd = [word.lstrip("#") for word, test_id in zip(words, ids, strict=True) if not test_id]
    if odd or not ids:
        what = ", ".join(odd[:5]) or "Nothing"
        raise BadTestIds(f"{what} is no test id. Give numbers, separated by spaces, commas or lines.")
    return list(dict.fromkeys(filter(None, ids)))


def _test_id(word: str) -> int | None:
    found = read_one(word)
    return found.number if found and found.kind in ("", "test") else None


@transaction.atomic
def map_tests(event: ProblematicEvent, test_ids: Iterable[int], by: By = None, *, step: UUID | None = None) -> Mapped:
    """Say which tests are hidden in an event; they are due for a retry at once. Safe to repeat.

    Ids mapped before stay as they are, except dead and succeeded ones, which are queued again. Raises
    ``TriageRefused`` for events that are no longer open and for numbers that are no test ids.
    """
    wanted = list(dict.fromkeys(test_ids))
    if not wanted or any(not 0 < test_id <= BIGINT_MAX for test_id in wanted):
        raise BadTestIds("Test ids are positive whole numbers; give at least one.")
    _lock_open(event)
    stored = dict(event.mappings.filter(test_id__in=wanted).values_list("test_id", "state"))
    added = [test_id for test_id in wanted if test_id not in stored]
    ProblematicMapping.objects.bulk_create(
        [ProblematicMapping(event=event, test_id=test_id, mapped_by=_user(by)) for test_id in added]
    )
    revived = [test_id for test_id in wanted if stored.get(test_id) in (MappingState.DEAD, MappingState.SUCCEEDED)]
    step = step or uuid4()
    if added:
        _write_history(event, TriageEntry.Action.MAPPED, by, added, step)
    if revived:
        _write_history(event, TriageEntry.Action.REVIVED, by, revived, step, event.mappings.filter(test_id__in=revived))
    _queue_again(event, revived)
    return Mapped(added, revived, [test_id for test_id in wanted if test_id in stored and test_id not in revived])


@transaction.atomic
def unmap(event: ProblematicEvent, test_ids: Iterable[int], by: By = None, *, step: UUID | None = None) -> list[int]:
    """Take mappings back; returns the ids that were mapped. Ids that were not are passed over.

    Raises ``AlreadyClaimed`` when one of them is being retried right now; nothing is changed then.
    """
    wanted = list(dict.fromkeys(test_ids))
    _lock(event)
    mappings = event.mappings.select_for_update().filter(test_id__in=wanted)
    running = [mapping.test_id for mapping in mappings if mapping.state == MappingState.RUNNING]
    if running:
        names = ", ".join(map(str, running))
        raise AlreadyClaimed(f"Test {names} is being retried right now. Wait for the result, then unmap it.")
    removed = sorted(mapping.test_id for mapping in mappings)
    if removed:
        _write_history(event, TriageEntry.Action.UNMAPPED, by, removed, step or uuid4(), mappings)
    event.mappings.filter(test_id__in=removed).exclude(state=MappingState.RUNNING).delete()
    return removed


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
            by=_user(by),
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


def _lock(event: ProblematicEvent) -> ProblematicEvent:
    locked = ProblematicEvent.objects.select_for_update().filter(pk=event.pk).first()
    if locked is None:
        raise TriageRefused(f"Event {event} is not there any more.")
    return locked


def _lock_open(event: ProblematicEvent) -> None:
    if not (locked := _lock(event)).is_open:
        raise TriageRefused(f"Event {event} is {locked.status}: {locked.resolution} Nothing needs to be mapped to it.")


def _queue_again(event: ProblematicEvent, test_ids: Collection[int]) -> None:
    waiting = event.mappings.filter(test_id__in=test_ids).exclude(state__in=(MappingState.RUNNING, *CLAIMABLE))
    waiting.update(state=MappingState.QUEUED, attempts=0, next_attempt_at=Now(), last_error="")


def _write_history(
    event: ProblematicEvent,
    action: TriageEntry.Action,
    by: By,
    test_ids: Collection[int],
    step: UUID,
    changed: "QuerySet[ProblematicMapping] | None" = None,
) -> None:
    """``changed``: mappings that the step is about to remove or change, and that undoing it puts back."""
    before = {} if changed is None else keepsakes.of_mappings(keepsakes.by_event(changed).get(event.pk, []))
    TriageEntry.objects.create(
        event=event, action=action, by=_user(by), test_ids=sorted(test_ids), step=step, before=before
    )


def _user(by: By) -> User | None:
    """An anonymous user leaves no name; a missing one means the command line."""
    return by if isinstance(by, User) else None
