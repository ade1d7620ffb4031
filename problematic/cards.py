"""Events as cards in a terminal, a box of lines for each.

Drawn by hand, as rich would draw them: a table of its own for every event makes rich take a millisecond for each, and
a list may have ten thousand.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from sync.summaries import when

#: Cells of a card, with its frame; and of what is in its left column.
WIDTH, _LABEL = 100, 10
_FRAME = 7
_NARROWEST = 40


def card(event: Any, width: int = WIDTH) -> str:
    """Title and box, with a line end. ``event`` is a ``ProblematicEvent`` with ``mapped_test_ids`` and ``stored``."""
    value = max(width, _NARROWEST) - _LABEL - _FRAME
    left, right = "─" * (_LABEL + 2), "─" * (value + 2)
    lines = [f"{event.public_id} · {event.get_status_display()}", f"┌{left}┬{right}┐"]
    for label, text in _rows(event):
        for number, part in enumerate(_wrapped(text, value)):
            lines.append(f"│ {'' if number else label:{_LABEL}} │ {part} │")
    return "\n".join([*lines, f"└{left}┴{right}┘", ""])


def mapped(event: Any) -> str:
    """Which tests wait for a retry, and how many are stored already."""
    ids: list[int] = event.mapped_test_ids
    waiting = f"{', '.join(map(str, ids))} ({'1 test' if len(ids) == 1 else f'{len(ids)} tests'})" if ids else ""
    stored = f"{event.stored} stored" if event.stored else ""
    if stored and event.is_open:
        stored += "; the next sync of the product confirms it"
    return ", ".join(filter(None, (waiting, stored))) or "(none)"


def _rows(event: Any) -> Iterator[tuple[str, str]]:
    seen = "once" if event.occurrences == 1 else f"{event.occurrences} times, last"
    yield "Event", str(event.event_id)
    yield "Product", str(event.product)
    yield "Positions", f"{event.position_range} ({event.size} unreadable)"
    yield "Attempts", f"{event.recovery_attempts}, seen {seen} {when(event.last_seen_at)}"
    yield "Before", _neighbour(event.boundary_before_id, event.boundary_before_end_at, "top of the list")
    yield "After", _neighbour(event.boundary_after_id, event.boundary_after_end_at, "end of the list")
    yield "Mapped", mapped(event)
    if event.resolution:
        yield "Resolution", event.resolution


def _neighbour(test_id: int | None, end_at: datetime | None, absent: str) -> str:
    return f"test {test_id}, ends {when(end_at)}" if test_id else absent


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of exactly so many cells. Most texts are one line of plain letters, which costs next to nothing."""
    if len(text) <= width and text.isascii() and text.isprintable():
        return [text.ljust(width)]
    lines = Text(text.translate(_NO_CONTROLS), overflow="fold").wrap(_MEASURE, width) or [Text()]
    return [line.plain + " " * (width - cell_len(line.plain)) for line in lines]


#: What TestIO's names hold must not steer the terminal; lines stay lines.
_NO_CONTROLS = dict.fromkeys({*range(0x20), *range(0x7F, 0xA0)} - {ord("\n")}, " ")

#: rich wants one for wrapping; nothing is printed with it.
_MEASURE = Console(width=WIDTH, color_system=None)
