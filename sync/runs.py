"""A run and its phases as rows: opened, counted, closed, and found dead.

The allowed life of both: running, then exactly one of succeeded, partial, failed, interrupted, cancelled. An
update that ends a run only matches while it is running, so nobody overwrites an end somebody else recorded.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, Sum
from django.db.models.functions import Now

from sync.leases import LeaseLost, lock_timeout
from sync.models import Customer, Product, SyncEvent, SyncPhase
from sync.models.process import this_process
from sync.models.run import Status
from sync.testio.asking import Meter
from sync.testio.errors import TestIOCancelled, TestIOError

log = logging.getLogger(__name__)

MAX_WARNINGS = 200

UNEXPECTED = "The sync stopped on an unexpected error; the log has its details."

_COUNTS = ("seen", "created", "updated", "missing", "gaps")


class Cancelled(Exception):
    """Somebody asked this run to stop; everything committed so far stays."""


def begin(customer: Customer, *, trigger: str, mode: str, by: User | None = None) -> SyncEvent:
    """Open a run, after marking dead ones interrupted. ``by``: whoever asked for it, where that is known."""
    interrupt_dead(customer)
    return SyncEvent.objects.create(
        customer=customer, trigger=trigger, mode=mode, requested_by_id=by.pk if by else None, **this_process()
    )


def request_cancel(run: SyncEvent, by: User | None) -> bool:
    """Ask a run, wherever it works, to finish its page and stop; it does within seconds. False when it has ended.

    Asking twice is harmless: the first who asked is remembered. What was stored stays.
    """
    running = SyncEvent.objects.running().filter(pk=run.pk)
    running.filter(cancel_requested_at=None).update(
        cancel_requested_at=Now(), cancel_requested_by_id=by.pk if by else None
    )
    return running.exists()


def end_of_cancelled(run: SyncEvent) -> str:
    """Why a cancelled run was, for its last line."""
    asked = SyncEvent.objects.filter(pk=run.pk).exclude(cancel_requested_at=None)
    for name in asked.values_list(f"cancel_requested_by__{User.USERNAME_FIELD}", flat=True):
        return f"Cancelled{f' by {name}' if name else ''}; what was stored before stays."
    return "The run was asked to stop; what was stored before stays."


def interrupt_dead(customer: Customer | None = None) -> int:
    """Mark every running run whose process is gone, or silent too long on another host; how many those were.

    What such a run committed stays; the next sync goes on from there.
    """
    found = dead(customer)
    for run in found:
        log.warning("Run %s is marked interrupted: process %s on %s is gone.", run, run.pid, run.host)
        finish(run, Status.INTERRUPTED, "The process that ran this sync ended without finishing it.")
    return len(found)


def dead(customer: Customer | None = None) -> list[SyncEvent]:
    """Runs that are still marked running although nobody works on them any more."""
    runs = SyncEvent.objects.running()
    if customer:
        runs = runs.filter(customer=customer)
    silent = set(runs.filter(heartbeat_at__lt=Now() - lock_timeout()).values_list("pk", flat=True))
    return [run for run in runs if run.process_is_gone or run.pk in silent]


@transaction.atomic
def finish(run: SyncEvent, status: Status, error: str = "") -> bool:
    """End a run: add its phases up, end those still open. False when it had ended already."""
    open_phases = SyncPhase.objects.filter(event=run, status=Status.RUNNING)
    open_phases.update(status=Status.FAILED if status == Status.PARTIAL else status, finished_at=Now(), error=error)
    ended = SyncEvent.objects.running().filter(pk=run.pk)
    changed = ended.update(status=status, finished_at=Now(), heartbeat_at=Now(), error=error, **_totals(run))
    run.refresh_from_db()
    return bool(changed)


def outcome(run: SyncEvent) -> Status:
    """What the phases say of the whole: all succeeded, or done with gaps."""
    unclean = SyncPhase.objects.filter(event=run).exclude(status=Status.SUCCEEDED)
    return Status.PARTIAL if unclean.exists() else Status.SUCCEEDED


def outcome_of_product(run: SyncEvent, product: Product) -> tuple[Status, str]:
    """The same of one product, and why if it failed: that is when no phase of it got anywhere."""
    phases = list(SyncPhase.objects.filter(event=run, product=product).order_by("pk").values_list("status", "error"))
    statuses = {status for status, _ in phases}
    if statuses == {Status.SUCCEEDED}:
        return Status.SUCCEEDED, ""
    if statuses & {Status.SUCCEEDED, Status.PARTIAL}:
        return Status.PARTIAL, ""
    return Status.FAILED, "\n".join(error for _, error in phases if error)


def _totals(run: SyncEvent) -> dict[str, int]:
    name = SyncPhase.Name

    def of(field: str, *names: str) -> Any:
        return Sum(field, filter=Q(name__in=names) if names else None, default=0)

    return SyncPhase.objects.filter(event=run).aggregate(
        features=of("seen", name.FEATURES),
        tests_new=of("created", name.TESTS),
        tests_updated=of("updated", name.TESTS),
        bugs_new=of("created", name.BUGS),
        bugs_updated=of("updated", name.BUGS),
        missing=of("missing"),
        gaps=of("gaps"),
        api_calls=of("api_calls"),
    )


class Phase:
    """One phase of one product, counted while it runs.

    ``warn`` notes something worth knowing; ``problem`` something that keeps the run from being green. ``save``
    belongs into the transaction that stores what was counted, so that counts and rows are committed together.
    """

    def __init__(self, run: SyncEvent, name: SyncPhase.Name, product: Product | None) -> None:
        self.row = SyncPhase.objects.create(event=run, name=name, product=product)
        self.meter = Meter()
        self._unclean = False

    def warn(self, sentence: str) -> None:
        if sentence not in self.row.warnings and len(self.row.warnings) < MAX_WARNINGS:
            log.warning("%s", sentence)
            self.row.warnings.append(sentence)

    def problem(self, sentence: str) -> None:
        self._unclean = True
        self.warn(sentence)

    def count(self, *, seen: int = 0, created: int = 0, updated: int = 0, missing: int = 0, gaps: int = 0) -> None:
        row = self.row
        row.seen += seen
        row.created += created
        row.updated += updated
        row.missing += missing
        row.gaps += gaps
        self._unclean = self._unclean or gaps > 0

    @contextmanager
    def kept_if_stored(self) -> Iterator[None]:
        """What is counted in a block that raises was rolled back with it and is taken back."""
        before = {name: getattr(self.row, name) for name in _COUNTS}
        stored = False
        try:
            yield
            stored = True
        finally:
            if not stored:
                for name, value in before.items():
                    setattr(self.row, name, value)

    def save(self) -> None:
        self.row.api_calls = self.meter.calls
        self.row.save(update_fields=[*_COUNTS, "api_calls", "warnings"])

    def close(self, status: Status | None = None, error: str = "") -> None:
        """Store the end of the phase; without a status the problems met decide it."""
        self.save()
        self.row.status = status or (Status.PARTIAL if self._unclean else Status.SUCCEEDED)
        self.row.error = error
        open_row = SyncPhase.objects.filter(pk=self.row.pk, status=Status.RUNNING)
        open_row.update(status=self.row.status, error=error, finished_at=Now())


@contextmanager
def phase(run: SyncEvent, name: SyncPhase.Name, product: Product | None = None) -> Iterator[Phase]:
    """A phase for the length of a block. What the block raises is raised on, and says how the phase ended.

    After an error of the database, or one nobody foresaw, the phase stays open until ``finish`` ends the run.
    """
    opened = Phase(run, name, product)
    try:
        yield opened
    except (Cancelled, TestIOCancelled):
        opened.close(Status.CANCELLED, "The run was asked to stop.")
        raise
    except (TestIOError, LeaseLost) as error:
        opened.close(Status.FAILED, str(error))
        raise
    opened.close()
