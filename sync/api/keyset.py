"""Pages of a list that stay in step while rows come and go: a page begins where the one before ended.

A page's place is the sort value and the id of its last row, not a number of rows, so what is inserted or deleted
meanwhile moves nothing from one page to another, and the thousandth page costs what the first one does.

Rows without a value come last, in both directions. They are read by a statement of their own, because a condition
with ``OR … IS NULL`` could not be answered by walking along an index. Within equal values the id decides, in the
direction of the sort, so that ``(value, id)`` is one comparison for the database, and one index serves both.
"""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import orjson
from django.db.models import F, Func, Model, QuerySet, TextField, Value
from django.db.models.expressions import Combinable
from django.db.models.lookups import GreaterThan, IsNull, LessThan

Row = TypeVar("Row", bound=Model)

#: Of any cursor: a sort value of some hundred characters, an id, and what it belongs to.
LONGEST_CURSOR = 4_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_BIGINT_MAX = 2**63 - 1


class BadCursor(ValueError):
    """The text is no cursor of this list; the sentence says what to do."""


@dataclass(frozen=True, slots=True)
class Column:
    """Something a list can be sorted by. ``source`` is a field or an expression, ``kind`` what Python gets of it."""

    source: str | Combinable
    kind: type[int] | type[str] | type[datetime] | type[UUID]
    nullable: bool = False

    @property
    def expression(self) -> Combinable:
        return F(self.source) if isinstance(self.source, str) else self.source


ID = Column("pk", int)


@dataclass(frozen=True, slots=True)
class Order:
    """How a list is sorted: by ``column``, and within equal values by ``tie``, which no two rows share."""

    column: Column
    descending: bool = False
    tie: Column = ID


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended: the sort value (None where a row has none) and the id of its last row."""

    value: Any
    tie: Any


@dataclass(frozen=True, slots=True)
class Page:
    """``rows`` are tuples of the columns asked for; ``end`` is None on the last page."""

    rows: list[tuple[Any, ...]]
    end: Place | None


def page(
    rows: "QuerySet[Row]", columns: Sequence[str | Combinable], order: Order, *, after: Place | None, limit: int
) -> Page:
    """The next ``limit`` rows in this order: one statement, or two where the rows without a value begin."""
    found: list[tuple[Any, ...]] = []
    for segment in segments(rows, order, after=after):
        wanted = limit + 1 - len(found)
        found += segment.values_list(*columns, order.column.expression, order.tie.expression)[:wanted]
        if len(found) > limit:
            break
    shown = found[:limit]
    end = Place(*shown[-1][-2:]) if len(found) > limit else None
    return Page([row[:-2] for row in shown], end)


def segments(rows: "QuerySet[Row]", order: Order, *, after: Place | None = None) -> "list[QuerySet[Row]]":
    """What comes after a place, sorted: one queryset, or two for a nullable column, the rows without a value last."""
    if not order.column.nullable:
        return [_sorted(_beyond(rows, order, after), order)]
    absent = _by_tie(rows.filter(IsNull(order.column.expression, True)), order)
    if after is not None and after.value is None:
        return [_beyond_tie(absent, order, after.tie)]
    present = rows.filter(IsNull(order.column.expression, False))
    return [_sorted(_beyond(present, order, after), order), absent]


def _sorted(rows: "QuerySet[Row]", order: Order) -> "QuerySet[Row]":
    if order.column == order.tie:
        return _by_tie(rows, order)
    keys = (order.column.expression, order.tie.expression)
    # Said without "nulls last": there are none here, and only the plain directions match an index read either way.
    return rows.order_by(*(_directed(key, order) for key in keys))


def _by_tie(rows: "QuerySet[Row]", order: Order) -> "QuerySet[Row]":
    return rows.order_by(_directed(order.tie.expression, order))


def _directed(key: Combinable, order: Order) -> Any:
    expression: Any = key
    return expression.desc() if order.descending else expression.asc()


def _beyond(rows: "QuerySet[Row]", order: Order, after: Place | None) -> "QuerySet[Row]":
    if after is None:
        return rows
    if order.column == order.tie:
        return _beyond_tie(rows, order, after.tie)
    compare = LessThan if order.descending else GreaterThan
    mine = _Pair(order.column.expression, order.tie.expression)
    return rows.filter(compare(mine, _Pair(Value(after.value), Value(after.tie))))


def _beyond_tie(rows: "QuerySet[Row]", order: Order, tie: Any) -> "QuerySet[Row]":
    compare = LessThan if order.descending else GreaterThan
    return rows.filter(compare(order.tie.expression, Value(tie)))


class _Pair(Func):
    """``ROW(value, id)``: compared as one by the database, along an index that has both."""

    function = "ROW"
    output_field = TextField()  # of no matter: it is only compared with another one


# Cursors: a place as text --------------------------------------------------------------------------------------------


def write_cursor(place: Place, order: Order, belongs_to: str) -> str:
    """``belongs_to`` names the list and its parameters; the cursor is good for exactly these."""
    packed = [belongs_to, _pack(order.column, place.value), _pack(order.tie, place.tie)]
    return base64.urlsafe_b64encode(orjson.dumps(packed)).rstrip(b"=").decode()


def read_cursor(text: str, order: Order, belongs_to: str) -> Place:
    """Raises ``BadCursor`` for what ``write_cursor`` did not write, or wrote for other parameters."""
    match _unpacked(text):
        case [str(owner), value, tie] if owner == belongs_to:
            return Place(_unpack(order.column, value), _unpack(order.tie, tie))
        case [str(), _, _]:
            raise BadCursor(
                "It belongs to a list with other parameters. Only limit and count may change from page to page: "
                "send the others as they were, or begin again without a cursor."
            )
    raise _no_cursor()


def _unpacked(text: str) -> object:
    try:
        found: object = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error):
        raise _no_cursor() from None
    return found


def _no_cursor() -> BadCursor:
    return BadCursor("It is no cursor of this list. Send the next_cursor of the page before, or none to begin.")


def _pack(column: Column, value: Any) -> Any:
    return None if value is None else _PACK[column.kind](value)


def _unpack(column: Column, packed: object) -> Any:
    if packed is None and column.nullable:
        return None
    try:
        return _UNPACK[column.kind](packed)
    except (ValueError, TypeError, OverflowError):
        raise _no_cursor() from None


def _number(packed: object) -> int:
    if type(packed) is int and -_BIGINT_MAX <= packed <= _BIGINT_MAX:
        return packed
    raise _no_cursor()


def _text(packed: object) -> str:
    if isinstance(packed, str) and "\0" not in packed:  # no column holds NUL, and PostgreSQL refuses to compare with it
        return packed
    raise _no_cursor()


_PACK: dict[type, Callable[[Any], Any]] = {
    int: lambda number: number,
    str: lambda text: text,
    datetime: lambda moment: (moment - _EPOCH) // _MICROSECOND,
    UUID: lambda uuid: uuid.hex,
}
_UNPACK: dict[type, Callable[[object], Any]] = {
    int: _number,
    str: _text,
    datetime: lambda packed: _EPOCH + _number(packed) * _MICROSECOND,
    UUID: lambda packed: UUID(_text(packed)),
}
