"""What can be counted. Counts are of different records, never of rows that some join has multiplied."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType
from typing import Any

from reports.figures import RATES, share


class Source(Enum):
    """Where the numbers a measure is made of come from; each is counted by a query of its own."""

    TESTS = auto()
    BUGS = auto()
    TESTERS = auto()
    FEATURES = auto()
    REPORTS = auto()


class Unit(Enum):
    COUNT = "count"
    RATE = "rate"
    NUMBER = "number"


#: The numbers counted for one group, by name. What is not there was not found.
Numbers = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure: ``part``, or ``part`` / ``whole`` where it has one; both are numbers of a group added up.

    ``field``: the field of the custom report whose values it is made of, if it is one of those.
    """

    name: str
    title: str
    formula: str
    unit: Unit
    sources: tuple[Source, ...]
    part: tuple[str, ...]
    whole: tuple[str, ...] = ()
    field: str = ""

    def value(self, numbers: Numbers) -> float | None:
        """The figure of one group; None without data."""
        if self.whole:
            return share(float(_sum(numbers, self.part)), _sum(numbers, self.whole))
        if self.unit is Unit.COUNT:
            return int(_sum(numbers, self.part))
        found = numbers.get(self.part[0])
        return None if found is None else float(found)


def _sum(numbers: Numbers, names: tuple[str, ...]) -> Any:
    return sum(numbers.get(name) or 0 for name in names)


def _rate(name: str, title: str, formula: str) -> Measure:
    return Measure(name, title, formula, Unit.RATE, (Source.BUGS,), RATES[name].part, RATES[name].whole)


_ALL = (
    Measure("tests", "Tests", "tests", Unit.COUNT, (Source.TESTS,), ("tests",)),
    Measure("bugs", "Bugs", "bugs", Unit.COUNT, (Source.BUGS,), ("total",)),
    Measure(
        "features_tested",
        "Features tested",
        "features covered by tests",
        Unit.COUNT,
        (Source.FEATURES,),
        ("features_tested",),
    ),
    Measure(
        "active_testers",
        "Active testers",
        "testers who reported a bug",
        Unit.COUNT,
        (Source.TESTERS,),
        ("active_testers",),
    ),
    Measure(
        "bugs_per_test",
        "Bugs per test",
        "bugs / tests",
        Unit.NUMBER,
        (Source.TESTS, Source.BUGS),
        ("total",),
        ("tests",),
    ),
    Measure("severity_score", "Severity score", "sum of the bugs' weights", Unit.COUNT, (Source.BUGS,), ("score",)),
    _rate("overall_acceptance", "Overall acceptance", "(accepted + auto-accepted) / bugs"),
    _rate("active_acceptance", "Active acceptance", "accepted / bugs"),
    _rate("auto_acceptance", "Auto acceptance", "auto-accepted / (accepted + auto-accepted)"),
    _rate("rejection", "Rejection", "rejected / bugs"),
    _rate("review", "Review", "(accepted + rejected) / bugs"),
)

#: Every measure without a parameter, by its name, in the order they are offered.
MEASURES = MappingProxyType({measure.name: measure for measure in _ALL})

#: What can be made of the numbers in one field of custom reports: ``report_average:satisfaction``.
REPORT_MEASURES = MappingProxyType(
    {
        "report_values": "how many reports have a number there",
        "report_sum": "their sum",
        "report_average": "their average",
        "report_minimum": "the lowest of them",
        "report_maximum": "the highest of them",
    }
)


def measure_named(name: str) -> Measure | None:
    """The measure of this name, such as ``bugs`` or ``report_sum:minutes_taken``; None when there is none."""
    kind, colon, field = name.partition(":")
    if kind in REPORT_MEASURES and colon and field:
        return _of_reports(name, kind.removeprefix("report_"), field)
    return MEASURES.get(name)


def _of_reports(name: str, kind: str, field: str) -> Measure:
    title, formula = f"{field}: {kind}", REPORT_MEASURES[f"report_{kind}"]
    if kind == "average":
        part, whole = (f"sum:{field}",), (f"values:{field}",)
        return Measure(name, title, formula, Unit.NUMBER, (Source.REPORTS,), part, whole, field)
    unit = Unit.COUNT if kind == "values" else Unit.NUMBER
    return Measure(name, title, formula, unit, (Source.REPORTS,), (f"{kind}:{field}",), field=field)
