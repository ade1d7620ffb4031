"""Retries in the background, as rows whose progress anybody can watch."""

import logging
import threading

import stamina
from django.contrib.auth.models import User
from django.db import DatabaseError, InterfaceError, OperationalError, connection, connections, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from problematic import claims
from problematic.models import ProblematicEvent, ProblematicMapping, RetryJob
from problematic.retry import RetryResult, retry_mappings, worker_name
from sync.models.process import this_process
from sync.pipeline import SyncBusy, SyncImpossible
from sync.testio.errors import TestIOError

log = logging.getLogger(__name__)

Status = RetryJob.Status


def start(
    mappings: "QuerySet[ProblematicMapping]",
    *,
    by: User | None = None,
    event: ProblematicEvent | None = None,
) -> RetryJob:
    """Begin to retry these mappings once the current transaction is committed; returns the job to watch."""
    interrupt_dead()
    ids = list(claims.pending(mappings).values_list("pk", flat=True))
    job = RetryJob.objects.create(requested_by_id=by.pk if by else None, mapping_ids=ids, event=event, **this_process())
    transaction.on_commit(lambda: _run_in_thread(job))
    return job


def run(job: RetryJob) -> None:
    """Do a job's work and record its end. Waits for products that are being synced."""
    mappings = ProblematicMapping.objects.filter(pk__in=job.mapping_ids)
    result = RetryResult()
    # Until something better is known: an exception nobody named must not leave the job "running".
    error = "The retry stopped on an unexpected error; the log has its details. What it had stored stays."
    try:
        result = retry_mappings(mappings, wait=True, report=lambda so_far: _save(job, so_far))
        error = ""
    except (TestIOError, SyncImpossible, SyncBusy) as trouble:
        error = str(trouble)
    except (OperationalError, InterfaceError) as trouble:
        log.warning("Retry job %s lost the database: %s", job, trouble)
        error = "The database went away during the retry. What was stored stays; retry the rest."
        _return_claims()
    finally:
        _finish(job, result, error)


def _return_claims() -> None:
    """On a fresh connection, once there is one again: what this worker had claimed goes back to the queue."""
    for attempt in stamina.retry_context(on=(OperationalError, InterfaceError), attempts=None, timeout=120):
        with attempt:
            connection.close()
            claims.release_of(worker_name())


def interrupt_dead() -> int:
    """Mark running jobs whose process is gone; their claims go back by themselves."""
    dead = [job.pk for job in RetryJob.objects.filter(status=Status.RUNNING) if job.process_is_gone]
    return RetryJob.objects.filter(pk__in=dead, status=Status.RUNNING).update(
        status=Status.INTERRUPTED, finished_at=Now()
    )


def _run_in_thread(job: RetryJob) -> None:
    threading.Thread(target=_run_and_close, args=(job,), name=f"retry-{job}", daemon=True).start()


def _run_and_close(job: RetryJob) -> None:
    try:
        run(job)
    except (DatabaseError, InterfaceError):
        log.exception("Retry job %s could not be finished; what it had stored stays.", job)
    finally:
        connections.close_all()


def _save(job: RetryJob, so_far: RetryResult) -> None:
    RetryJob.objects.filter(pk=job.pk, status=Status.RUNNING).update(
        tests_retried=so_far.tests_retried,
        tests_succeeded=so_far.tests_succeeded,
        tests_failed=so_far.tests_failed,
        errors=[*so_far.errors, *so_far.notes],
    )


def _finish(job: RetryJob, result: RetryResult, error: str) -> None:
    if error:
        status = Status.FAILED
        job.refresh_from_db()
        RetryJob.objects.filter(pk=job.pk).update(errors=[*job.errors, error])
    else:
        _save(job, result)
        status = Status.PARTIAL if result.errors else Status.SUCCEEDED
    RetryJob.objects.filter(pk=job.pk, status=Status.RUNNING).update(status=status, finished_at=Now())
