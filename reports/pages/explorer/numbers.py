"""One figure as it is shown, how it changed, and where the rows behind it are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.urls import reverse
from django.utils.http import urlencode

from reports.documents import Kind
from reports.exports.cells import shown
from reports.metrics import NONE, Cell, Measure
from reports.metrics.answer import Values
from reports.metrics.measures import Source, Unit
from reports.pages import health
from reports.pages.explorer.asked import Asked
from reports.pages.parts import Change, change_of_count, change_of_rate

KINDS = {Unit.COUNT: Kind.INTEGER, Unit.RATE: Kind.RATE, Unit.NUMBER: Kind.NUMBER}
#: Of these as many rows are listed as the figure says.
_COUNTED = ("tests", "bugs")
#: Said by the address of the rows behind a figure, which has no dimensions itself: the table is by feature.
PER_FEATURE = "per_feature"
_TITLE = "Lists all bugs counted here"


@dataclass(frozen=True, slots=True)
class Number:
    """``before``: the same of the period before, where that was asked for. ``title``: what ``url`` lists, where that
    is not one row for each that is counted."""

    text: str
    url: str = ""
    change: Change | None = None
    before: str = ""
    is_missing: bool = False
    title: str = ""


def number(measure: Measure, values: Values, previous: Values | None, url: str) -> Number:
    value = values.get(measure.name)
    before = previous.get(measure.name) if previous is not None else None
    # A rate of 0 is made of bugs, too; other zeros are of nothing.
    is_link = bool(url) and (bool(value) or (measure.unit is Unit.RATE and value is not None))
    return Number(
        text=_shown(measure, value),
        url=url if is_link else "",
        change=_change(measure, value, before),
        before=f"{_shown(measure, before)} before" if previous is not None else "",
        is_missing=value is None,
        title=_TITLE if is_link and measure.name not in _COUNTED else "",
    )


def url_behind(asked: Asked, measure: Measure, names: Sequence[str], cells: Sequence[Cell]) -> str:
    """Where the tests or bugs are listed that a figure of this group is made of; empty where it counts others, such as
    testers, which no page lists."""
    if not set(measure.sources) <= {Source.TESTS, Source.BUGS}:
        return ""
    for name, cell in zip(names, cells, strict=True):
        asked = _narrowed(asked, name, cell)
    pairs = [("of", "bugs" if Source.BUGS in measure.sources else "tests")]
    pairs += [(name, value) for name, value in _scope(asked).pairs() if name not in ("measure", "rows")]
    pairs += [(PER_FEATURE, "yes")] if asked.is_per_feature else []
    return f"{reverse('reports:rows')}?{urlencode(pairs)}"


def _narrowed(asked: Asked, name: str, cell: Cell) -> Asked:
    """To this group. One of times may reach beyond a filter by the same times, such as the year of a quarter."""
    if cell.first is None or cell.last is None or name not in asked.filters:
        return asked.filtered(name, (NONE if cell.key is None else _word(cell),))
    days = asked.query(()).range
    first = max(filter(None, (cell.first, days.first)))
    last = min(filter(None, (cell.last, days.last)))
    return replace(asked, since=str(first), until=str(last))


def _scope(asked: Asked) -> Asked:
    """What chooses rows, without what arranges figures."""
    return replace(
        asked,
        rows=(),
        columns="",
        compare=False,
        sort="",
        view="both",
        limit=Asked().limit,
    )


def _word(cell: Cell) -> str:
    if cell.first is not None:
        return cell.label
    return {True: "yes", False: "no"}[cell.key] if isinstance(cell.key, bool) else str(cell.key)


def _shown(measure: Measure, value: float | None) -> str:
    return shown(value, KINDS[measure.unit])


def _change(measure: Measure, now: float | None, before: float | None) -> Change | None:
    if measure.unit is Unit.RATE:
        return change_of_rate(now, before, more_is_better=health.BETTER_ABOVE.get(measure.name, True))
    return change_of_count(now, before)
