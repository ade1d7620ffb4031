"""Retries in the background, as rows whose progress anybody can watch."""

import logging
import threading
from functools import partial

import stamina
from django.db import DatabaseError, InterfaceError, OperationalError, connection, connections, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from problematic import audit, claims
from problematic.choice import Choice, tests
from problematic.models import ProblematicEvent, ProblematicMapping, RetryJob
from problematic.retry import retry_mappings
from problematic.triage import AlreadyClaimed, By
from problematic.worker import RetryResult, worker_name
from sync.leases import lock_timeout
from sync.models import Customer
from sync.models.process import this_process
from sync.pipeline import SyncBusy, SyncImpossible
from sync.testio.errors import TestIOError

log = logging.getLogger(__name__)

Status = RetryJob.Status


def start(choice: Choice, *, by: By = None) -> RetryJob:
    """Begin a retry once the current transaction is committed; returns the job to watch.

    What another running job is about is left out, and said. Raises ``NothingToRetry`` and ``AlreadyClaimed`` when
    nothing could come of it.
    """
    choice.check()
    interrupt_dead()
    with transaction.atomic():
        _lock_events(choice)
        mapping_ids, left_out = _not_in_a_job(choice)
        job = RetryJob.objects.create(
            requested_by_id=by.pk if by else None,
            mapping_ids=mapping_ids,
            customer_ids=_customers_of(mapping_ids),
            event=choice.event,
            notes=[*choice.notes, *left_out],
            **this_process(),
        )
        audit.retry_started(by, job)
        transaction.on_commit(lambda: _run_in_thread(job))
    return job


def _customers_of(mapping_ids: list[int]) -> list[int]:
    of_mappings = Customer.objects.filter(products__problematic_events__mappings__in=mapping_ids)
    return list(of_mappings.order_by("pk").values_list("pk", flat=True).distinct())


def _lock_events(choice: Choice) -> None:
    """Until the end of the transaction: whoever starts another job about one of them sees this one then."""
    concerned = claims.pending(choice.mappings).order_by().values("event")
    list(ProblematicEvent.objects.select_for_update(no_key=True).filter(pk__in=concerned).order_by("pk").only("pk"))


def _not_in_a_job(choice: Choice) -> tuple[list[int], list[str]]:
    """The mappings that no running job is about, oldest first, and a note about each job that has the others."""
    wanted = list(claims.pending(choice.mappings).values_list("pk", flat=True))
    if not wanted:  # another job has just stored them
        choice.refuse_nothing()
    running = RetryJob.objects.filter(status=Status.RUNNING, mapping_ids__overlap=wanted).order_by("started_at", "pk")
    jobs = [(job, set(wanted) & set(job.mapping_ids)) for job in running]
    taken = set().union(*(ids for _, ids in jobs))
    left = [pk for pk in wanted if pk not in taken]
    if not left:
        names = ", ".join(str(job) for job, _ in jobs)
        raise AlreadyClaimed(f"Everything mapped there is being retried by {names} right now. Wait for the result.")
    return left, [f"Left out what {job} is retrying right now: {tests(len(ids))}." for job, ids in jobs]


def run(job: RetryJob) -> None:
    """Do a job's work and record its end. Waits for products that are being synced."""
    mappings = ProblematicMapping.objects.filter(pk__in=job.mapping_ids)
    result = RetryResult()
    # Until something better is known: an exception nobody named must not leave the job "running".
    error = "The retry stopped on an unexpected error; the log has its details. What it had stored stays."
    try:
        result = retry_mappings(mappings, wait=True, report=partial(_save, job), beat=partial(_renew, job))
        error = ""
    except (TestIOError, SyncImpossible, SyncBusy, AlreadyClaimed) as trouble:
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
    """Mark running jobs whose process is gone, or silent elsewhere; their claims go back by themselves."""
    running = RetryJob.objects.filter(status=Status.RUNNING)
    silent = Q(heartbeat_at__lt=Now() - lock_timeout())
    gone = Q(pk__in=[job.pk for job in running if job.process_is_gone])
    return running.filter(silent | gone).update(status=Status.INTERRUPTED, finished_at=Now())


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
    _running(job).update(
        tests_retried=so_far.tests_retried,
        tests_succeeded=so_far.tests_succeeded,
        tests_failed=so_far.tests_failed,
        errors=so_far.errors,
        notes=[*job.notes, *so_far.notes],
    )


def _renew(job: RetryJob) -> None:
    _running(job).update(heartbeat_at=Now())


def _running(job: RetryJob) -> "QuerySet[RetryJob]":
    return RetryJob.objects.filter(pk=job.pk, status=Status.RUNNING)


def _finish(job: RetryJob, result: RetryResult, error: str) -> None:
    if error:
        status = Status.FAILED
        job.refresh_from_db()
        RetryJob.objects.filter(pk=job.pk).update(errors=[*job.errors, error])
    else:
        _save(job, result)
        status = Status.PARTIAL if result.errors else Status.SUCCEEDED
    _running(job).update(status=status, finished_at=Now())
