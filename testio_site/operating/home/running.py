"""What runs now: syncs and retries, and how far they have come. This part of the page asks for itself again."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import Count, F, Q, Sum
from django.urls import reverse

from problematic.models import RetryJob
from reports.pages import cells, words
from reports.pages.links import admin_row
from sync.access import Access, seen
from sync.models import SyncEvent, SyncLease, SyncPhase
from sync.models.status import Status
from testio_site.operating.home.links import run_url, trigger
from testio_site.operating.home.parts import Button

#: More at once are only counted.
SHOWN = 8
CANCEL = "sync.cancel_runs"


@dataclass(frozen=True, slots=True)
class Work:
    """One run or retry. ``percent`` is None where nobody knows how much there is to do."""

    key: str
    title: str
    url: str
    more: str
    done: str
    percent: int | None
    at_work: Sequence[str] = ()
    buttons: Sequence[Button] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """``keys`` name all that runs, so that the page can tell when one of them has ended."""

    works: Sequence[Work]
    keys: Sequence[str]
    more: int

    @property
    def known(self) -> str:
        return ",".join(self.keys)


@dataclass(slots=True)
class _Progress:
    seen: int = 0
    calls: int = 0
    finished: int = 0
    at_work: list[str] = field(default_factory=list)


def running(who: Access, now: datetime) -> Running:
    """What the person may see of it."""
    runs = _runs(who)
    jobs = _jobs(who)
    ids = [run.pk for run in runs]
    found, held = _progress(ids), _held(ids)
    works = [_of_run(run, found[run.pk], held.get(run.pk, 0), who, now) for run in runs]
    works += [_of_job(job, who, now) for job in jobs]
    keys = [work.key for work in works]
    return Running(works[:SHOWN], keys, max(0, len(works) - SHOWN))


def _runs(who: Access) -> list[SyncEvent]:
    if not who.may("sync.view_syncevent"):
        return []
    rows = seen(SyncEvent.objects.running(), who, "customer").select_related("customer", "requested_by")
    return [run for run in rows.order_by("-started_at")[:100] if not run.process_is_gone]


def _jobs(who: Access) -> list[RetryJob]:
    if not who.may("problematic.view_retryjob"):
        return []
    rows = RetryJob.objects.seen(who).filter(status=RetryJob.Status.RUNNING).order_by("-started_at")[:100]
    return [job for job in rows if not job.is_abandoned]


def _progress(runs: Collection[UUID]) -> Mapping[UUID, _Progress]:
    """The phases of these runs, added up by the database: a run may have thousands."""
    phases = SyncPhase.objects.filter(event__in=runs).order_by()
    given_back = Count("product", distinct=True, filter=~Q(product__lease__holder=F("event")))
    sums = phases.values("event").annotate(seen=Sum("seen"), calls=Sum("api_calls"), finished=given_back)
    found = defaultdict(_Progress) | {
        row["event"]: _Progress(row["seen"], row["calls"], row["finished"]) for row in sums
    }
    at_work = phases.filter(status=Status.RUNNING).select_related("product").order_by("pk")
    for phase in at_work.only("event", "product__name", "name", "seen")[:100]:
        found[phase.event_id].at_work.append(_said(phase))
    return found


def _said(phase: SyncPhase) -> str:
    name = phase.get_name_display().lower()
    where = f"{cells.product_name(phase.product)}: {name}" if phase.product else f"List of {name}"
    return f"{where}, {words.count(phase.seen)} read"


def _held(runs: Collection[UUID]) -> Mapping[UUID | None, int]:
    """How many products each run still has before it, those it works on included."""
    rows = SyncLease.objects.filter(holder__in=runs).order_by().values_list("holder").annotate(held=Count("pk"))
    return dict(rows.values_list("holder", "held"))


def _of_run(run: SyncEvent, progress: _Progress, held: int, who: Access, now: datetime) -> Work:
    done, total = progress.finished, progress.finished + held
    read = f"{words.plural(progress.seen, 'record')} read, {words.plural(progress.calls, 'call')}"
    asked = run.cancel_requested_at is not None
    cancel = Button("Cancel", "stop_circle", reverse("operating:cancel", args=[run.public_id]), str(run))
    by = f" by {run.requested_by}" if run.requested_by else f", {trigger(run)}"
    return Work(
        key=run.public_id,
        title=f"{run.customer.name}: {run.get_mode_display().lower()} sync",
        url=run_url(run),
        more=f"{run.public_id}, started {words.ago(run.started_at, now)}{by}",
        done=f"{done} of {words.plural(total, 'product')}, {read}" if total > 1 else read,
        percent=round(100 * done / total) if total > 1 else None,
        at_work=progress.at_work[:4],
        buttons=[cancel] if who.may(CANCEL) and not asked else [],
        note="Asked to stop: it finishes the page in hand." if asked else "",
    )


def _of_job(job: RetryJob, who: Access, now: datetime) -> Work:
    return Work(
        key=job.public_id,
        title=f"Retry of {words.plural(job.total, 'mapped test')}",
        url=admin_row(who, job),
        more=f"{job.public_id}, started {words.ago(job.started_at, now)}",
        done=f"{job.tests_retried} of {job.total} tried, {job.tests_succeeded} stored, {job.tests_failed} failed",
        percent=round(100 * job.tests_retried / job.total) if job.total else None,
    )
