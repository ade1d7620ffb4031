"""What the page of one event shows beside the event's own facts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count
from django.urls import reverse

from problematic import suggestions, undo
from problematic.admin import looks, retrying, tables
from problematic.admin.advice import next_step
from problematic.forms import TestIdsForm
from problematic.models import PENDING, EventStatus, ProblematicEvent, ProblematicMapping
from sync.access import Access
from sync.admin import display

_ADDRESS = "admin:problematic_problematicevent"
_PAGES = ("map", "unmap", "retry", "ask_clear", "progress", "change")


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the reader of the page may see and do."""

    reader: Access
    map: bool
    retry: bool
    clear: bool


def moving(event: ProblematicEvent, allowed: Allowed, kept: str = "") -> dict[str, Any]:
    """The part that changes while a retry runs: its progress, and the mapped tests.

    ``kept`` is the query string that keeps the list somebody came from.
    """
    mappings = event.mappings.select_related("mapped_by").order_by("test_id")
    shown = list(mappings[: tables.MOST_ROWS])
    job = retrying.latest(event, allowed.reader)
    titles = looks.titles_of(event.product, (mapping.test_id for mapping in shown))
    return {
        "job": retrying.facts(job) if job else None,
        "retrying": retrying.is_running(job),
        "may_map": allowed.map,
        "mapped": tables.mapped(shown, titles, may_map=allowed.map),
        "all_mappings_url": display.list_url(ProblematicMapping, event__event_id__exact=str(event.pk)),
        "is_cut": len(shown) == tables.MOST_ROWS,
        "urls": {name: reverse(f"{_ADDRESS}_{name}", args=[event.pk]) + kept for name in _PAGES},
    }


def whole(event: ProblematicEvent, allowed: Allowed, text: str = "", kept: str = "") -> dict[str, Any]:
    """``text`` stands in the field for pasted ids."""
    parts = moving(event, allowed, kept)
    found = suggestions.suggest(event) if event.is_open else []
    titles = looks.titles_of(event.product, (each.test_id for each in found))
    states = _states(event)
    return {
        **parts,
        "status": looks.event_status(event),
        "next_step": next_step(event, states, suggested=len(found), retrying=parts["retrying"]),
        "may_retry": allowed.retry and bool(set(states) & set(PENDING)) and not parts["retrying"],
        "may_clear": allowed.clear and event.status != EventStatus.CLEARED,
        "map_form": TestIdsForm(initial={"test_ids": text}) if allowed.map and event.is_open else None,
        "suggested": tables.suggested(found, titles, may_map=allowed.map) if event.is_open else None,
        "attempts": tables.attempts(event),
        "history": tables.history(event, _undoable(event, allowed)),
        "undo_url": reverse(f"{_ADDRESS}_undo") + kept,
    }


def _undoable(event: ProblematicEvent, allowed: Allowed) -> UUID | None:
    """The step that a button in the history offers to take back."""
    may = allowed.clear if event.status == EventStatus.CLEARED else allowed.map
    return undo.undoable(event) if may else None


def _states(event: ProblematicEvent) -> Mapping[str, int]:
    return dict(event.mappings.order_by().values_list("state").annotate(Count("pk")).values_list("state", "pk__count"))
