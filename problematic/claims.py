"""The queue of mapped tests: who works on which, decided by the database.

A claim is one guarded statement: whoever changes the row from claimable to running owns it, everybody else is told.
A worker that dies gives its claims back: at once when it ran on this host, otherwise when its heartbeat is older than
``TESTIO_LOCK_TIMEOUT``. A living worker keeps them, however long it waits for TestIO.
All times are the database's. Whoever locks an event and mappings of it locks the event first, here as in ``triage``.
"""

import logging
import os
from collections.abc import Collection
from datetime import timedelta
from functools import lru_cache

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce, Greatest, Now
from django.utils import timezone

from problematic.models import CLAIMABLE, MappingState, ProblematicEvent, ProblematicMapping, RetryAttempt
from problematic.triage import AlreadyClaimed
from sync.leases import lock_timeout
from sync.models.process import this_process

log = logging.getLogger(__name__)

#: Keeps our locks on test ids apart from other locks on the same numbers.
_GIVING_WAY = 0x7465_7374 << 32

#: How long a claim that gave way waits before it is due in the background again.
_WAY_GIVEN = timedelta(seconds=60)

_FREE = {"claimed_by": "", "claimed_at": None, "heartbeat_at": None, "host": "", "pid": None, "process_started": None}


_COLUMNS = ProblematicMapping._meta.concrete_fields

# Written out because choosing, claiming and reading in one statement has no ORM form (UPDATE ... RETURNING), and round
# trips and the ORM's own work are most of what a claim costs: this is three times as fast. Rows that are locked are
# being claimed or unmapped by somebody else this very moment: skipped.
_CLAIM_DUE = f"""
    UPDATE problematic_problematicmapping
    SET state = 'running', claimed_by = %(worker)s, claimed_at = statement_timestamp(), attempts = attempts + 1,
        host = %(host)s, pid = %(pid)s, process_started = %(process_started)s
    WHERE id = ANY(ARRAY(
        SELECT id FROM problematic_problematicmapping
        WHERE state IN ('queued', 'failed') AND next_attempt_at <= statement_timestamp()
            AND (%(product_ids)s::bigint[] IS NULL OR event_id IN (
                SELECT event_id FROM problematic_problematicevent WHERE product_id = ANY(%(product_ids)s::bigint[])
            ))
        ORDER BY next_attempt_at, id LIMIT %(limit)s FOR UPDATE SKIP LOCKED
    ))
    RETURNING {", ".join(str(field.column) for field in _COLUMNS)}
"""  # noqa: S608  # our own column names


def claim_due(worker: str, limit: int, *, product_ids: Collection[int] | None = None) -> list[ProblematicMapping]:
    """Claim up to ``limit`` due mappings, oldest first; [] when nothing is due. Workers never wait for each other.

    Without ``product_ids`` of all products; an empty collection means none.
    """
    of_products = None if product_ids is None else list(product_ids)
    names = [field.attname for field in _COLUMNS]
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIM_DUE, {"worker": worker, "limit": limit, "product_ids": of_products, **_owner(os.getpid())}
        )
        claimed = [ProblematicMapping.from_db(connection.alias, names, row) for row in cursor.fetchall()]
    return sorted(claimed, key=lambda mapping: (mapping.next_attempt_at, mapping.pk))


@lru_cache(maxsize=1)
def _owner(_pid: int) -> dict[str, str | int | float]:
    """This process, asked of the operating system once; a forked child asks for itself."""
    return this_process()


def claim(mapping_id: int, worker: str) -> ProblematicMapping:
    """Claim one mapping, due or not, dead or not. Raises ``AlreadyClaimed`` for everyone but the winner."""
    mapping = ProblematicMapping.objects.filter(pk=mapping_id)
    won = _take(mapping.filter(state__in=(*CLAIMABLE, MappingState.DEAD)), worker)
    found = mapping.select_related("event").first()
    if found is None or not won:
        which = f"Test {found.test_id}" if found else "This test"
        raise AlreadyClaimed(
            f"{which} was not found or already claimed: it was unmapped, it succeeded, or somebody else is retrying it "
            "right now. Look at the list again."
        )
    return found


