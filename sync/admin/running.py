"""A run while it goes on: how it stands, how far it has come, and cancelling it."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from sync import runs
from sync.admin import display
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


class RunSteps(Steps):
    """The views of a run that goes on."""

    def get_urls(self) -> list[URLPattern]:
        # Progress is not wrapped like the others: a login page has no place inside a page that asks how things stand.
        cancel = self.admin_site.admin_view(self.cancel_view)
        return [
            path("<uuid:run_id>/progress/", self.progress_view, name=self.url_name("progress")),
            path("<uuid:run_id>/cancel/", cancel, name=self.url_name("cancel")),
            *super().get_urls(),
        ]

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "cancel_runs")

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        run = self.get_object(request, object_id or "")
        context = self._moving(request, run) if run else {}
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), **context})

    def progress_view(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        """The part of the page that moves; it tells the page to load anew once the run has ended."""
        if not (self.admin_site.has_permission(request) and self.has_view_permission(request)):
            return _load_anew(403)
        run = SyncEvent.objects.filter(pk=run_id).select_related("cancel_requested_by").first()
        if run is None or run.status != Status.RUNNING:
            return _load_anew(200 if run else 404)
        return TemplateResponse(request, f"{TEMPLATES}/progress.html", self._moving(request, run))

    def cancel_view(self, request: _Request, run_id: UUID) -> HttpResponse:
        """GET asks, POST cancels."""
        self.require(self.has_cancel_permission(request))
        run = get_object_or_404(SyncEvent, pk=run_id)
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

    def _moving(self, request: HttpRequest, run: SyncEvent) -> dict[str, Any]:
        going_on = run.status == Status.RUNNING
        rows = run.phases.select_related("product").defer("product__raw", "warnings").order_by("pk")
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


def _load_anew(status: int = 200) -> HttpResponse:
    return HttpResponse(status=status, headers={"HX-Refresh": "true"})
