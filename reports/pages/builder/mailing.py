"""Saved reports that are mailed regularly: the caller's own, and ending one."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from reports import schedules
from reports.models import ReportSchedule, SavedReport
from reports.pages import access, words
from sync.access import Access, Request
from sync.public_ids import NoSuchId

VIEW = "reports.view_reportschedule"


@dataclass(frozen=True, slots=True)
class Line:
    title: str
    url: str
    when: str
    more: str
    error: str
    delete_url: str


def lines(who: Access, saved: SavedReport | None = None) -> Sequence[Line]:
    """The caller's own schedules, or those of one saved report of theirs."""
    if not who.may(VIEW):
        return []
    rows = schedules.own(who).select_related("saved")
    return [_line(row) for row in (rows.filter(saved=saved) if saved else rows)]


@access.action(VIEW)
def end(request: Request, schedule: str) -> HttpResponse:
    try:
        found = schedules.find(access.of(request), schedule)
    except NoSuchId as refusal:
        raise Http404(str(refusal)) from None
    saved = found.saved
    found.delete()
    messages.success(request, f"{saved.title} is not mailed any more.")
    return HttpResponseRedirect(reverse("reports:report", args=[saved.public_id]))


def _line(row: ReportSchedule) -> Line:
    now = timezone.now()
    to = ", ".join(row.recipients[:3]) + (f" and {len(row.recipients) - 3} more" if len(row.recipients) > 3 else "")
    return Line(
        title=row.saved.title,
        url=reverse("reports:report", args=[row.saved.public_id]),
        when=row.when,
        more=f"{row.format} to {to}; next {words.ago(row.next_run_at, now)}",
        error=row.last_error,
        delete_url=reverse("reports:end_schedule", args=[row.public_id]),
    )
