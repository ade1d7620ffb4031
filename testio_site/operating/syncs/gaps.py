"""The gaps a run met, as far as they are still open and no later run has met them again."""

from typing import Any

from django.utils import timezone

from problematic.models import ProblematicEvent
from reports.attention import Problems, with_mapped
from reports.pages import problem_list
from reports.pages.links import admin_list
from sync.access import Access, seen
from sync.models import SyncEvent

#: Gaps that are named; all of them are in the list of problems.
SHOWN = 20


def of(run: SyncEvent, who: Access) -> dict[str, Any]:
    """What templates show of them; nothing to those who may not see problems. One statement."""
    if not who.may("problematic.view_problematicevent"):
        return {}
    rows = seen(ProblematicEvent.objects.open().filter(sync_event=run), who, "product__customer")
    events = list(with_mapped(rows.order_by("product", "first_position")))
    problems = Problems(events[:SHOWN], len(events), sum(event.size for event in events))
    return {
        "gaps": problem_list.lines(problems, who, timezone.now()),
        "gaps_note": problem_list.note(problems),
        "gaps_more": max(0, len(events) - SHOWN),
        "gaps_url": admin_list(who, ProblematicEvent),
    }
