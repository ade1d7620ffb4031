"""How events, mapped tests and jobs look, in lists, tables and sentences alike."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import cache
from uuid import UUID

from django.utils import timezone
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from problematic.models import (
    CLAIMABLE,
    EventStatus,
    MappingState,
    ProblematicEvent,
    ProblematicMapping,
    RetryAttempt,
    RetryJob,
    TriageEntry,
)
from sync.admin import display
from sync.models import Product, Test

EVENT_COLOURS = {EventStatus.OPEN: "warning", EventStatus.RESOLVED: "success", EventStatus.CLEARED: ""}

#: Word and colour.
STATES = {
    MappingState.QUEUED: ("queued", ""),
    MappingState.RUNNING: ("running", "info"),
    MappingState.SUCCEEDED: ("stored", "success"),
    MappingState.FAILED: ("failed", "warning"),
    MappingState.DEAD: ("given up", "danger"),
}
OUTCOME_COLOURS = {
    RetryAttempt.Outcome.SUCCEEDED: "success",
    RetryAttempt.Outcome.FAILED: "warning",
    RetryAttempt.Outcome.ABANDONED: "danger",
}
JOB_COLOURS = {
    RetryJob.Status.RUNNING: "info",
    RetryJob.Status.SUCCEEDED: "success",
    RetryJob.Status.PARTIAL: "warning",
    RetryJob.Status.FAILED: "danger",
    RetryJob.Status.INTERRUPTED: "danger",
}
_BY_THE_SYNC = (TriageEntry.Action.FOUND, TriageEntry.Action.SEEN, TriageEntry.Action.RESOLVED)
_IDS_SHOWN = 12
_TITLE_LENGTH = 60
_UNDO = (
    '<button type="submit" form="undo" name="step" value="{}" aria-label="Undo: {}" data-key="u" class="undo">'
    "Undo</button>"
)


@cache
def _label(text: str, colour: str) -> str:
    """A list shows the same few labels over and over, and each costs a template."""
    return display.label(text, colour)


def many(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def some_ids(test_ids: Iterable[int]) -> str:
    """Test ids in a row; so many that nobody reads them are counted."""
    ids = list(test_ids)
    more = f" and {len(ids) - _IDS_SHOWN:,} more" if len(ids) > _IDS_SHOWN else ""
    return ", ".join(map(str, ids[:_IDS_SHOWN])) + more


def with_undo(said: str, step: UUID) -> SafeString:
    """A message with a button that takes the step back, by the form that the pages of events have for it."""
    return format_html("{} {}", said, undo_button(step, said))


def undo_button(step: UUID, what: str) -> SafeString:
    return format_html(_UNDO, step, what)


def event_link(event: ProblematicEvent) -> SafeString:
    return display.link(display.detail_url(ProblematicEvent, event.pk), event.public_id)


def event_status(event: ProblematicEvent) -> str:
    return _label(event.status, EVENT_COLOURS[EventStatus(event.status)])


def mapping_state(mapping: ProblematicMapping) -> str:
    return _label(*STATES[MappingState(mapping.state)])


def ago(moment: datetime) -> SafeString | str:
    """How long ago, or how soon; within a minute nobody counts."""
    now = timezone.now()
    if abs(now - moment) < timedelta(minutes=1):
        return "just now" if moment <= now else "in a moment"
    return display.ago(moment, now)


def next_attempt(mapping: ProblematicMapping) -> str:
    if mapping.state not in CLAIMABLE:
        return display.EMPTY
    return ago(mapping.next_attempt_at) if mapping.next_attempt_at > timezone.now() else "due"


def outcome(attempt: RetryAttempt) -> str:
    return _label(attempt.get_outcome_display(), OUTCOME_COLOURS[RetryAttempt.Outcome(attempt.outcome)])


def job_status(job: RetryJob) -> str:
    status = shown_status(job)
    return _label(status.label, JOB_COLOURS[status])


def shown_status(job: RetryJob) -> RetryJob.Status:
    """A job that was abandoned has ended, also when nobody has written that down yet."""
    return RetryJob.Status.INTERRUPTED if job.is_abandoned else RetryJob.Status(job.status)


def done_by(entry: TriageEntry) -> str:
    if entry.by is not None:
        return entry.by.get_username()
    return "sync" if entry.action in _BY_THE_SYNC else "command line"


def test_link(test_id: int, titles: Mapping[int, str]) -> SafeString | str:
    """The id, and for a test that we have its title and the way to its page. ``titles`` are those of stored tests."""
    if test_id not in titles:
        return format_html('<span class="whitespace-nowrap">{}</span>', test_id)
    page = display.link(display.detail_url(Test, test_id), test_id)
    return format_html("{} {}", page, Truncator(titles[test_id].strip()).chars(_TITLE_LENGTH) or "Untitled test")


def titles_of(product: Product, test_ids: Iterable[int | None]) -> dict[int, str]:
    """Of stored tests of the product's customer: anybody may map any number, and must not learn another's titles."""
    tests = Test.objects.filter(product__customer=product.customer_id)
    return dict(tests.filter(pk__in=[test_id for test_id in test_ids if test_id]).values_list("pk", "title"))


def neighbour(product: Product, test_id: int | None, end_at: datetime | None, absent: str) -> SafeString | str:
    if test_id is None:
        return absent
    ends = f"ends {localize(timezone.localtime(end_at))} UTC" if end_at else "its end is not known"
    return format_html("{}, {}", test_link(test_id, titles_of(product, [test_id])), ends)
