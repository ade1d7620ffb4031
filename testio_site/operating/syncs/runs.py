"""A run as the pages know it: found for whoever asks, and put into words."""

from datetime import datetime

from django.http import Http404
from django.utils import timezone

from reports.pages import words
from sync.access import Access, seen
from sync.models import SyncEvent, SyncPhase
from sync.models.run import RUN_PREFIX
from sync.public_ids import NoSuchId, find

VIEW, START, CANCEL = "sync.view_syncevent", "sync.run_syncs", "sync.cancel_runs"


def found(who: Access, text: str) -> SyncEvent:
    """The run of that id, with its customer and the people behind it. Raises ``Http404`` where they see none."""
    rows = seen(SyncEvent.objects.select_related("customer", "requested_by", "cancel_requested_by"), who, "customer")
    try:
        return find(rows, RUN_PREFIX, text)
    except NoSuchId as refusal:
        raise Http404(str(refusal)) from None


def seconds(row: SyncEvent | SyncPhase, now: datetime | None = None) -> float:
    """How long it took, so far if it goes on."""
    return ((row.finished_at or now or timezone.now()) - row.started_at).total_seconds()


def origin(run: SyncEvent) -> str:
    """ "in the browser by ops", "from the command line", "in the background"."""
    trigger = SyncEvent.Trigger(run.trigger)
    ways = {
        SyncEvent.Trigger.COMMAND: "from the command line",
        SyncEvent.Trigger.ADMIN: "in the browser",
        SyncEvent.Trigger.API: "over the API",
        SyncEvent.Trigger.BACKGROUND: "in the background",
    }
    return f"{ways[trigger]} by {run.requested_by.get_username()}" if run.requested_by else ways[trigger]


def mode(run: SyncEvent) -> str:
    return run.get_mode_display().lower()


def title(run: SyncEvent) -> str:
    """For choosing among several: "2026-03-02 14:03 UTC, full, succeeded"."""
    return f"{run.started_at:%Y-%m-%d %H:%M} UTC, {mode(run)}, {run.get_status_display().lower()}"


def signed(difference: int) -> str:
    """ "+3", "−2"; nothing where nothing differs."""
    return f"{'+' if difference > 0 else '−'}{words.count(abs(difference))}" if difference else ""


def signed_duration(difference: float) -> str:
    """The same of seconds; less than one is none."""
    whole = round(difference)
    return f"{'+' if whole > 0 else '−'}{words.duration(abs(whole))}" if whole else ""
