"""The right to write one product's data: acquired by row lock, kept by heartbeat, proven by a fencing token.

Rules:

* A lease is free when nobody holds it, when its holder ran on this host and that process is gone, or when its
  heartbeat is older than ``TESTIO_LOCK_TIMEOUT``. A living holder is never robbed, however long it works.
* Acquiring raises the token. Every transaction that writes the product begins with ``Lease.prove``, which locks
  the lease row and compares tokens: whoever lost a lease (suspended, cut off) writes nothing more.
* Nobody waits for a lease: busy is an answer, with the seconds after which asking again makes sense.

All times are the database's, so hosts need not agree on the time.
"""

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from math import ceil
from threading import Event
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.db.transaction import TransactionManagementError

from sync.heartbeat import Heartbeat
from sync.models import SyncEvent, SyncLease, SyncPhase
from sync.models.process import this_process
from sync.models.run import Status

log = logging.getLogger(__name__)

#: How long a product's first sync is taken to last when somebody asks when to come back.
FIRST_SYNC = timedelta(minutes=2)


class LeaseLost(Exception):
    """Somebody else may write this product now; what this writer had not committed is discarded."""


@dataclass(frozen=True, slots=True)
class Busy:
    """A product somebody else is writing; ``retry_after`` in whole seconds, at least 1."""

    product_id: int
    holder: UUID | None
    host: str
    pid: int | None
    retry_after: int

    def __str__(self) -> str:
        seconds = "1 second" if self.retry_after == 1 else f"{self.retry_after} seconds"
        writer = f"process {self.pid} on {self.host}" if self.holder else "another sync that is just beginning"
        return f"Sync in progress. Retry in {seconds}. (Product {self.product_id} is being written by {writer}.)"


@dataclass(frozen=True, slots=True)
class Lease:
    """A held lease. ``holder`` is the run's event id, ``token`` the number that proves it is still ours."""

    product_id: int
    holder: UUID
    token: int

    def prove(self) -> None:
        """Lock the lease row for the rest of this transaction; raises ``LeaseLost`` when it is not ours any more.

        Counting the write is what locks the row: the count is committed with what is written, so it changes exactly
        when the product's data may have (see ``sync.api.conditional``).
        """
        if not connection.in_atomic_block:
            raise TransactionManagementError("A proof protects a transaction: it needs an open one.")
        ours = SyncLease.objects.filter(pk=self.product_id, holder=self.holder, token=self.token)
        if not ours.update(writes=F("writes") + 1):
            raise LeaseLost(
                f"Product {self.product_id} was taken over by another sync while this one did not answer. "
                "Nothing is lost: that sync reads what this one had not stored."
            )

    def release(self) -> None:
        """Free the product for the next writer; harmless when it was lost or released before."""
        held = SyncLease.objects.filter(pk=self.product_id, holder=self.holder, token=self.token)
        held.update(holder=None, acquired_at=None, heartbeat_at=None)


def acquire(product_ids: Collection[int], holder: UUID) -> tuple[list[Lease], list[Busy]]:
    """Take every free lease among these products in one short transaction; the others are reported busy."""
    wanted = sorted(product_ids)
    _create_missing_rows(wanted)
    with transaction.atomic():
        # A row somebody has locked is being proven or renewed right now, so its holder lives: skip it.
        taken = [row.pk for row in _rows(wanted).select_for_update(skip_locked=True) if _is_free(row)]
        SyncLease.objects.filter(pk__in=taken).update(
            token=F("token") + 1, holder=holder, acquired_at=Now(), heartbeat_at=Now(), **this_process()
        )
        tokens = list(SyncLease.objects.filter(pk__in=taken).order_by("pk").values_list("pk", "token"))
    # What was not taken is busy, whatever its row says by now: somebody else had it locked.
    return [Lease(pk, holder, token) for pk, token in tokens], [_busy(row) for row in _rows(set(wanted) - set(taken))]


def busy(product_ids: Iterable[int]) -> list[Busy]:
    """Those of the products that a living holder is writing now."""
    return [_busy(row) for row in _rows(product_ids) if not _is_free(row, quietly=True)]


