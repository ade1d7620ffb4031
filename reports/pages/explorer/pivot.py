"""Answers of the cube side by side: rows downwards, one dimension across, totals at the end of both."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from reports.metrics import Answer, Cell, Row, answer
from reports.metrics.answer import Group, Values
from reports.metrics.dimensions import DIMENSIONS, NONE, Dimension, Kind
from reports.metrics.measures import Unit
from reports.metrics.plans import one_moment
from reports.metrics_document import same_names
from reports.pages import cells as shown_cells
from reports.pages.explorer.asked import Asked
from reports.pages.explorer.numbers import Number, number, url_behind
from reports.pages.tables import ASCENDING, DESCENDING, Column
from sync.access import Access

#: Figures side by side; more cannot be read on any screen. A file has all.
MOST_ACROSS = 48
#: By so many ids a question is narrowed to the rows that are shown.
_MOST_NAMED = 500


@dataclass(frozen=True, slots=True)
class Pivot:
    """What was found. ``across``: the cells of the dimension across; ``crossed`` and ``below``: its figures by row
    and for all rows. All are of one moment. ``alike``: by dimension, the cells that are called as another one."""

    asked: Asked
    main: Answer
    across: list[Cell]
    left_out: int
    crossed: Mapping[Group, Row]
    below: Mapping[Cell, Row]
    alike: Mapping[str, set[Cell]]

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found, then as now. 0 is a figure: of rates and averages, and of a group."""
        has_groups = bool(self.asked.rows) and bool(self.main.rows)
        return not has_groups and self._is_nothing(self.main.totals) and self._is_nothing(self.main.previous_totals)

    def _is_nothing(self, totals: Values | None) -> bool:
        known = [(each, (totals or {}).get(each.name)) for each in self.asked.asked_measures]
        return all(value is None or (value == 0 and each.unit is Unit.COUNT) for each, value in known)

    @property
    def rows(self) -> list[Row]:
        """The main rows; those with the same first cell stand together."""
        if len(self.asked.rows) < 2:
            return self.main.rows
        order = {cell: place for place, cell in reversed(list(enumerate(row.cells[0] for row in self.main.rows)))}
        return sorted(self.main.rows, key=lambda row: order[row.cells[0]])

    def named(self, dimension: str, cell: Cell, length: int) -> str:
        """What a group is called, short, with its id where another one is called the same."""
        text = _named(cell, length)
        return f"{text} (#{cell.key})" if cell in self.alike.get(dimension, ()) else text


