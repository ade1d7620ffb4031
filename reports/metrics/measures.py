"""What can be counted. Counts are of different records, never of rows that some join has multiplied."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from types import MappingProxyType
from typing import Any

from reports.figures import RATES, BugCounts, bugs_per_test, share


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
    """One figure. ``field``: the field of the custom report whose values it is made of, if it is one of those."""

    name: str
    title: str
    formula: str
    unit: Unit
    sources: tuple[Source, ...]
    field: str = ""

    def value(self, numbers: Numbers) -> float | None:
        """The figure of one group; None without data."""
        if Source.REPORTS in self.sources:
            return _of_reports(self, numbers)
        if self.name in RATES:
            rate: float | None = getattr(BugCounts(**{name: int(numbers.get(name, 0)) for name in COUNTS}), self.name)
            return rate
        if self.name == "bugs_per_test":
            return bugs_per_test(int(numbers.get("total", 0)), int(numbers.get("tests", 0)))
        return int(numbers.get(_NUMBER_OF.get(self.name, self.name), 0))


#: What a bug adds to: the fields of ``BugCounts``.
COUNTS = ("total", "accepted", "auto_accepted", "rejected", "open")
_NUMBER_OF = {"bugs": "total", "severity_score": "score"}

_ALL = (
    Measure("tests", "Tests", "tests", Unit.COUNT, (Source.TESTS,)),
    Measure("bugs", "Bugs", "bugs", Unit.COUNT, (Source.BUGS,)),
    Measure("features_tested", "Features tested", "features covered by tests", Unit.COUNT, (Source.FEATURES,)),
    Measure("active_testers", "Active testers", "testers who reported a bug", Unit.COUNT, (Source.TESTERS,)),
    Measure("bugs_per_test", "Bugs per test", "bugs / tests", Unit.NUMBER, (Source.TESTS, Source.BUGS)),
    Measure("severity_score", "Severity score", "sum of the bugs' weights", Unit.COUNT, (Source.BUGS,)),
    Measure("overall_acceptance", "Overall acceptance", "(accepted + auto-accepted) / bugs", Unit.RATE, (Source.BUGS,)),
    Measure("active_acceptance", "Active acceptance", "accepted / bugs", Unit.RATE, (Source.BUGS,)),
    Measure(
        "auto_acceptance",
        "Auto acceptance",
        "auto-accepted / (accepted + auto-accepted)",
        Unit.RATE,
        (Source.BUGS,),
    ),
    Measure("rejection", "Rejection", "rejected / bugs", Unit.RATE, (Source.BUGS,)),
    Measure("review", "Review", "(accepted + rejected) / bugs", Unit.RATE, (Source.BUGS,)),
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
        title = f"{field}: {kind.removeprefix('report_')}"
        unit = Unit.COUNT if kind == "report_values" else Unit.NUMBER
        return Measure(name, title, REPORT_MEASURES[kind], unit, (Source.REPORTS,), field)
    return MEASURES.get(name)


def _of_reports(measure: Measure, numbers: Numbers) -> float | None:
    values = int(numbers.get(f"values:{measure.field}", 0))
    kind = measure.name.partition(":")[0].removeprefix("report_")
    if kind == "values":
        return values
    if not values:
        return None
    if kind == "average":
        return share(float(numbers[f"sum:{measure.field}"]), values)
    return float(numbers[f"{kind}:{measure.field}"])
