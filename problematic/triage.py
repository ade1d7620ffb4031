"""What people do with an event: map test ids, and take them back; ``clearing`` puts events away.

Every step has one shape: check the rules, lock the rows, change them, write one history row. None of them calls
TestIO, and none has heard of a request: admin, API and commands all end here. ``step`` is the name under which
``problematic.undo`` takes it back; without one it gets a name of its own.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from uuid import UUID, uuid4

from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from problematic import keepsakes
from problematic.models import (
    CLAIMABLE,
    MappingState,
    ProblematicEvent,
    ProblematicMapping,
    TriageEntry,
)
from sync.pasted_ids import BIGINT_MAX, read_one, words

By = User | AnonymousUser | None


class TriageRefused(Exception):
    """A step the rules do not allow; the sentence says why and what to do instead."""


class NothingToRetry(TriageRefused):
    """Nothing of what was chosen waits for a retry: nothing is mapped there, or everything is stored."""


class EventEnded(NothingToRetry):
    """Nothing is left to retry of an event that is no longer open."""


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


def read_test_ids(text: str) -> list[int]:
    """Test ids from text as people paste it: separated by spaces, commas, semicolons or lines; ``#78``, ``T-90``,
    addresses of tests, and JSON are read too.

    Raises ``TriageRefused`` naming what is no test id.
    """
    ids = {word: _test_id(word) for word in words(text)}
    odd = [word.lstrip("#") for word, test_id in ids.items() if not test_id]
    if odd or not ids:
        what = ", ".join(odd[:5]) or "Nothing"
        raise BadTestIds(f"{what} is no test id. Give numbers, separated by spaces, commas or lines.")
    return list(dict.fromkeys(filter(None, ids.values())))


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
        [ProblematicMapping(event=event, test_id=test_id, mapped_by=user_of(by)) for test_id in added]
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
        event=event, action=action, by=user_of(by), test_ids=sorted(test_ids), step=step, before=before
    )


def user_of(by: By) -> User | None:
    """An anonymous user leaves no name; a missing one means the command line."""
    return by if isinstance(by, User) else None