@dataclass(frozen=True, slots=True)
class Head:
    """A heading of a row: over ``span`` rows, or nothing where the one above still holds."""

    text: str
    title: str
    span: int = 1
    is_inner: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    heads: list[Head]
    numbers: list[Number]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A pivot as the template shows it. ``groups``: headings over ``width`` columns each, empty without any across."""

    caption: str
    corner: Sequence[Column]
    groups: Sequence[str]
    width: int
    columns: Sequence[Column]
    lines: Sequence[Line]
    total: Sequence[Number]
    note: str

    @property
    def corner_width(self) -> int:
        return max(len(self.corner), 1)


def ask(asked: Asked, access: Access) -> Pivot:
    """Raises ``Unanswerable``."""
    with one_moment():
        main = answer(asked.query(asked.rows, limit=asked.limit, sort=asked.sort), access)
        alike = {name: same_names(row.cells[place] for row in main.rows) for place, name in enumerate(asked.rows)}
        if not asked.columns:
            return Pivot(asked, main, [], 0, {}, {}, alike)
        below = {row.cells[0]: row for row in answer(asked.query([asked.columns]), access).rows}
        shown = _kept(list(below), asked)
        narrowed = _narrowed(asked, main)
        crossed = {row.cells: row for row in answer(narrowed.query(asked.dimensions), access).rows}
    alike[asked.columns] = same_names(shown)
    return Pivot(asked, main, shown, len(below) - len(shown), crossed, below, alike)


def sheet(pivot: Pivot, path: str) -> Sheet:
    asked = pivot.asked
    groups = [pivot.named(asked.columns, cell, 32) for cell in pivot.across]
    columns = _measure_columns(asked, path, sortable=not groups)
    return Sheet(
        caption=title(asked),
        corner=[_sorted(Column(DIMENSIONS[name].title, name), asked, path) for name in asked.rows],
        groups=[*groups, "All"] if groups else [],
        width=len(columns),
        columns=columns * (len(groups) + 1 if groups else 1),
        lines=[Line(heads, _numbers(pivot, row)) for heads, row in _with_heads(pivot)],
        total=_total(pivot),
        note=_note(pivot),
    )


def title(asked: Asked) -> str:
    """ "Bugs and Rejection by product, month" """
    names = [measure.title for measure in asked.asked_measures]
    what = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
    by = ", ".join(DIMENSIONS[name].title.lower() for name in asked.dimensions)
    return f"{what} by {by}" if by else what


def _kept(found: list[Cell], asked: Asked) -> list[Cell]:
    """As many as can be read: the latest of times, the first of all else."""
    most = max(1, MOST_ACROSS // len(asked.measures))
    return found[-most:] if is_time(DIMENSIONS[asked.columns]) else found[:most]


def is_time(dimension: Dimension) -> bool:
    return dimension.kind is Kind.PERIOD


def _narrowed(asked: Asked, main: Answer) -> Asked:
    """The same about the shown rows alone, where ids can say which those are."""
    for place, name in enumerate(asked.rows):
        keys = {NONE if row.cells[place].key is None else str(row.cells[place].key) for row in main.rows}
        if DIMENSIONS[name].kind is Kind.NUMBER and 0 < len(keys) <= _MOST_NAMED and main.groups > len(main.rows):
            asked = asked.filtered(name, tuple(sorted(keys)))
    return asked


def _measure_columns(asked: Asked, path: str, *, sortable: bool) -> list[Column]:
    columns = [
        Column(each.title, each.name if sortable else "", is_number=True, first=DESCENDING)
        for each in asked.asked_measures
    ]
    return [_sorted(column, asked, path) for column in columns] if sortable else columns


def _sorted(column: Column, asked: Asked, path: str) -> Column:
    is_sorted = asked.sort.removeprefix("-") == column.key
    is_down = asked.sort.startswith("-")
    down = not is_down if is_sorted else column.first == DESCENDING
    url = replace(asked, sort=f"-{column.key}" if down else column.key).url(path)
    return replace(column, sort_url=url, direction=(DESCENDING if is_down else ASCENDING) if is_sorted else "")


def _with_heads(pivot: Pivot) -> Iterator[tuple[list[Head], Row]]:
    for _, group in groupby(pivot.rows, key=lambda row: row.cells[:1]):
        together = list(group)
        for place, row in enumerate(together):
            first, *inner = _heads(pivot, row) or [Head("", "")]
            heads = [replace(first, span=len(together)), *inner] if inner else [first]
            yield (heads if place == 0 or not inner else inner), row


def _heads(pivot: Pivot, row: Row) -> list[Head]:
    return [
        Head(pivot.named(name, cell, 70), cell.label if len(cell.label) > 70 else "", is_inner=place > 0)
        for place, (name, cell) in enumerate(zip(pivot.asked.rows, row.cells, strict=True))
    ]


def _named(cell: Cell, length: int) -> str:
    """Short; TestIO's words with blanks, and names as they are."""
    is_word = isinstance(cell.key, str) and cell.key == cell.key.lower()
    return shown_cells.title(cell.label.replace("_", " ") if is_word else cell.label, NONE, length)


def _numbers(pivot: Pivot, row: Row) -> list[Number]:
    asked = pivot.asked
    found: list[Number] = []
    for cell in pivot.across:
        group = (*row.cells, cell)
        found += _of(asked, pivot.crossed.get(group), asked.dimensions, group)
    return found + _of(asked, row, asked.rows, row.cells)


def _total(pivot: Pivot) -> list[Number]:
    asked, main = pivot.asked, pivot.main
    found: list[Number] = []
    for cell in pivot.across:
        found += _of(asked, pivot.below[cell], (asked.columns,), (cell,))
    return found + _of(asked, Row((), main.totals, main.previous_totals), (), ())


def _of(asked: Asked, row: Row | None, names: Sequence[str], cells: Sequence[Cell]) -> list[Number]:
    """A row's figures."""
    if row is None:
        return [Number("–", is_missing=True) for _ in asked.measures]
    # March has no March in the period before: only what is not a time can be compared with itself.
    previous = None if any(is_time(DIMENSIONS[name]) for name in names) else row.previous
    return [
        number(measure, row.values, previous, url_behind(asked, measure, names, cells))
        for measure in asked.asked_measures
    ]


def _note(pivot: Pivot) -> str:
    parts = []
    shown, groups = len(pivot.main.rows), pivot.main.groups
    if shown < groups:
        parts.append(f"{shown} of {groups:,} rows are shown.")
    if pivot.left_out:
        which = "latest" if is_time(DIMENSIONS[pivot.asked.columns]) else "first"
        parts.append(f"The {which} {len(pivot.across)} of {len(pivot.below):,} columns are shown.")
    return " ".join([*parts, "Totals and files count all of them."] if parts else [])
