"""Retries in the background, with their progress."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from problematic.admin import looks, retrying
from problematic.admin.addressing import ByPublicId
from problematic.admin.filters import JobStatusFilter
from problematic.models import JOB_PREFIX, RetryJob
from sync import access
from sync.admin import display
from sync.admin.base import ReadOnlyAdmin
from sync.admin.moving import MovingPage

_ALL_ERRORS = 1_000

TEMPLATES = "admin/problematic/retryjob"


@admin.register(RetryJob)
class RetryJobAdmin(MovingPage, ByPublicId, ReadOnlyAdmin):
    customer_path = None  # several, for a retry over several events: see ``visible``
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
    moving_template = change_form_outer_before_template = f"{TEMPLATES}/progress.html"

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

    def visible(self, request: HttpRequest, rows: Any) -> QuerySet[Any]:
        seen: QuerySet[Any] = rows.seen(access.of_request(request))
        return seen

    def rows(self) -> QuerySet[Any]:
        return RetryJob.objects.all()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[RetryJob] = super().get_queryset(request)
        return rows.annotate(asked=F("mapping_ids__len"))

    def whole(self, request: HttpRequest, job: RetryJob) -> dict[str, Any]:
        return {
            "job": retrying.facts(job, errors=_ALL_ERRORS),
            "retrying": retrying.is_running(job),
            "progress_url": self.address("progress", job.pk),
        }

    def moving(self, request: HttpRequest, job: RetryJob) -> dict[str, Any] | None:
        return self.whole(request, job) if retrying.is_running(job) else None

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
