"""One measured figure beside its limit."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Verdict:
    """``measured`` against ``limit``, both in ``unit``; the ratio of the two must not exceed ``bound``, or with
    ``at_least`` not fall below it."""

    measured: float
    limit: float
    bound: float
    unit: str
    at_least: bool = False
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        return self.measured / self.limit if self.limit else float(self.measured > 0)

    @property
    def met(self) -> bool:
        return self.ratio >= self.bound if self.at_least else self.ratio <= self.bound

    def as_json(self) -> dict[str, Any]:
        return {
            "measured": round(self.measured, 4),
            "limit": round(self.limit, 4),
            "unit": self.unit,
            "ratio": round(self.ratio, 4),
            "bound": self.bound,
            "bound_is": "at least" if self.at_least else "at most",
            "met": self.met,
            **self.details,
        }
