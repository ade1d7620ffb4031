"""A run while it goes on: how it stands, how far it has come, and cancelling it."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils import timezone

from sync import runs
from sync.admin import display
from sync.admin.moving import MovingPage
from sync.admin.steps import Steps
from sync.models import SyncEvent, SyncPhase
from sync.models.status import Status

TEMPLATES = "admin/sync/syncevent"

STATUS_COLOURS = {
    Status.RUNNING: "info",
    Status.SUCCEEDED: "success",
    Status.PARTIAL: "warning",
    Status.FAILED: "danger",
    Status.INTERRUPTED: "danger",
}


class _Request(HttpRequest):
    """One that has come through the login of the admin."""

    user: User


@admin.display(description="Status")
def run_status(row: SyncEvent | SyncPhase) -> str:
    return display.label(row.get_status_display(), STATUS_COLOURS.get(Status(row.status), ""))


@admin.display(description="Duration")
def run_duration(row: SyncEvent | SyncPhase) -> str:
    return display.duration((row.finished_at or timezone.now()) - row.started_at)


class RunSteps(MovingPage, Steps):
    """The views of a run that goes on."""

    moving_template = f"{TEMPLATES}/progress.html"

    def get_urls(self) -> list[URLPattern]:
        cancel = self.admin_site.admin_view(self.cancel_view)
        return [path("<uuid:run_id>/cancel/", cancel, name=self.url_name("cancel")), *super().get_urls()]

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "cancel_runs")

    def cancel_view(self, request: _Request, run_id: UUID) -> HttpResponse:
        """GET asks, POST cancels."""
        self.require(self.has_cancel_permission(request))
        run = get_object_or_404(self.get_queryset(request), pk=run_id)
        back = display.detail_url(SyncEvent, run.pk)
        if request.method != "POST":
            sentence = (
                f"Run {run} of customer {run.customer} will finish the page in hand and stop, wherever it works. "
                "What it has stored stays; the next sync goes on from there."
            )
            return self.ask(request, f"Cancel {run}?", sentence=sentence, yes="Yes, cancel it", back=back)
        if runs.request_cancel(run, request.user):
            self.message_user(request, f"Run {run} was asked to stop; it does within seconds.", messages.SUCCESS)
        else:
            self.message_user(request, f"Run {run} had ended before.", messages.WARNING)
        return HttpResponseRedirect(back)

    def moving(self, request: HttpRequest, run: SyncEvent) -> dict[str, Any] | None:
        return self.whole(request, run) if run.status == Status.RUNNING else None

    def whole(self, request: HttpRequest, run: SyncEvent) -> dict[str, Any]:
        going_on = run.status == Status.RUNNING
        rows = run.phases.select_related("product").defer("product__raw", "product__search", "warnings").order_by("pk")
        phases = list(rows) if going_on else []
        return {
            "going_on": going_on,
            "status": run_status(run),
            "duration": run_duration(run),
            "phases": phases,
            "at_work": [phase for phase in phases if phase.status == Status.RUNNING],
            "seen": sum(phase.seen for phase in phases),
            "calls": sum(phase.api_calls for phase in phases),
            "gaps": sum(phase.gaps for phase in phases),
            "cancel_requested": run.cancel_requested_at is not None,
            "cancelled_by": run.cancel_requested_by,
            "may_cancel": self.has_cancel_permission(request),
            "progress_url": self.address("progress", run.pk),
            "cancel_url": self.address("cancel", run.pk),
        }
