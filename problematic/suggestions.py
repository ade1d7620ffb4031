"""Which tests may be hidden in an event: said with the reason, never mapped without a person.

Sources are our own tables only: tests known before that end between the two neighbours and can therefore lie
nowhere else in a list that is ordered by end; tests whose own address cannot be read either; and test ids that bugs
of the product mention and no list shows.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, Q

from problematic.models import EventStatus, MappingState, ProblematicEvent, ProblematicMapping
from sync.models import Bug, Test

#: More candidates than this are no help to a person.
_MOST = 50

#: How long before its end a test's last bug may have been reported.
_LONGEST_TEST = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A test id and why it may be the one. ``title`` and ``end_at`` are as last known; ``bugs`` mention it."""

    test_id: int
    reason: str
    title: str = ""
    end_at: datetime | None = None
    bugs: int = 0


def suggest(event: ProblematicEvent) -> list[Suggestion]:
    """Candidates that are not mapped to the event yet, the strongest evidence first."""
    left_out = set(event.mappings.values_list("test_id", flat=True))
    found: list[Suggestion] = []
    for source in (_known_between, _known_unreadable, _mentioned_by_bugs):
        found += source(event, left_out | {suggestion.test_id for suggestion in found})
    return found


def nothing_found(event: ProblematicEvent) -> str:
    """Why there may be no suggestion, and what to do then."""
    if not event.is_open:
        return f"Event {event} is {event.status}: {event.resolution} Nothing in the database hints at what was hidden."
    states = list(event.mappings.values_list("state", flat=True))
    stored = states.count(MappingState.SUCCEEDED)
    if not states:
        return f"Nothing in the database hints at what is hidden in {event}. Look it up in TestIO."
    said = []
    if stored:
        said.append(f"{_tests(stored)} mapped to {event} and stored; the next sync of the product confirms it.")
    if waiting := len(states) - stored:
        said.append(f"{_tests(waiting)} mapped to {event} and not stored yet.")
    return " ".join([*said, "Nothing in the database hints at others."])


def _tests(count: int) -> str:
    return "1 test is" if count == 1 else f"{count} tests are"


def _known_unreadable(event: ProblematicEvent, leave_out: Collection[int]) -> list[Suggestion]:
    """Tests whose own address answered 500, and which by their end could be here; ends may be unknown."""
    tests = Test.objects.filter(product=event.product_id, missing_since=None, freshness__unreadable_since__isnull=False)
    newest, oldest = event.boundary_before_end_at, event.boundary_after_end_at
    tests = tests.filter(Q(end_at=None) | Q(end_at__lte=newest)) if newest else tests
    tests = tests.filter(Q(end_at=None) | Q(end_at__gte=oldest)) if oldest else tests
    tests = tests.exclude(pk__in=leave_out).select_related("freshness").order_by("-pk")
    return [
        Suggestion(
            test.pk,
            f"Known since {test.first_seen_at:%Y-%m-%d}. Its own address answers 500 since "
            f"{test.freshness.unreadable_since:%Y-%m-%d %H:%M} UTC.",
            test.title,
            test.end_at,
        )
        for test in tests[:_MOST]
    ]


def _known_between(event: ProblematicEvent, leave_out: Collection[int]) -> list[Suggestion]:
    newest, oldest = event.boundary_before_end_at, event.boundary_after_end_at
    if (event.boundary_before_id and newest is None) or (event.boundary_after_id and oldest is None):
        return []  # a neighbour without an end says nothing about what lies beside it
    neighbours = [each for each in (event.boundary_before_id, event.boundary_after_id) if each]
    tests = Test.objects.filter(product=event.product_id, missing_since=None, end_at__isnull=False)
    tests = tests.exclude(pk__in=[*neighbours, *leave_out]).order_by("-end_at", "-pk")
    between = tests.filter(end_at__lt=newest) if newest else tests
    between = between.filter(end_at__gt=oldest) if oldest else between
    known = [_known(test, "between the two neighbours, where the last sync could not read") for test in between[:_MOST]]
    if len(known) < event.size:
        # Tests that end together with a neighbour may lie on either side of it.
        beside = tests.filter(end_at__in=[end for end in (newest, oldest) if end])
        known += [_known(test, "together with a neighbour, so it may lie beside it") for test in beside[:_MOST]]
    return known


def _known(test: Test, where: str) -> Suggestion:
    reason = f"Known since {test.first_seen_at:%Y-%m-%d}. It ends on {test.end_at:%Y-%m-%d %H:%M} UTC, {where}."
    return Suggestion(test.pk, reason, test.title, test.end_at)


def _mentioned_by_bugs(event: ProblematicEvent, leave_out: Collection[int]) -> list[Suggestion]:
    """Tests whose bugs we have and which no list shows; those whose bugs fit the event's place in time come first."""
    waiting = Bug.objects.filter(
        product=event.product_id, test=None, mentioned_test_id__isnull=False, missing_since=None
    )
    # Bugs do not say in which gap their test hides: what a person has put into another one is not offered here.
    elsewhere = ProblematicMapping.objects.filter(event__product=event.product_id, event__status=EventStatus.OPEN)
    unmapped = waiting.exclude(mentioned_test_id__in=elsewhere.values("test_id"))
    mentioned = unmapped.exclude(mentioned_test_id__in=leave_out).order_by().values_list("mentioned_test_id")
    counted = mentioned.annotate(bugs=Count("pk"), first=Min("reported_at"), last=Max("reported_at"))
    found = [(_fits(event, first, last), test_id, bugs, first, last) for test_id, bugs, first, last in counted]
    return [
        Suggestion(test_id, _mention(bugs, first, last, fits=fits), bugs=bugs)
        for fits, test_id, bugs, first, last in sorted(found, key=lambda each: (not each[0], -each[2], each[1]))[:_MOST]
    ]


def _mention(bugs: int, first: datetime | None, last: datetime | None, *, fits: bool) -> str:
    reported = f", reported from {first:%Y-%m-%d} to {last:%Y-%m-%d}" if first and last else ""
    fit = ", which fits between the neighbours" if fits else ""
    return f"No list shows it, but this product has bugs that mention it ({bugs}{reported}{fit})."


def _fits(event: ProblematicEvent, first: datetime | None, last: datetime | None) -> bool:
    """Bugs are reported while their test runs, so not after its end and, most tests being short, soon before it."""
    if first is None or last is None:
        return False
    newest, oldest = event.boundary_before_end_at, event.boundary_after_end_at
    return (newest is None or last <= newest) and (oldest is None or last >= oldest - _LONGEST_TEST)


def as_json(suggestion: Suggestion) -> dict[str, Any]:
    return asdict(suggestion)
