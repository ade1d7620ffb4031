"""When a rate is worth a look: classes of health, and the thresholds between them.

A value that equals a threshold is already in the worse class; without data nothing is known.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from django.conf import settings


class Health(StrEnum):
    HEALTHY = "healthy"
    WARNING = "warning"
    CRITICAL = "critical"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Threshold:
    """Where a rate becomes worrying. ``above``: high values are the bad ones."""

    warning: float
    critical: float
    above: bool

    def health(self, rate: float | None) -> Health:
        if rate is None:
            return Health.UNKNOWN
        if self._reached(rate, self.critical):
            return Health.CRITICAL
        return Health.WARNING if self._reached(rate, self.warning) else Health.HEALTHY

    def _reached(self, rate: float, limit: float) -> bool:
        return rate >= limit if self.above else rate <= limit

    @property
    def in_order(self) -> bool:
        """Whether critical is at least as bad as warning."""
        return self._reached(self.critical, self.warning)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """One threshold for each rate that has one."""

    rejection: Threshold
    auto_acceptance: Threshold
    active_acceptance: Threshold
    review: Threshold

    @classmethod
    def from_settings(cls) -> Self:
        """What holds for every customer without thresholds of its own."""
        chosen: dict[str, tuple[float, float]] = settings.DESK_THRESHOLDS
        return cls(**{name: Threshold(*chosen[name], above=above) for name, above in DIRECTIONS.items()})

    def with_changes(self, changes: Mapping[str, Mapping[str, Any]]) -> "Thresholds":
        """These, with what a customer sets itself: ``{"rejection": {"warning": 0.3}}``; what it leaves out stays.

        Raises ``ValueError`` with a sentence for a rate without a threshold, for a number that is no share, and where
        critical would be reached before warning.
        """
        if unknown := sorted(changes.keys() - DIRECTIONS.keys()):
            raise ValueError(f"{unknown[0]} has no threshold; known are {', '.join(DIRECTIONS)}.")
        return Thresholds(**{name: _changed(name, getattr(self, name), changes.get(name, {})) for name in DIRECTIONS})

    def health(self, rates: Mapping[str, float | None]) -> dict[str, Health]:
        """The class of each rate that has a threshold."""
        return {name: getattr(self, name).health(rates[name]) for name in DIRECTIONS}

    def overall(self, rates: Mapping[str, float | None]) -> Health:
        """The worst class of any rate; unknown only where nothing at all is known."""
        classes = set(self.health(rates).values())
        return next((each for each in _WORST_FIRST if each in classes), Health.UNKNOWN)


#: The rates with a threshold, and whether high values are the bad ones.
DIRECTIONS = {"rejection": True, "auto_acceptance": True, "active_acceptance": False, "review": False}
_WORST_FIRST = (Health.CRITICAL, Health.WARNING, Health.HEALTHY)


def _changed(name: str, threshold: Threshold, changes: Mapping[str, Any]) -> Threshold:
    values = {"warning": threshold.warning, "critical": threshold.critical}
    for level, value in changes.items():
        if level not in values:
            raise ValueError(f"A threshold has warning and critical, not {level}.")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
            raise ValueError(f"The {level} threshold of {name} must be a number from 0 to 1, not {value!r}.")
        values[level] = float(value)
    changed = Threshold(**values, above=threshold.above)
    if not changed.in_order:
        order = "below" if threshold.above else "above"
        raise ValueError(f"The critical threshold of {name} must not be {order} its warning threshold.")
    return changed
