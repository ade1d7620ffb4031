"""What could not be read and what is done about it, one module per concept."""

from problematic.models.attempt import RetryAttempt
from problematic.models.entry import TriageEntry
from problematic.models.event import EVENT_PREFIX, EventStatus, ProblematicEvent
from problematic.models.job import JOB_PREFIX, RetryJob
from problematic.models.mapping import CLAIMABLE, PENDING, MappingState, ProblematicMapping

__all__ = [
    "CLAIMABLE",
    "EVENT_PREFIX",
    "JOB_PREFIX",
    "PENDING",
    "EventStatus",
    "MappingState",
    "ProblematicEvent",
    "ProblematicMapping",
    "RetryAttempt",
    "RetryJob",
    "TriageEntry",
]
