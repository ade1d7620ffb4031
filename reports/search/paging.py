"""Where a page of results ended, as a text that an address can carry."""

from collections.abc import Collection
from typing import Any

import orjson

from reports.search.candidates import Window
from reports.search.finding import Place
from sync.api import keyset
from sync.testio.payloads.reading import BIGINT_MAX

_ORDER = keyset.Order(keyset.Column("points", int), descending=True, tie=keyset.Column("rest", str))


def write(place: Place, belongs_to: str) -> str:
    """``belongs_to`` names the search with everything that was asked; the cursor is good for exactly that."""
    windows = {name: [window.oldest, window.newest] for name, window in place.windows.items()}
    rest = orjson.dumps([place.kind, place.id, windows]).decode()
    return keyset.write_cursor(keyset.Place(place.points, rest), _ORDER, belongs_to)


def read(cursor: str, belongs_to: str, kinds: Collection[str]) -> Place:
    """``kinds``: the names of what is searched. Raises ``keyset.BadCursor``."""
    found = keyset.read_cursor(cursor, _ORDER, belongs_to)
    match _unpacked(found.tie):
        case [str(kind), int(pk), dict(bounds)] if kind in bounds and bounds.keys() == set(kinds):
            return Place(found.value, kind, pk, {name: _window(each) for name, each in bounds.items()})
    raise _no_cursor()


def _unpacked(text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return None


def _window(bounds: object) -> Window:
    match bounds:
        case [int(oldest), int(newest)] if 0 <= oldest <= BIGINT_MAX and 0 <= newest <= BIGINT_MAX:
            return Window(oldest, newest)
    raise _no_cursor()


def _no_cursor() -> keyset.BadCursor:
    return keyset.BadCursor(
        "It is no cursor of this search. Send the next_cursor of the page before, or none to begin."
    )