def release_dead(product_ids: Collection[int] | None = None) -> list[int]:
    """Free the leases (default: all) whose holder is gone; the products. A holder that was only suspended is fenced
    off by that: the lease is not its own any more."""
    held = SyncLease.objects.exclude(holder=None)
    wanted = held.values_list("pk", flat=True) if product_ids is None else product_ids
    with transaction.atomic():
        rows = _rows(wanted).exclude(holder=None).select_for_update(skip_locked=True, of=("self",))
        dead = [row for row in rows if _is_free(row, quietly=True)]
        SyncLease.objects.filter(pk__in=[row.pk for row in dead]).update(
            holder=None, acquired_at=None, heartbeat_at=None
        )
    for row in dead:
        log.warning(
            "The lease of product %s is free again: its holder (run %s, process %s on %s) is gone.",
            row.pk, row.holder, row.pid, row.host,
        )  # fmt: skip
    return [row.pk for row in dead]


def kept_alive(holder: UUID, stop: Event | None = None) -> Heartbeat:
    """A ``with`` block in which a run and all its leases live, however long it lasts.

    Sets ``stop`` soon after somebody asked for the run to be cancelled.
    """
    return Heartbeat(f"run {holder}", partial(_renew, holder), look=partial(_look_for_cancel, holder, stop or Event()))


def _renew(holder: UUID) -> None:
    SyncEvent.objects.running().filter(pk=holder).update(heartbeat_at=Now())
    # Second, because it waits for a page that is being stored under one of the leases.
    SyncLease.objects.filter(holder=holder).update(heartbeat_at=Now())


def _look_for_cancel(holder: UUID, stop: Event) -> None:
    if stop.is_set():
        return
    if SyncEvent.objects.running().filter(pk=holder).exclude(cancel_requested_at=None).exists():
        log.info("Run %s is asked to stop: finishing the page in hand.", holder)
        stop.set()


def lock_timeout() -> timedelta:
    """How long a holder on another host may be silent before it counts as dead."""
    return timedelta(seconds=settings.TESTIO_LOCK_TIMEOUT)


def _rows(product_ids: Iterable[int]) -> QuerySet[SyncLease]:
    """Lease rows in one order, with ``silent`` since their heartbeat and ``held`` since they were acquired."""
    rows = SyncLease.objects.filter(pk__in=list(product_ids)).order_by("pk")
    return rows.annotate(silent=Now() - F("heartbeat_at"), held=Now() - F("acquired_at"))


def _busy(row: SyncLease) -> Busy:
    return Busy(row.pk, row.holder, row.host, row.pid, _retry_after(row))


def _create_missing_rows(product_ids: Collection[int]) -> None:
    """A product's first lease makes its row. Looked for first: many who ask in vain must not all write."""
    missing = set(product_ids) - set(SyncLease.objects.filter(pk__in=product_ids).values_list("pk", flat=True))
    SyncLease.objects.bulk_create([SyncLease(product_id=pk) for pk in sorted(missing)], ignore_conflicts=True)


def _is_free(row: SyncLease, *, quietly: bool = False) -> bool:
    """``row`` carries ``silent``, the time since its heartbeat (None when it never had one)."""
    if row.holder is None:
        return True
    silent: timedelta | None = getattr(row, "silent", None)
    if not row.process_is_gone and silent is not None and silent <= lock_timeout():
        return False
    if not quietly:
        log.warning(
            "Taking over the lease of product %s: its holder (run %s, process %s on %s) is gone.",
            row.pk, row.holder, row.pid, row.host,
        )  # fmt: skip
    return True


def _retry_after(row: SyncLease) -> int:
    """Seconds a sync of this product would still need if it took as long as the last one, else as a first one may."""
    held: timedelta = getattr(row, "held", None) or timedelta()
    remaining = (_usual_duration(row.pk) or min(FIRST_SYNC, lock_timeout())) - held
    return max(1, ceil(remaining.total_seconds()))


def _usual_duration(product_id: int) -> timedelta | None:
    phases = SyncPhase.objects.filter(product_id=product_id, event__status__in=(Status.SUCCEEDED, Status.PARTIAL))
    last = phases.order_by("-event__started_at").values_list("event_id", flat=True).first()
    times = list(phases.filter(event_id=last).values_list("started_at", "finished_at"))
    ends: list[datetime] = [end for _, end in times if end]
    return max(ends) - min(start for start, _ in times) if ends else None
