"""Open gaps as lines of a page: where they are, how many tests they hide, and how far somebody is with them."""

from dataclasses import dataclass
from datetime import datetime

from problematic.models import ProblematicEvent
from reports.attention import Problems
from reports.pages import cells, words
from reports.pages.links import admin_row
from sync.access import Access


@dataclass(frozen=True, slots=True)
class Line:
    title: str
    url: str
    state: str
    tone: str
    more: str


def lines(problems: Problems, who: Access, now: datetime, *, named: bool = True) -> list[Line]:
    """``named``: each begins with its product's name."""
    return [_line(event, who, now, named=named) for event in problems.events]


def note(problems: Problems) -> str:
    """ "3 gaps hide 5 tests"."""
    if not problems.open:
        return ""
    gaps, hide = words.plural(problems.open, "gap"), "hides" if problems.open == 1 else "hide"
    return f"{gaps} {hide} {words.plural(problems.hidden, 'test')}"


def _line(event: ProblematicEvent, who: Access, now: datetime, *, named: bool) -> Line:
    mapped = getattr(event, "mapped", 0)
    positions = f"position {event.position_range}" if event.size == 1 else f"positions {event.position_range}"
    since = f"first seen {words.ago(event.first_seen_at, now)}, met {words.plural(event.occurrences, 'time')}"
    name = f"{cells.product_name(event.product)}: " if named else ""
    return Line(
        title=f"{name}{words.plural(event.size, 'test')} cannot be read",
        url=admin_row(who, event),
        state=_mapped(mapped, event.size),
        tone="info" if mapped >= event.size else "warn",
        more=f"{event.public_id}, {positions}, {since}",
    )


def _mapped(mapped: int, hidden: int) -> str:
    """More may be mapped than are hidden: whoever is not sure maps several and lets the retry find out."""
    if mapped > hidden:
        return f"{mapped} mapped"
    return f"{mapped} of {hidden} mapped" if mapped else "not mapped"
