"""The tables of an event's page, in the form the theme's table component reads: headers, and rows of cells."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.widgets import CHECKBOX_CLASSES

from problematic.admin import looks
from problematic.models import MappingState, ProblematicEvent, ProblematicMapping, RetryAttempt, TriageEntry
from problematic.suggestions import Suggestion
from sync.admin import display

Table = dict[str, Any]

#: Longer tables are cut; the lists of mappings and attempts have them all.
MOST_ROWS = 200
MOST_HISTORY = 50

_BUTTON = (
    '<button type="submit" name="test_ids" value="{}" aria-label="{} {}" class="border border-base-200 bg-white '
    "cursor-pointer font-medium px-3 py-1 rounded-default shadow-xs text-important whitespace-nowrap "
    'hover:bg-base-100/80 dark:border-base-700 dark:bg-transparent dark:hover:bg-base-800/80">{}</button>'
)

_TICK = """<span class="tick">
<input type="checkbox" name="ticked" value="{}" aria-label="Choose {}" class="{}"> <span>{}</span></span>"""


def mapped(mappings: Iterable[ProblematicMapping], titles: Mapping[int, str], *, may_map: bool) -> Table:
    headers = ["Test", "State", "Attempts", "Next attempt", "Last error", "Mapped"]
    rows = [
        [
            _ticked(mapping.test_id, titles, may_tick=may_map and mapping.state != MappingState.RUNNING),
            looks.mapping_state(mapping),
            mapping.attempts,
            looks.next_attempt(mapping),
            _said(mapping.last_error),
            _when_and_who(mapping),
            *([_unmap_button(mapping)] if may_map else []),
        ]
        for mapping in mappings
    ]
    return _table([*headers, *([""] if may_map else [])], rows)


def suggested(suggestions: Iterable[Suggestion], titles: Mapping[int, str], *, may_map: bool) -> Table:
    rows = [
        [
            _ticked(each.test_id, titles, may_tick=may_map),
            _said(each.reason),
            *([_button("Map", each.test_id)] if may_map else []),
        ]
        for each in suggestions
    ]
    return _table(["Test", "Why it may be hidden here", *([""] if may_map else [])], rows)


def attempts(event: ProblematicEvent) -> Table:
    """Of everything that was ever mapped to the event, and of what came here with its mapping from another."""
    mapped_now = list(event.mappings.values_list("pk", flat=True))
    found = RetryAttempt.objects.filter(Q(event=event) | Q(mapping__in=mapped_now)).order_by("-pk")
    rows = [
        [
            looks.ago(attempt.finished_at),
            looks.test_link(attempt.test_id, {}),
            attempt.number,
            looks.outcome(attempt),
            _said(attempt.detail),
        ]
        for attempt in found[:MOST_HISTORY]
    ]
    return _table(["When", "Test", "Attempt", "Outcome", "Detail"], rows)


def history(event: ProblematicEvent, undoable: UUID | None = None) -> Table:
    """``undoable``: the last step, where it can be taken back."""
    found = event.history.select_related("by").order_by("-pk")
    rows = [
        [
            looks.ago(entry.at),
            _what(entry, undoable),
            looks.done_by(entry),
            looks.some_ids(entry.test_ids) or display.EMPTY,
            _said(entry.detail),
        ]
        for entry in found[:MOST_HISTORY]
    ]
    return _table(["When", "What", "By", "Test ids", "Detail"], rows)


def _what(entry: TriageEntry, undoable: UUID | None) -> SafeString | str:
    shown = entry.get_action_display()
    return looks.with_undo(shown, undoable) if undoable and entry.step == undoable else shown


def events(chosen: Iterable[ProblematicEvent], test_ids: Mapping[Any, list[int]]) -> Table:
    rows = [
        [
            looks.event_link(event),
            event.product,
            event.position_range,
            looks.event_status(event),
            looks.some_ids(test_ids.get(event.pk, ())) or "none",
        ]
        for event in chosen
    ]
    return _table(["Event", "Product", "Positions", "State", "Mapped test ids"], rows)


def _table(headers: list[str], rows: Iterable[Sequence[object]]) -> Table:
    # Each cell in an element of its own: on a phone the theme lays the parts of a cell out beside its label.
    return {"headers": headers, "rows": [[format_html("<div>{}</div>", cell) for cell in row] for row in rows]}


def _said(text: str) -> SafeString | str:
    """A sentence, which gets its room."""
    return format_html('<div class="said">{}</div>', text) if text else display.EMPTY


def _when_and_who(mapping: ProblematicMapping) -> SafeString:
    by = mapping.mapped_by.get_username() if mapping.mapped_by else "command line"
    return format_html("{} by {}", looks.ago(mapping.mapped_at), by)


def _unmap_button(mapping: ProblematicMapping) -> str:
    return "" if mapping.state == MappingState.RUNNING else _button("Unmap", mapping.test_id)


def _ticked(test_id: int, titles: Mapping[int, str], *, may_tick: bool) -> SafeString | str:
    """The test, with a box to choose it among others."""
    link = looks.test_link(test_id, titles)
    return format_html(_TICK, test_id, test_id, " ".join(CHECKBOX_CLASSES), link) if may_tick else link


def _button(word: str, test_id: int) -> SafeString:
    """Sends its test id with the form around the table."""
    return format_html(_BUTTON, test_id, word, test_id, word)
