"""What the explorer is asked: all of it is in the address, so that a link shares exactly what is seen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from django.http import QueryDict
from django.utils.http import urlencode

from reports.metrics import DIMENSIONS, MEASURES, REPORT_MEASURES, Measure, Query, measure_named
from reports.metrics.facts import FEATURE
from reports.metrics.query import Moment, Value
from reports.pages.filters import one_of, text

MEASURES_AT_FIRST = ("tests", "bugs", "overall_acceptance", "rejection")
ROWS_AT_FIRST = "product"
PERIOD_AT_FIRST = "last 12 months"
LIMITS = (10, 25, 50, 100, 250)
LIMIT_AT_FIRST = 25
VIEWS = {"both": "Both", "chart": "Chart", "table": "Table"}
_LONGEST = 200

Filters = dict[str, tuple[Value, ...]]


@dataclass(frozen=True, slots=True)
class Asked:
    """``rows`` are the dimensions downwards, the second within the first; ``columns`` the one across, or empty."""

    measures: tuple[str, ...] = MEASURES_AT_FIRST
    rows: tuple[str, ...] = (ROWS_AT_FIRST,)
    columns: str = ""
    filters: Filters = field(default_factory=dict)
    since: str = PERIOD_AT_FIRST
    until: str = PERIOD_AT_FIRST
    dated_by: Moment = "end_at"
    compare: bool = False
    sort: str = ""
    limit: int = LIMIT_AT_FIRST
    view: str = "both"

    @classmethod
    def read(cls, query: QueryDict) -> "Asked":
        """What the address asks for; what cannot be is left out, and a bare address is a question to begin with."""
        if not query:
            return cls()
        rows, columns = _dimensions(query)
        measures = _measures(query) or MEASURES_AT_FIRST
        sort = text(query, "sort")
        return cls(
            measures=measures,
            rows=rows,
            columns=columns,
            filters={name: _values(query, name) for name in DIMENSIONS if _values(query, name)},
            since=text(query, "since")[:_LONGEST],
            until=text(query, "until")[:_LONGEST],
            dated_by="reported_at" if query.get("dated_by") == "reported_at" else "end_at",
            compare=bool(query.get("compare")),
            sort=sort if sort.removeprefix("-") in (*measures, *rows) else "",
            limit=int(one_of(query, "limit", [str(each) for each in LIMITS], str(LIMIT_AT_FIRST))),
            view=one_of(query, "view", list(VIEWS), "both"),
        )

    @property
    def dimensions(self) -> tuple[str, ...]:
        return (*self.rows, *filter(None, (self.columns,)))

    @property
    def is_per_feature(self) -> bool:
        """Whether tests make their pairs per feature (see ``Query``) in all of this table, its margins too."""
        return FEATURE.name in self.dimensions

    @property
    def asked_measures(self) -> list[Measure]:
        return [measure for name in self.measures if (measure := measure_named(name))]

    def query(self, dimensions: Sequence[str], *, limit: int | None = None, sort: str = "") -> Query:
        """The question by these dimensions; by fewer than all it is the margin. Raises ``Unanswerable``."""
        return Query.read(
            self.measures,
            dimensions,
            self.filters,
            since=self.since,
            until=self.until,
            dated_by=self.dated_by,
            compare=self.compare,
            sort=sort,
            limit=limit,
            per_feature=self.is_per_feature,
        )

    def pairs(self) -> list[tuple[str, str]]:
        """The parameters of the address, in one order whatever way it was typed."""
        return [(name, value) for name, value in self._pairs() if value]

    def _pairs(self) -> Iterator[tuple[str, str]]:
        yield from (("measure", name) for name in self.measures)
        yield from zip(("rows", "then"), self.rows, strict=False)
        yield "columns", self.columns
        yield from self.filter_pairs()
        yield from (("since", self.since), ("until", self.until))
        yield "dated_by", "" if self.dated_by == "end_at" else self.dated_by
        yield "compare", "yes" if self.compare else ""
        yield "sort", self.sort
        yield "limit", "" if self.limit == LIMIT_AT_FIRST else str(self.limit)
        yield "view", "" if self.view == "both" else self.view

    def filter_pairs(self) -> Iterator[tuple[str, str]]:
        yield from ((name, str(value)) for name, values in self.filters.items() for value in values)

    def url(self, path: str, *more: tuple[str, str]) -> str:
        return f"{path}?{urlencode([*self.pairs(), *more])}"

    def filtered(self, name: str, values: tuple[Value, ...]) -> "Asked":
        """The same with this filter, in place of one by the same dimension; without it for no values."""
        others = {key: kept for key, kept in self.filters.items() if key != name}
        return replace(self, filters=others | ({name: values} if values else {}))


def _dimensions(query: QueryDict) -> tuple[tuple[str, ...], str]:
    known = [each.name for each in DIMENSIONS.values() if each.groups]
    chosen = [one_of(query, name, known) for name in ("rows", "then")]
    rows = list(dict.fromkeys(filter(None, chosen)))
    columns = one_of(query, "columns", known)
    if not rows and columns:
        return (columns,), ""
    return tuple(rows), "" if columns in rows else columns


def _measures(query: QueryDict) -> tuple[str, ...]:
    """Those that are offered, and those of a field of custom reports: named whole, or by two inputs of the form."""
    names = [name.replace("\0", "") for name in query.getlist("measure")]
    kind, of = query.get("made", ""), text(query, "field")
    if kind in REPORT_MEASURES and of:
        names.append(f"{kind}:{of}")
    known = {name for name in names if measure_named(name)}
    order = [*MEASURES, *(name for name in names if name not in MEASURES)]
    return tuple(name for name in dict.fromkeys(order) if name in known)


def _values(query: QueryDict, name: str) -> tuple[Value, ...]:
    """As they are: the links behind figures name what records have, whatever its length and its blanks."""
    given = (value.replace("\0", "") for value in query.getlist(name))
    return tuple(dict.fromkeys(value for value in given if value.strip()))
