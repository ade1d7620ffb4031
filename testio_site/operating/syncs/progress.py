"""A run while it goes on: how far it has come. The part of its page that asks for itself again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q, Sum
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from reports.pages import access, cells, words
from sync import runs as run_rows
from sync.access import Request
from sync.models import SyncEvent, SyncPhase
from sync.models.status import Status
from testio_site.operating.syncs import comparing, figures, runs

TEMPLATE = "operating/syncs/progress.html"
#: More products than these are not repeated every two seconds: those at work, then those begun last.
SHOWN = 20
_PHASES = (SyncPhase.Name.FEATURES, SyncPhase.Name.TESTS, SyncPhase.Name.BUGS, SyncPhase.Name.RESULTS)


@dataclass(frozen=True, slots=True)
class Moving:
    """``percent`` is from 0 to 100, None while nobody knows how much there is; it never goes back."""

    sentence: str
    percent: float | None
    at_work: Sequence[str]


def panel(request: HttpRequest, run: str) -> HttpResponseBase:
    """The moving part alone; whoever is no longer logged in, or has nothing to wait for, is told to load the page."""
    return _panel(request, run) if request.user.is_authenticated else _load_anew()


@access.page(runs.VIEW)
def _panel(request: Request, run: str) -> HttpResponse:
    found = runs.found(access.of(request), run)
    if found.status == Status.RUNNING:
        look_after(found)
    if found.status != Status.RUNNING:
        return _load_anew()
    return render(request, TEMPLATE, {"run": found, **context(found, figures.of_run(found), timezone.now())})


def look_after(run: SyncEvent) -> None:
    """One that is dead is marked so: whoever watches would wait for ever."""
    if any(each.pk == run.pk for each in run_rows.dead(run.customer)):
        run_rows.interrupt_dead(run.customer)
        run.refresh_from_db(fields=["status", "finished_at", "error"])


def context(run: SyncEvent, phases: Sequence[SyncPhase], now: datetime) -> dict[str, Any]:
    shown = _latest(phases)
    """What the template shows, beside the run itself."""
    return {
        "moving": moving(run, phases),
        "stats": comparing.stats(run, figures.total(phases), now),
        "groups": figures.groups(shown, now),
        "columns": figures.COLUMNS,
        "hidden": len({each.product_id for each in phases} - {each.product_id for each in shown}),
    }


def moving(run: SyncEvent, phases: Sequence[SyncPhase]) -> Moving:
    products = _products(phases)
    at_work = [phase for phase in phases if phase.status == Status.RUNNING and phase.product]
    each = 1 if run.mode == SyncEvent.Mode.INCREMENTAL_ONLY else len(_PHASES)
    ended = sum(phase.product_id is not None and phase.status != Status.RUNNING for phase in phases)
    if run.cancel_requested_at:
        sentence = f"{_asked(run)} to stop: it finishes the page in hand, within seconds."
    elif products is None:
        sentence = "Reading the list of products."
    else:
        begun = len({phase.product_id for phase in phases if phase.product_id})
        sentence = f"{begun} of {words.plural(products, 'product')} begun, {words.plural(ended, 'phase')} done."
    percent = min(99.0, round(ended / (products * each) * 100, 1)) if products else None
    return Moving(sentence, percent, [_at_work(phase) for phase in at_work])


def of_many(found: Sequence[SyncEvent]) -> dict[Any, str]:
    """How far those of the runs are that go on, in a few words. One statement for all."""
    running = [run.pk for run in found if run.status == Status.RUNNING]
    rows = SyncPhase.objects.filter(event__in=running).order_by().values("event")
    counted = rows.annotate(
        read=Sum("seen"), called=Sum("api_calls"),
        ended=Count("pk", filter=~Q(status=Status.RUNNING)), begun=Count("product", distinct=True),
    )  # fmt: skip
    return {
        row["event"]: f"{words.plural(row['begun'], 'product')}, {words.count(row['read'])} read, "
        f"{words.plural(row['called'], 'call')}"
        for row in counted
    }


def _products(phases: Sequence[SyncPhase]) -> int | None:
    """How many the run is about, once it knows."""
    lists = [phase for phase in phases if phase.name == SyncPhase.Name.PRODUCTS and phase.status != Status.RUNNING]
    return lists[0].seen if lists else None


def _at_work(phase: SyncPhase) -> str:
    product = cells.product_name(phase.product) if phase.product else ""
    return f"{product}: {phase.get_name_display().lower()}, {words.count(phase.seen)} read"


def _latest(phases: Sequence[SyncPhase]) -> list[SyncPhase]:
    begun: dict[int | None, tuple[bool, datetime]] = {}
    for phase in phases:
        before = begun.get(phase.product_id, (False, phase.started_at))
        begun[phase.product_id] = max(before, (phase.status == Status.RUNNING, phase.started_at))
    chosen = set(sorted(begun, key=lambda pk: begun[pk], reverse=True)[:SHOWN])
    return [phase for phase in phases if phase.product_id in chosen]


def _asked(run: SyncEvent) -> str:
    return f"{run.cancel_requested_by.get_username()} asked it" if run.cancel_requested_by else "It was asked"


def _load_anew() -> HttpResponse:
    return HttpResponse(headers={"HX-Refresh": "true"})
