"""Factories of the problematic rows; see `tests.factories` for what they promise."""

# mypy: untyped-calls-exclude=factory

from datetime import timedelta

from factory.declarations import LazyAttribute, LazyFunction, SelfAttribute, Sequence, SubFactory

from problematic.models import ProblematicEvent, ProblematicMapping, RetryAttempt, RetryJob, TriageEntry
from sync.models.process import this_process
from tests.factories import MARCH, ModelFactory, ProductFactory


class ProblematicEventFactory(ModelFactory[ProblematicEvent]):
    """An open event of one position between two tests that no other event has."""

    class Meta:
        model = ProblematicEvent

    product = SubFactory(ProductFactory)
    first_position = Sequence(lambda n: 2 * n)
    last_position = LazyAttribute(lambda made: made.first_position)
    boundary_before_id = Sequence(lambda n: 910_000 - 2 * n)
    boundary_before_end_at = MARCH + timedelta(days=1)
    boundary_after_id = LazyAttribute(lambda made: made.boundary_before_id - 1)
    boundary_after_end_at = MARCH - timedelta(days=1)


class ProblematicMappingFactory(ModelFactory[ProblematicMapping]):
    """A test id that is due for a retry."""

    class Meta:
        model = ProblematicMapping

    event = SubFactory(ProblematicEventFactory)
    test_id = Sequence(lambda n: 800_000 + n)


class RetryAttemptFactory(ModelFactory[RetryAttempt]):
    class Meta:
        model = RetryAttempt

    mapping = SubFactory(ProblematicMappingFactory)
    event = SelfAttribute("mapping.event")
    test_id = SelfAttribute("mapping.test_id")
    number = Sequence(lambda n: n + 1)
    started_at = MARCH
    outcome = RetryAttempt.Outcome.FAILED


class TriageEntryFactory(ModelFactory[TriageEntry]):
    class Meta:
        model = TriageEntry

    event = SubFactory(ProblematicEventFactory)
    action = TriageEntry.Action.FOUND


class RetryJobFactory(ModelFactory[RetryJob]):
    """A job that this process is working on now."""

    class Meta:
        model = RetryJob

    host = LazyFunction(lambda: this_process()["host"])
    pid = LazyFunction(lambda: this_process()["pid"])
    process_started = LazyFunction(lambda: this_process()["process_started"])
