"""A question to the cube, checked when it is built, so that whatever answers it need not doubt it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Literal, TypeAlias

from reports.figures import EXECUTED_STATUSES
from reports.metrics.dimensions import DIMENSIONS, NONE, Dimension, Kind, Subject
from reports.metrics.measures import MEASURES, REPORT_MEASURES, Measure, measure_named
from reports.metrics.vocabulary import ANY, plain, refusal
from sync.dates import Period, UnreadableDate, read_period

MOST_DIMENSIONS = 3
MOST_VALUES = 10_000

#: What a test or a bug is dated by, for the range of days and for weeks, months, quarters and years.
Moment: TypeAlias = Literal["end_at", "reported_at"]
Value: TypeAlias = str | int | bool
_FLAGS = {"true": True, "yes": True, "known": True, "false": False, "no": False, "not known": False}


class Unanswerable(ValueError):
    """The question makes no sense; the sentence says what to ask instead."""


@dataclass(frozen=True, slots=True)
class Range:
    """Days (UTC), both ends included; None: open to that side."""

    first: date | None = None
    last: date | None = None

    @property
    def is_open(self) -> bool:
        return self.first is None or self.last is None

    def __bool__(self) -> bool:
        return self.first is not None or self.last is not None

    def __str__(self) -> str:
        if self.first is None and self.last is None:
            return "all time"
        if self.last is None:
            return f"{self.first} to present"
        if self.first is None:
            return f"through {self.last}"
        return f"{self.first} to {self.last}"


@dataclass(frozen=True, slots=True)
class Query:
    """``measures`` of tests and bugs, grouped by up to three ``dimensions``. Raises ``Unanswerable`` when built.

    ``filters``: the values to keep by dimension: words as people see them or as TestIO stores them, ids, periods such
    as "2026-03", and ``(none)``; of a closed vocabulary only words that are known or that a record has. Without a
    filter by test status only executed tests count (``ANY``: all).
    ``sort``: a measure or dimension, with ``-`` in front for descending; default: by time where that is a dimension,
    else the largest first measure on top. ``limit``: rows kept; the totals stay those of all. ``per_feature``: a test
    makes its pairs per feature (see ``facts``) though no feature is asked for, as in the margin of a table by feature.
    """

    measures: tuple[str, ...]
    dimensions: tuple[str, ...] = ()
    filters: Mapping[str, tuple[Value, ...]] = field(default_factory=dict)
    range: Range = Range()
    dated_by: Moment = "end_at"
    compare: bool = False
    sort: str = ""
    limit: int | None = None
    per_feature: bool = False

    def __post_init__(self) -> None:
        self._check_measures()
        self._check_dimensions()
        for name, values in self.filters.items():
            _check_filter(name, values)
        if self.dated_by not in ("end_at", "reported_at"):
            raise Unanswerable(f"Tests and bugs are dated by end_at or reported_at, not by {self.dated_by}.")
        first, last = self.range.first, self.range.last
        if first and last and first > last:
            raise Unanswerable(f"The range of days ends ({last}) before it begins ({first}). Swap the two.")
        if self.compare and self.previous is None:
            raise Unanswerable("Only a range of days with a beginning and an end has a period before it. Give both.")
        if self.limit is not None and self.limit < 1:
            raise Unanswerable(f"The limit must be 1 or more, not {self.limit}.")

    @classmethod
    def read(
        cls,
        measures: Iterable[str],
        dimensions: Iterable[str] = (),
        filters: Mapping[str, Iterable[Value]] | None = None,
        *,
        since: str = "",
        until: str = "",
        dated_by: Moment = "end_at",
        compare: bool = False,
        sort: str = "",
        limit: int | None = None,
        per_feature: bool = False,
        now: datetime | None = None,
    ) -> "Query":
        """From what a person typed. ``since`` and ``until`` are phrases such as "last quarter" or "2026-03".

        A range begins with the first day of ``since`` and ends with the last day of ``until``.
        """
        try:
            days = Range(
                read_period(since, now=now).first if since else None,
                read_period(until, now=now).last if until else None,
            )
        except UnreadableDate as error:
            raise Unanswerable(str(error)) from error
        kept = {name: tuple(values) for name, values in (filters or {}).items()}
        return cls(tuple(measures), tuple(dimensions), kept, days, dated_by, compare, sort, limit, per_feature)

    def _check_measures(self) -> None:
        if not self.measures:
            raise Unanswerable(f"Ask for at least one measure: {', '.join(MEASURES)}.")
        for name in self.measures:
            if measure_named(name) is None:
                known = ", ".join((*MEASURES, *(f"{kind}:FIELD" for kind in REPORT_MEASURES)))
                raise Unanswerable(f"There is no measure {name}. Known are {known}.")
        if twice := _twice(self.measures):
            raise Unanswerable(f"Ask for each measure once only; {twice} is named twice.")

    def _check_dimensions(self) -> None:
        for name in self.dimensions:
            if name not in DIMENSIONS or not DIMENSIONS[name].groups:
                known = ", ".join(each.name for each in DIMENSIONS.values() if each.groups)
                raise Unanswerable(f"There is no dimension {name} to group by. Known are {known}.")
        if len(self.dimensions) > MOST_DIMENSIONS:
            raise Unanswerable(f"Group by {MOST_DIMENSIONS} dimensions at most, not by {len(self.dimensions)}.")
        if twice := _twice(self.dimensions):
            raise Unanswerable(f"Group by each dimension once only; {twice} is named twice.")
        if self.sort and self.sort.removeprefix("-") not in (*self.measures, *self.dimensions):
            raise Unanswerable(f"Sort by one of the measures and dimensions asked for, not by {self.sort}.")

    @property
    def asked(self) -> tuple[Measure, ...]:
        return tuple(measure for name in self.measures if (measure := measure_named(name)))

    @property
    def grouped(self) -> tuple[Dimension, ...]:
        return tuple(DIMENSIONS[name] for name in self.dimensions)

    @property
    def order(self) -> tuple[str, bool]:
        """The measure or dimension to sort by, and whether downwards; "" without groups."""
        times = (each.name for each in self.times)
        default = next(times, f"-{self.measures[0]}") if self.dimensions else ""
        name = self.sort or default
        return name.removeprefix("-"), name.startswith("-")

    @property
    def has_many_groups(self) -> bool:
        """Whether there may be more groups than names of people: a few hundred in most places, some thousand in any."""
        return len(self.dimensions) > 1 or "test" in self.dimensions

    @property
    def used(self) -> tuple[Dimension, ...]:
        """Grouped or filtered by."""
        return tuple(DIMENSIONS[name] for name in dict.fromkeys((*self.dimensions, *self.filters)))

    @property
    def times(self) -> tuple[Dimension, ...]:
        """The weeks, months, quarters and years grouped by: the period before has others."""
        return tuple(each for each in self.grouped if each.kind is Kind.PERIOD)

    @property
    def kept_times(self) -> tuple[Dimension, ...]:
        """Those filtered by, which leave out the period before."""
        return tuple(each for each in DIMENSIONS.values() if each.name in self.filters and each.kind is Kind.PERIOD)

    @property
    def test_statuses(self) -> tuple[Value, ...] | None:
        """The words kept; None: any."""
        chosen = self.filters.get("test_status", EXECUTED_STATUSES)
        return None if set(map(plain, chosen)) == {ANY} else chosen

    @property
    def previous(self) -> "Query | None":
        """The same for the period before; None without one."""
        if self.range.first is None or self.range.last is None:
            return None
        try:
            before = Period(self.range.first, self.range.last).previous()
        except (ValueError, OverflowError):  # before the year 1
            return None
        return replace(self, range=Range(before.first, before.last), compare=False)

    @property
    def tests_in_range(self) -> bool:
        """Whether days are asked for, of the tests' end."""
        return bool(self.range) and self.dated_by == "end_at"

    @property
    def bugs_in_range(self) -> bool:
        """Whether days are asked for, of the bugs' reporting."""
        return bool(self.range) and self.dated_by == "reported_at"

    def admits_none(self, dimension: Dimension) -> bool:
        """Whether its filter keeps what has no value. Without a filter: False."""
        return any(read_value(dimension, value) is None for value in self.filters.get(dimension.name, ()))

    def is_about_bugs(self, dimension: Dimension) -> bool:
        """Whether a dimension is the bug's own, so that a test has as many values as its bugs."""
        if dimension.subject is Subject.MOMENT:
            return self.dated_by == "reported_at"
        return dimension.subject in (Subject.BUG, Subject.DEVICE)


