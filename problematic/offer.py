"""What a clear would put away, as it stands when a person is asked: exactly that may go afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from problematic.clearing import Scope
from problematic.models import EventStatus, ProblematicMapping


@dataclass(frozen=True, slots=True)
class Offer:
    """The test ids mapped to each of the events, and how many of the events are still open."""

    test_ids: Mapping[UUID, frozenset[int]]
    still_open: int

    @classmethod
    def of(cls, scope: Scope) -> Self:
        states = dict(scope.events().values_list("pk", "status"))
        test_ids: dict[UUID, set[int]] = {event_id: set() for event_id in states}
        mapped = ProblematicMapping.objects.filter(event__in=scope.events().order_by().values("pk"))
        for event_id, test_id in mapped.values_list("event_id", "test_id"):
            if event_id in test_ids:  # others were found just now
                test_ids[event_id].add(test_id)
        still_open = sum(status == EventStatus.OPEN for status in states.values())
        return cls({event_id: frozenset(ids) for event_id, ids in test_ids.items()}, still_open)

    @property
    def events(self) -> int:
        return len(self.test_ids)

    @property
    def question(self) -> str:
        tests = sum(map(len, self.test_ids.values()))
        events = "1 event" if self.events == 1 else f"{self.events} events"
        ids = "1 mapped test id" if tests == 1 else f"{tests} mapped test ids"
        return f"Clear {events} ({self.still_open} still open) with {ids}?"
