"""Retries in the background, with their progress."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from problematic.admin import looks, retrying
from problematic.admin.addressing import ByPublicId
from problematic.admin.filters import JobStatusFilter
from problematic.models import JOB_PREFIX, RetryJob
from sync.admin import display
from sync.admin.base import ReadOnlyAdmin
from sync.public_ids import NoSuchId

_ALL_ERRORS = 1_000

TEMPLATES = "admin/problematic/retryjob"


@admin.register(RetryJob)
class RetryJobAdmin(ByPublicId, ReadOnlyAdmin):
    id_prefix = JOB_PREFIX
    list_display = ("job", "event", "status_shown", "progress", "requested_by", "started", "duration")
    list_select_related = ("event", "requested_by")
    list_only = (
        "event__event_id", "requested_by__username", "status", "host", "pid", "process_started", "tests_retried",
        "tests_succeeded", "tests_failed", "started_at", "heartbeat_at", "finished_at",
    )  # fmt: skip
    list_filter = (JobStatusFilter,)
    sortable_by = ("started",)
    ordering = ("-started_at",)
    search_numbers = ("pk",)
    search_help_text = "Job id, or its beginning"
    change_form_outer_before_template = f"{TEMPLATES}/progress.html"

    class Media:
        css: ClassVar[dict[str, list[str]]] = {"all": ["problematic/triage.css"]}

    fieldsets = (
        (
            None,
            {
                "fields": (("event", "requested_by"), ("started_at", "finished_at"), ("duration", "job_id"))
            },
        ),
        ("Process", {"classes": ("collapse",), "fields": ("host", "pid")}),
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[RetryJob] = super().get_queryset(request)
        return rows.annotate(asked=F("mapping_ids__len"))

    def get_urls(self) -> list[URLPattern]:
        name = "problematic_retryjob_progress"
        return [path("<str:object_id>/progress/", self.progress_view, name=name), *super().get_urls()]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        job = self.get_object(request, object_id or "")
        context = _moving(job) if job else {}
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), **context})

    def progress_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if not (self.admin_site.has_permission(request) and self.has_view_permission(request)):
            return retrying.load_anew(403)
        try:
            job: RetryJob = self.find(object_id)
        except NoSuchId:
            return retrying.load_anew(404)
        context = _moving(job)
        if not context["retrying"]:
            return retrying.load_anew()
        return TemplateResponse(request, f"{TEMPLATES}/progress.html", context)

    @admin.display(description="Job")
    def job(self, job: RetryJob) -> str:
        return job.public_id

    @admin.display(description="Status")
    def status_shown(self, job: RetryJob) -> str:
        return looks.job_status(job)

    @admin.display(description="Progress")
    def progress(self, job: RetryJob) -> str:
        return f"{job.tests_retried:,} of {getattr(job, 'asked', 0):,} tried, {job.tests_succeeded:,} stored"

    @admin.display(description="Started", ordering="started_at")
    def started(self, job: RetryJob) -> str:
        return looks.ago(job.started_at)

    @admin.display(description="Duration")
    def duration(self, job: RetryJob) -> str:
        if job.finished_at is None and not retrying.is_running(job):
            return display.EMPTY
        return display.duration((job.finished_at or timezone.now()) - job.started_at)


def _moving(job: RetryJob) -> dict[str, Any]:
    return {
        "job": retrying.facts(job, errors=_ALL_ERRORS),
        "retrying": retrying.is_running(job),
        "progress_url": reverse("admin:problematic_retryjob_progress", args=[job.pk]),
    }