@transaction.atomic
def give_way(mapping: ProblematicMapping, customer_id: int) -> ProblematicEvent | None:
    """The event for which the same test is being retried already; the claim has gone back then. Otherwise None.

    Of any number of claims on one test exactly one goes on: each looks after its own was committed, one at a time,
    and whoever sees another gives way at once.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_GIVING_WAY ^ mapping.test_id])
    running = ProblematicMapping.objects.filter(state=MappingState.RUNNING, test_id=mapping.test_id)
    others = running.filter(event__product__customer=customer_id).exclude(pk=mapping.pk)
    other = others.select_related("event").order_by("pk").first()
    if other is None:
        return None
    give_back(mapping, _WAY_GIVEN)
    return other.event


def settle(mapping: ProblematicMapping, note: str = "") -> None:
    """The test was stored: end the claim as succeeded. Raises ``AlreadyClaimed`` when it is not ours any more.

    ``note`` is what else to know about it; it stays with the attempt.

    Belongs into the transaction that stores the test, so that neither is there without the other.
    """
    _end(mapping, RetryAttempt.Outcome.SUCCEEDED, note, state=MappingState.SUCCEEDED, last_error="")


def fail(mapping: ProblematicMapping, error: str) -> None:
    """The attempt failed: keep the mapping, with the error and the time of the next attempt, or as dead.

    Waiting doubles from ``TESTIO_RETRY_WAIT_SECONDS`` up to a day; after ``TESTIO_RETRY_LIMIT`` attempts
    nobody tries again until an operator does.
    """
    _end(
        mapping,
        RetryAttempt.Outcome.FAILED,
        error,
        state=_after_failure(mapping.attempts),
        last_error=error,
        next_attempt_at=Now() + wait_after(mapping.attempts),
    )


def give_back(mapping: ProblematicMapping, wait: timedelta = timedelta()) -> None:
    """Return a claim unused (the product is busy, the run is asked to stop): as if it had not been taken.

    It is due again when it was due before, and not before ``wait`` is over.
    """
    before = _after_failure(mapping.attempts - 1) if mapping.last_error else MappingState.QUEUED
    due = Greatest(F("next_attempt_at"), Now() + wait) if wait else F("next_attempt_at")
    _ours(mapping).update(state=before, attempts=F("attempts") - 1, next_attempt_at=due, **_FREE)


def renew(worker: str) -> None:
    """A sign of life for everything this worker has claimed."""
    ProblematicMapping.objects.filter(state=MappingState.RUNNING, claimed_by=worker).update(heartbeat_at=Now())


def release_of(worker: str) -> None:
    """Return what this worker still holds to the queue: it lost the database in the middle of an attempt."""
    for mapping in ProblematicMapping.objects.filter(state=MappingState.RUNNING, claimed_by=worker).order_by("pk"):
        _release(mapping, _ours(mapping))


def release_abandoned() -> list[ProblematicMapping]:
    """Return claims whose worker is gone or silent to the queue, each with one warning and one history row."""
    running = ProblematicMapping.objects.filter(state=MappingState.RUNNING).order_by("pk")
    gone = [mapping for mapping in running if mapping.process_is_gone]
    silent = [mapping for mapping in _silent(running) if mapping not in gone]
    return [
        *(mapping for mapping in gone if _release(mapping, _ours(mapping))),
        # Looked at again in the same statement: its heartbeat may have come meanwhile.
        *(mapping for mapping in silent if _release(mapping, _silent(_ours(mapping)))),
    ]


def _silent(running: "QuerySet[ProblematicMapping]") -> "QuerySet[ProblematicMapping]":
    """Claims whose worker has not been heard of for too long; a claim itself is the first sign of life."""
    heard = running.annotate(heard_at=Coalesce("heartbeat_at", "claimed_at"))
    return heard.filter(heard_at__lt=Now() - lock_timeout())


def wait_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts: doubling, at most a day."""
    seconds = settings.TESTIO_RETRY_WAIT_SECONDS * 2 ** min(max(attempts - 1, 0), 20)
    return min(timedelta(seconds=seconds), timedelta(days=1))


def _after_failure(attempts: int) -> MappingState:
    return MappingState.DEAD if attempts >= settings.TESTIO_RETRY_LIMIT else MappingState.FAILED


def _take(mappings: "QuerySet[ProblematicMapping]", worker: str) -> int:
    return mappings.update(
        state=MappingState.RUNNING,
        claimed_by=worker,
        claimed_at=Now(),
        attempts=F("attempts") + 1,
        **_owner(os.getpid()),
    )


def _ours(mapping: ProblematicMapping) -> "QuerySet[ProblematicMapping]":
    """The row while this very claim lasts: a claim taken over by somebody else began at another time."""
    return ProblematicMapping.objects.filter(
        pk=mapping.pk, state=MappingState.RUNNING, claimed_by=mapping.claimed_by, claimed_at=mapping.claimed_at
    )


@transaction.atomic
def _end(mapping: ProblematicMapping, outcome: RetryAttempt.Outcome, detail: str, **values: object) -> None:
    # Locks the event before its mapping, as mapping, unmapping and clearing do.
    ProblematicEvent.objects.filter(pk=mapping.event_id).update(recovery_attempts=F("recovery_attempts") + 1)
    if not _ours(mapping).update(**values, **_FREE):
        raise AlreadyClaimed(f"The claim on test {mapping.test_id} was taken over or withdrawn meanwhile.")
    _write_attempt(mapping, outcome, detail)


@transaction.atomic
def _release(mapping: ProblematicMapping, still_held: "QuerySet[ProblematicMapping]") -> bool:
    error = f"The worker ({mapping.claimed_by}) ended without finishing the attempt."
    ProblematicEvent.objects.select_for_update().filter(pk=mapping.event_id).first()
    # Counted like a failure: a test that kills whoever fetches it must not do so for ever.
    state = _after_failure(mapping.attempts)
    if not still_held.update(state=state, last_error=error, next_attempt_at=Now(), **_FREE):
        return False
    _write_attempt(mapping, RetryAttempt.Outcome.ABANDONED, error)
    log.warning("The retry of test %s is queued again: %s", mapping.test_id, error)
    return True


def _write_attempt(mapping: ProblematicMapping, outcome: RetryAttempt.Outcome, detail: str) -> None:
    RetryAttempt.objects.create(
        event_id=mapping.event_id,
        test_id=mapping.test_id,
        mapping=mapping,
        number=mapping.attempts,
        started_at=mapping.claimed_at or timezone.now(),
        worker=mapping.claimed_by,
        outcome=outcome,
        detail=detail,
    )


def pending(mappings: "QuerySet[ProblematicMapping]") -> "QuerySet[ProblematicMapping]":
    """Those an operator's retry is about: everything not stored yet, running ones included, oldest first."""
    return mappings.filter(~Q(state=MappingState.SUCCEEDED)).order_by("next_attempt_at", "id")