def _twice(names: tuple[str, ...]) -> str:
    """The first that is named again; empty where none is."""
    return next((name for place, name in enumerate(names) if name in names[:place]), "")


def _check_filter(name: str, values: tuple[Value, ...]) -> None:
    if name not in DIMENSIONS:
        raise Unanswerable(f"There is no dimension {name} to filter by. Known are {', '.join(DIMENSIONS)}.")
    if not values:
        raise Unanswerable(f"The filter by {name} names no value. Leave it out, or name what to keep.")
    if len(values) > MOST_VALUES:
        raise Unanswerable(f"The filter by {name} names {len(values)} values; {MOST_VALUES} is the most.")
    for value in values:
        read_value(DIMENSIONS[name], value)
    words = set(map(plain, values))
    if name == "test_status" and ANY in words and len(words) > 1:
        raise Unanswerable(f'"{ANY}" means tests of every status. Name it alone, or the statuses to keep without it.')
    if why := refusal(DIMENSIONS[name], values):
        raise Unanswerable(why)


def read_value(dimension: Dimension, value: Value) -> Value | Period | None:
    """What one value of a filter means: a word, an id, a flag or a period; None for ``(none)``.

    Raises ``Unanswerable``.
    """
    if value == NONE:
        return None
    if dimension.kind is Kind.NUMBER:
        return _id(dimension, value)
    if dimension.kind is Kind.FLAG:
        return _flag(dimension, value)
    if dimension.kind is Kind.PERIOD:
        return _period(dimension, value)
    return value if isinstance(value, str) else str(value)


def _id(dimension: Dimension, value: Value) -> int:
    text = str(value)
    if isinstance(value, bool) or not text.isdecimal() or not text.isascii() or int(text) >= 2**63:
        raise Unanswerable(f'A filter by {dimension.name} takes ids or "{NONE}", not "{value}".')
    return int(text)


def _flag(dimension: Dimension, value: Value) -> bool:
    flag = value if isinstance(value, bool) else _FLAGS.get(str(value).strip().lower())
    if flag is None:
        raise Unanswerable(f'A filter by {dimension.name} takes "yes", "no" or "{NONE}", not "{value}".')
    return flag


def _period(dimension: Dimension, value: Value) -> Period:
    try:
        return read_period(str(value))
    except UnreadableDate as error:
        raise Unanswerable(f"A filter by {dimension.name} takes periods. {error}") from error
