"""Runs that failed lately, and that no later one has made good."""

from datetime import datetime

from django.db.models import Count, Window
from django.urls import reverse

from reports.pages import words
from reports.pages.links import admin_list
from sync.access import Access
from sync.models import SyncEvent
from testio_site.operating import failures
from testio_site.operating.home.links import run_url, trigger
from testio_site.operating.home.parts import Button, Card, Line

SHOWN = 5
RUN = "sync.run_syncs"


def card(who: Access, now: datetime) -> Card | None:
    if not who.may("sync.view_syncevent"):
        return None
    rows = failures.of(who, now).select_related("customer").annotate(all=Window(Count("pk")))
    found = list(rows.order_by("-finished_at")[:SHOWN])
    if not found:
        return None
    return Card(
        key="failed",
        title="Failed syncs",
        note="Of the last day, and none has gone well since",
        count=words.count(vars(found[0])["all"]),
        lines=[_line(run, who, now) for run in found],
        all_url=admin_list(who, SyncEvent, status=failures.BAD[0].value),
    )


def _line(run: SyncEvent, who: Access, now: datetime) -> Line:
    again = Button("Sync again", "sync", reverse("operating:again", args=[run.public_id]), f"what {run} was to read")
    return Line(
        title=f"{run.customer.name}: {run.get_mode_display().lower()} sync",
        url=run_url(run),
        state=run.get_status_display(),
        tone="bad",
        more=f"{run.public_id}, {trigger(run)}, ended {words.ago(run.finished_at, now)}",
        reason=run.error,
        buttons=[again] if who.may(RUN) else [],
    )
