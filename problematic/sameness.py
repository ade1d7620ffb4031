"""Whether a gap and an event are the same place in the list.

A test has at most one gap right before it and one right after it, so one neighbour in common is enough. Where both
are others now (repaired, deleted or unreadable themselves) the place still is the same: the list is ordered by end.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

from problematic.models import ProblematicEvent
from sync.signals import Gap

_TOP = datetime.max.replace(tzinfo=UTC)
_END = datetime.min.replace(tzinfo=UTC)

#: The ends between which a gap lies, newest first.
_Extent = tuple[datetime, datetime]


def beside(events: Iterable[ProblematicEvent], before: int | None, after: int | None) -> ProblematicEvent | None:
    """The event with these neighbours' ids, or with one of them."""
    events = list(events)
    exact = [each for each in events if (each.boundary_before_id, each.boundary_after_id) == (before, after)]
    right_before = [each for each in events if after and each.boundary_after_id == after]
    right_after = [each for each in events if before and each.boundary_before_id == before]
    return next(iter(exact + right_before + right_after), None)


def around(events: Iterable[ProblematicEvent], gap: Gap) -> ProblematicEvent | None:
    """The first event that lies, at least in part, where the gap does."""
    place = _between(gap.before.end_at if gap.before else _TOP, gap.after.end_at if gap.after else _END)
    return next((each for each in events if _overlap(_extent(each), place)), None)


def continuation(event: ProblematicEvent, others: Collection[ProblematicEvent]) -> ProblematicEvent | None:
    """The one among others that holds the event's place now: gaps become one when what lay between them is gone."""
    found = beside(others, event.boundary_before_id, event.boundary_after_id)
    return found or next((each for each in others if _overlap(_extent(each), _extent(event))), None)


def ids(gap: Gap) -> tuple[int | None, int | None]:
    """The neighbours' test ids; None at the top and at the end of the list."""
    return gap.before.test_id if gap.before else None, gap.after.test_id if gap.after else None


def _extent(event: ProblematicEvent) -> _Extent | None:
    return _between(
        event.boundary_before_end_at if event.boundary_before_id else _TOP,
        event.boundary_after_end_at if event.boundary_after_id else _END,
    )


def _between(newest: datetime | None, oldest: datetime | None) -> _Extent | None:
    """None when a neighbour has no end: nobody can say then what lies beside it."""
    return (newest, oldest) if newest and oldest else None


def _overlap(one: _Extent | None, other: _Extent | None) -> bool:
    """Whether they share more than a moment: tests that end together may lie in any order."""
    return bool(one and other and one[0] > other[1] and other[0] > one[1])
