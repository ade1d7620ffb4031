"""What pages say about a retry in the background, and how far it has come."""

from typing import Any

from django.db.models import Q

from problematic.admin import looks
from problematic.models import ProblematicEvent, RetryJob
from sync.access import Access
from sync.admin import display

_ERRORS_SHOWN = 10


def started(job: RetryJob) -> str:
    return f"Started retry {job} of {looks.many(job.total, 'mapped test')}; it runs in the background."


def latest(event: ProblematicEvent, reader: Access) -> RetryJob | None:
    """The event's latest retry, or one of several events that is working on this one now, that the reader may see."""
    ids = list(event.mappings.values_list("pk", flat=True))
    here = Q(event=event) | Q(status=RetryJob.Status.RUNNING, mapping_ids__overlap=ids)
    return RetryJob.objects.seen(reader).filter(here).select_related("requested_by").order_by("-started_at").first()


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
        "notes": job.notes[:errors],
        "more_notes": max(0, len(job.notes) - errors),
    }
