"""The figures about bugs, each defined once. Page, API, command and file all take them from here.

Five rates, with TestIO's words for a bug's status: *accepted* was accepted by the customer, *auto-accepted* by TestIO
because nobody answered in time.

* overall acceptance: (accepted + auto-accepted) / all bugs
* active acceptance: accepted / all bugs
* auto acceptance: auto-accepted / (accepted + auto-accepted)
* rejection: rejected / all bugs
* review: (accepted + rejected) / all bugs

"All bugs" means all, also those with a status nobody knows yet. Without data a rate is None, never 0.

The severity score is the sum of a weight per bug; the weights are settings.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Self

from django.conf import settings
from django.db.models import Case, Count, IntegerField, Q, Sum, Value, When

from sync.wording import BUG_SEVERITIES, BUG_STATUSES

#: A test in one of these has been run, so that its bugs say something. What figures count unless told otherwise.
EXECUTED_STATUSES = ("running", "locked", "archived")


@dataclass(frozen=True, slots=True)
class Rate:
    """``part`` of ``whole``: both are fields of ``BugCounts``, or several of them added up."""

    part: tuple[str, ...]
    whole: tuple[str, ...]


#: The five rates, in the order they are shown.
RATES = MappingProxyType(
    {
        "overall_acceptance": Rate(("accepted", "auto_accepted"), ("total",)),
        "active_acceptance": Rate(("accepted",), ("total",)),
        "auto_acceptance": Rate(("auto_accepted",), ("accepted", "auto_accepted")),
        "rejection": Rate(("rejected",), ("total",)),
        "review": Rate(("accepted", "rejected"), ("total",)),
    }
)


@dataclass(frozen=True, slots=True)
class BugCounts:
    """How many bugs, by what became of them. ``total`` counts bugs of any status, known or not."""

    total: int = 0
    accepted: int = 0
    auto_accepted: int = 0
    rejected: int = 0
    open: int = 0

    @classmethod
    def of(cls, statuses: Iterable[str]) -> Self:
        """From the stored status of each bug."""
        return cls.from_groups(Counter(statuses))

    @classmethod
    def from_groups(cls, groups: Mapping[str, int]) -> Self:
        """From how many bugs have each stored status."""
        return cls(
            total=sum(groups.values()),
            accepted=groups.get("accepted", 0),
            auto_accepted=groups.get("auto_accepted", 0),
            rejected=groups.get("rejected", 0),
            open=groups.get("forwarded", 0),
        )

    def __add__(self, other: "BugCounts") -> "BugCounts":
        return BugCounts(
            self.total + other.total,
            self.accepted + other.accepted,
            self.auto_accepted + other.auto_accepted,
            self.rejected + other.rejected,
            self.open + other.open,
        )

    @property
    def other(self) -> int:
        """Bugs with a status that has no meaning here yet."""
        return self.total - self.accepted - self.auto_accepted - self.rejected - self.open

    @property
    def total_accepted(self) -> int:
        return self.accepted + self.auto_accepted

    @property
    def reviewed(self) -> int:
        """Bugs a person at the customer decided about."""
        return self.accepted + self.rejected

    @property
    def overall_acceptance(self) -> float | None:
        return self.rate("overall_acceptance")

    @property
    def active_acceptance(self) -> float | None:
        return self.rate("active_acceptance")

    @property
    def auto_acceptance(self) -> float | None:
        return self.rate("auto_acceptance")

    @property
    def rejection(self) -> float | None:
        return self.rate("rejection")

    @property
    def review(self) -> float | None:
        return self.rate("review")

    def rate(self, name: str) -> float | None:
        """One of ``RATES``."""
        rate = RATES[name]
        return share(sum(getattr(self, each) for each in rate.part), sum(getattr(self, each) for each in rate.whole))

    def rates(self) -> dict[str, float | None]:
        """The five rates by name, in the order of ``RATES``."""
        return {name: self.rate(name) for name in RATES}


def share(part: float, whole: float) -> float | None:
    """``part / whole``; None where there is no whole to have a part of."""
    return part / whole if whole else None


def bugs_per_test(bugs: int, tests: int) -> float | None:
    return share(bugs, tests)


def severity_weight(severity: str) -> int:
    """What one bug of this stored severity counts in the severity score."""
    weights: dict[str, int] = settings.DESK_SEVERITY_WEIGHTS
    return weights.get(severity, weights["other"])


def severity_score(groups: Mapping[str, int]) -> int:
    """From how many bugs have each stored severity."""
    return sum(severity_weight(severity) * count for severity, count in groups.items())


def in_order(counts: Mapping[str, int], words: Iterable[str]) -> dict[str, int]:
    """Counts by stored word: every expected word, with 0 where it has none, then whatever else there is."""
    expected = {word: counts.get(word, 0) for word in words}
    return expected | {word: counts[word] for word in sorted(counts.keys() - expected.keys())}


def by_severity(counts: Mapping[str, int]) -> dict[str, int]:
    return in_order(counts, BUG_SEVERITIES)


def by_status(counts: Mapping[str, int]) -> dict[str, int]:
    return in_order(counts, BUG_STATUSES)


# The same for the database -------------------------------------------------------------------------------------------


def bug_counts(path: str = "") -> dict[str, Count]:
    """Aggregates named like the fields of ``BugCounts``. ``path`` leads to the bugs, like ``bugs__``.

    They count rows: nothing that is joined may repeat a bug.
    """
    having = {
        name: Count(f"{path}pk", filter=Q((f"{path}status", status)))
        for name, status in (
            ("accepted", "accepted"),
            ("auto_accepted", "auto_accepted"),
            ("rejected", "rejected"),
            ("open", "forwarded"),
        )
    }
    return {"total": Count(f"{path}pk"), **having}


def weight_of_bug(path: str = "") -> Case:
    """The weight of one bug in the severity score; 0 where an outer join found no bug."""
    weights: dict[str, int] = settings.DESK_SEVERITY_WEIGHTS
    named = {name: weight for name, weight in weights.items() if name != "other"}
    cases = [When(Q((f"{path}severity", name)), then=Value(weight)) for name, weight in named.items()]
    nothing = When(Q((f"{path}pk", None)), then=Value(0))
    return Case(*cases, nothing, default=Value(weights["other"]), output_field=IntegerField())


def severity_score_of_bugs(path: str = "") -> Sum:
    """As an aggregate; None, as all sums, where there are no rows."""
    return Sum(weight_of_bug(path))
