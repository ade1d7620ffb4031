"""Taking a step of triage back: tests that were mapped or unmapped, events that were cleared.

It goes as long as nothing has happened to the event since: no person and no sync has done anything, and no retry has
taken up what was mapped. A step over many events is taken back where that holds, and says where it does not. Undoing
is a step of its own, with its own history row, and cannot be undone itself.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Max, QuerySet

from problematic import keepsakes, sameness
from problematic.clearing import no_sync
from problematic.models import EventStatus, MappingState, ProblematicEvent, ProblematicMapping, TriageEntry
from problematic.triage import By, TriageRefused

Action = TriageEntry.Action

#: What can be undone, and how it is called.
NOUNS = {
    Action.MAPPED: "mapping",
    Action.REVIVED: "queueing again",
    Action.UNMAPPED: "unmapping",
    Action.CLEARED: "clearing",
}
_SHOWN = 5


class NotUndone(TriageRefused):
    """Nothing of the step can be taken back any more, or there is no such step."""


@dataclass(frozen=True, slots=True)
class Undone:
    """What was taken back: events with the test ids concerned. ``left_out`` says why others were not.

    ``count``: of the test ids, those of several events as often as they are mapped.
    """

    what: str
    is_clear: bool
    events: list[ProblematicEvent]
    test_ids: list[int]
    count: int
    left_out: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Step:
    """What one step did to one event."""

    event: ProblematicEvent
    entries: list[TriageEntry]

    @property
    def test_ids(self) -> list[int]:
        return sorted(chain.from_iterable(entry.test_ids for entry in self.entries))

    def ids(self, *actions: Action) -> list[int]:
        return sorted(chain.from_iterable(entry.test_ids for entry in self.entries if entry.action in actions))

    @property
    def taken(self) -> list[keepsakes.Keepsake]:
        return [each for entry in self.entries for each in entry.before.get("mappings", ())]

    @property
    def reopens(self) -> bool:
        return any(entry.before.get("status") == EventStatus.OPEN for entry in self.entries)


def actions_of(step: UUID, among: "QuerySet[ProblematicEvent]") -> set[Action]:
    """What the step did, to those of the events; empty when there is no such step."""
    entries = TriageEntry.objects.filter(step=step, event__in=among.order_by().values("pk")).order_by()
    return {Action(word) for word in entries.values_list("action", flat=True).distinct()}


def undoable(event: ProblematicEvent) -> UUID | None:
    """The event's last step, when it can be taken back as things are."""
    last = event.history.order_by("-pk").first()
    if last is None or last.step is None:
        return None
    step = _Step(event, list(event.history.filter(step=last.step)))
    return None if _hindrance(step, last) else last.step


def undo(step: UUID, by: By, among: "QuerySet[ProblematicEvent]") -> Undone:
    """Take a step back, as far as it was about ``among``. Raises ``NotUndone`` when nothing of it can be.

    To bring cleared events back takes the leases of their products, so no sync finds the gaps anew meanwhile: raises
    ``SyncBusy``.
    """
    entries = TriageEntry.objects.filter(step=step, event__in=among.order_by().values("pk"))
    cleared = entries.filter(action=Action.CLEARED).order_by()
    with no_sync(set(cleared.values_list("event__product_id", flat=True))):
        return _undo(_steps(entries), by)


def _steps(entries: "QuerySet[TriageEntry]") -> list[_Step]:
    """With the events locked, in the order in which everybody locks them, and their mappings after them."""
    ids = entries.order_by().values("event")
    events = ProblematicEvent.objects.select_for_update().filter(pk__in=ids).order_by("pk")
    steps = {event.pk: _Step(event, []) for event in events}
    list(ProblematicMapping.objects.select_for_update().filter(event__in=list(steps)).order_by("pk"))
    for entry in entries.order_by("pk"):
        steps[entry.event_id].entries.append(entry)
    return list(steps.values())


def _undo(steps: Collection[_Step], by: By) -> Undone:
    latest = _latest(steps)
    reasons = [(step, _hindrance(step, latest[step.event.pk])) for step in steps]
    left_out = [reason for _, reason in reasons if reason]
    going = [step for step, reason in reasons if not reason]
    if not going:
        raise NotUndone(" ".join(left_out[:_SHOWN]) or "There is nothing to undo: no such step is known.")
    is_clear = any(entry.action == Action.CLEARED for entry in going[0].entries)
    _take_back(going)
    _write_history(going, by)
    test_ids = [test_id for step in going for test_id in step.test_ids]
    events = [step.event for step in going]
    return Undone(_nouns(going[0]), is_clear, events, sorted(set(test_ids)), len(test_ids), left_out)


def _latest(steps: Collection[_Step]) -> Mapping[UUID, TriageEntry]:
    newest = TriageEntry.objects.filter(event__in=[step.event for step in steps]).order_by().values("event")
    keys = newest.annotate(newest=Max("pk")).values("newest")
    return {entry.event_id: entry for entry in TriageEntry.objects.filter(pk__in=keys).select_related("by")}


def _hindrance(step: _Step, latest: TriageEntry) -> str:
    """Why the step cannot be taken back; nothing when it can."""
    event, last = step.event, step.entries[-1]
    if latest.pk != last.pk:
        who = f" by {latest.by}" if latest.by else ""
        return f"Event {event} was {latest.get_action_display().lower()}{who} since, so this cannot be undone any more."
    if taken_up := _taken_up(step):
        names = ", ".join(map(str, taken_up[:_SHOWN]))
        return f"Test {names} of event {event} was retried since, so mapping it cannot be undone. Unmap it instead."
    if step.reopens and (anew := _found_anew(event)):
        return f"A sync has found the gap of event {event} anew, as {anew}: map what is hidden there to that one."
    return ""


def _taken_up(step: _Step) -> list[int]:
    """Mapped tests that do not wait for their first attempt any more."""
    wanted = step.ids(Action.MAPPED, Action.REVIVED)
    if not wanted:
        return []
    untouched = step.event.mappings.filter(test_id__in=wanted, state=MappingState.QUEUED, attempts=0)
    return sorted(set(wanted) - set(untouched.values_list("test_id", flat=True)))


def _found_anew(event: ProblematicEvent) -> ProblematicEvent | None:
    others = ProblematicEvent.objects.open().filter(product=event.product_id).exclude(pk=event.pk).order_by("pk")
    return sameness.continuation(event, list(others))


def _take_back(steps: Iterable[_Step]) -> None:
    steps = list(steps)
    for step in steps:
        if added := step.ids(Action.MAPPED):
            step.event.mappings.filter(test_id__in=added, state=MappingState.QUEUED, attempts=0).delete()
    ends = {step.event.pk: entry.before for step in steps for entry in step.entries if entry.action == Action.CLEARED}
    keepsakes.put_back_events(ends)
    keepsakes.put_back_mappings({step.event.pk: step.taken for step in steps})


def _write_history(steps: Iterable[_Step], by: By) -> None:
    user = by if isinstance(by, User) else None
    TriageEntry.objects.bulk_create(
        TriageEntry(event=step.event, action=Action.UNDONE, by=user, test_ids=step.test_ids, detail=_told(step))
        for step in steps
    )


def _told(step: _Step) -> str:
    return f"Took back the {_nouns(step)} of {step.entries[-1].at:%Y-%m-%d %H:%M} UTC."


def _nouns(step: _Step) -> str:
    return " and ".join(NOUNS[Action(entry.action)] for entry in step.entries)
