"""Starting a retry from a page, and showing how far it has come."""

from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpResponse

from problematic import audit, claims, jobs
from problematic.admin import looks
from problematic.admin.addressing import Request
from problematic.models import MappingState, ProblematicEvent, ProblematicMapping, RetryJob
from problematic.triage import AlreadyClaimed, TriageRefused
from sync.admin import display

_ERRORS_SHOWN = 10


def start(
    request: Request, mappings: "QuerySet[ProblematicMapping]", event: ProblematicEvent | None = None
) -> RetryJob:
    """A retry in the background. Raises ``TriageRefused`` and ``AlreadyClaimed`` when nothing could come of it."""
    claims.release_abandoned()
    states = set(claims.pending(mappings).order_by().values_list("state", flat=True).distinct())
    if not states:
        raise TriageRefused("Nothing that is mapped there waits for a retry. Map test ids first.")
    if states == {MappingState.RUNNING}:
        raise AlreadyClaimed("Everything mapped there is being retried right now. Wait for the result.")
    with transaction.atomic():
        job = jobs.start(mappings, by=request.user, event=event)
        audit.retry_started(request.user, job)
    return job


def started(job: RetryJob) -> str:
    return f"Started retry {job} of {looks.many(job.total, 'mapped test')}; it runs in the background."


def latest(event: ProblematicEvent) -> RetryJob | None:
    """The event's latest retry, or one of several events that is working on this one now."""
    ids = list(event.mappings.values_list("pk", flat=True))
    here = Q(event=event) | Q(status=RetryJob.Status.RUNNING, mapping_ids__overlap=ids)
    return RetryJob.objects.filter(here).select_related("requested_by").order_by("-started_at").first()


def is_running(job: RetryJob | None) -> bool:
    return job is not None and looks.shown_status(job) == RetryJob.Status.RUNNING


def facts(job: RetryJob, errors: int = _ERRORS_SHOWN) -> dict[str, Any]:
    """What the template of a job's progress reads."""
    return {
        "row": job,
        "url": display.detail_url(RetryJob, job.pk),
        "status": looks.job_status(job),
        "started": looks.ago(job.started_at),
        "errors": job.errors[:errors],
        "more_errors": max(0, len(job.errors) - errors),
    }


def load_anew(status: int = 200) -> HttpResponse:
    """The answer to a page that asks how things stand when it should load itself: all is over, or it may not know."""
    return HttpResponse(status=status, headers={"HX-Refresh": "true"})
