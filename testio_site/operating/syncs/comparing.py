"""A run beside another of the same customer: which one, and what differs in all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from reports.pages import words
from reports.pages.parts import Change, Stat
from sync.models import SyncEvent, SyncPhase
from sync.models.status import Status
from testio_site.operating.syncs import runs
from testio_site.operating.syncs.figures import Total

#: In the address, instead of a run: compared with none.
NOTHING = "none"
#: Runs that are offered; any other one can be named in the address.
OFFERED = 30

_STATS = (
    ("New tests", "tests.created"),
    ("Changed tests", "tests.updated"),
    ("New bugs", "bugs.created"),
    ("Changed bugs", "bugs.updated"),
    ("Gone", "missing"),
    ("Gaps", "gaps"),
    ("Calls", "api_calls"),
)


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    text: str
    is_chosen: bool


def others(run: SyncEvent) -> "QuerySet[SyncEvent]":
    """Runs that ended, of the same customer; the newest first. Whoever sees one sees all of them."""
    ended = SyncEvent.objects.filter(customer=run.customer_id).exclude(status=Status.RUNNING).exclude(pk=run.pk)
    is_list = run.mode == SyncEvent.Mode.DISCOVERY
    ended = ended.filter(mode=run.mode) if is_list else ended.exclude(mode=SyncEvent.Mode.DISCOVERY)
    return ended.order_by("-started_at")


def before(run: SyncEvent, phases: Sequence[SyncPhase]) -> SyncEvent | None:
    """The run before that was after the same: as thorough, about one of these products, and by somebody, or by nobody
    (in the background each product has runs of its own)."""
    earlier = others(run).filter(started_at__lt=run.started_at, mode=run.mode)
    by_nobody = {"trigger": SyncEvent.Trigger.BACKGROUND}
    is_background = run.trigger == SyncEvent.Trigger.BACKGROUND
    earlier = earlier.filter(**by_nobody) if is_background else earlier.exclude(**by_nobody)
    if products := {phase.product_id for phase in phases if phase.product_id}:
        about = SyncPhase.objects.filter(product__in=products).order_by().values("event")
        earlier = earlier.filter(pk__in=about)
    return earlier.select_related("requested_by").first()


def options(run: SyncEvent, chosen: SyncEvent | None) -> list[Option]:
    offered = list(others(run)[:OFFERED])
    if chosen and chosen not in offered:
        offered.append(chosen)
    made = [Option(each.public_id, runs.title(each), each == chosen) for each in offered]
    return [Option(NOTHING, "no other run", chosen is None), *made] if made else []


def stats(
    run: SyncEvent, figures: Total, now: datetime, other: SyncEvent | None = None, others: Total | None = None
) -> list[Stat]:
    """The figures of the whole run, each with how it differs."""
    shown = [_stat(label, figures[name], others[name] if others else None) for label, name in _STATS]
    return [*shown, _took(run, other, now)]


def _stat(label: str, number: int, before: int | None) -> Stat:
    tone = "warn" if number and label in ("Gaps", "Gone") else ""
    if before is None:
        return Stat(label, words.count(number), tone=tone)
    change, was = _compared(runs.signed(number - before), words.count(before))
    return Stat(label, words.count(number), change, was, tone=tone)


def _took(run: SyncEvent, other: SyncEvent | None, now: datetime) -> Stat:
    label = "Took" if run.finished_at else "Since"
    took = runs.seconds(run, now)
    if other is None:
        return Stat(label, words.duration(took))
    was = runs.seconds(other, now)
    return Stat(label, words.duration(took), *_compared(runs.signed_duration(took - was), words.duration(was)))


def _compared(difference: str, before: str) -> tuple[Change, str]:
    return (Change(difference), f"was {before}") if difference else (Change("as before"), "")
