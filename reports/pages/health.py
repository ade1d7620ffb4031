"""How healthy rates are, as badges, coloured figures and gauges."""

from reports.figures import BugCounts
from reports.pages import words
from reports.pages.parts import Gauge
from reports.pages.tables import Cell
from reports.thresholds import DIRECTIONS, Health, Thresholds

TONES = {Health.HEALTHY: "good", Health.WARNING: "warn", Health.CRITICAL: "bad", Health.UNKNOWN: ""}
WORDS = {Health.HEALTHY: "Healthy", Health.WARNING: "Warning", Health.CRITICAL: "Critical", Health.UNKNOWN: "No data"}
#: How bad: what tables sort by.
ORDER = {Health.CRITICAL: 0, Health.WARNING: 1, Health.HEALTHY: 2, Health.UNKNOWN: 3}

NAMES = {
    "overall_acceptance": "Overall acceptance",
    "active_acceptance": "Active acceptance",
    "auto_acceptance": "Auto-acceptance",
    "rejection": "Rejection",
    "review": "Review",
}
#: What a rate is a share of; the definitions themselves are in ``reports.figures``.
MEANINGS = {
    "overall_acceptance": "accepted and auto-accepted, of all bugs",
    "active_acceptance": "accepted by the customer, of all bugs",
    "auto_acceptance": "auto-accepted, of all accepted bugs",
    "rejection": "rejected, of all bugs",
    "review": "accepted or rejected by the customer, of all bugs",
}
#: Whether a higher rate is the better one.
BETTER_ABOVE = {"overall_acceptance": True, **{name: not above for name, above in DIRECTIONS.items()}}


def badge(health: Health) -> Cell:
    return Cell(WORDS[health], tone=TONES[health], is_badge=True)


def rate_cell(name: str, bugs: BugCounts, thresholds: Thresholds) -> Cell:
    """A rate, coloured where it is worth a look."""
    value = getattr(bugs, name)
    health = thresholds.health(bugs.rates()).get(name, Health.HEALTHY)
    tone = "none" if value is None else "" if health == Health.HEALTHY else TONES[health]
    return Cell(words.rate(value), tone=tone, title=f"{NAMES[name]}: {MEANINGS[name]}")


def gauges(bugs: BugCounts, thresholds: Thresholds) -> list[Gauge]:
    """The rates that have thresholds."""
    return [_gauge(name, bugs, thresholds) for name in DIRECTIONS]


def _gauge(name: str, bugs: BugCounts, thresholds: Thresholds) -> Gauge:
    threshold, value = getattr(thresholds, name), getattr(bugs, name)
    health = threshold.health(value)
    side = "from" if threshold.above else "down to"
    return Gauge(
        label=NAMES[name],
        value=words.rate(value),
        word=WORDS[health],
        tone=TONES[health],
        rule=f"Warning {side} {threshold.warning:.0%}, critical {side} {threshold.critical:.0%}",
        percent=None if value is None else round(value * 100, 2),
        marks=(threshold.warning * 100, threshold.critical * 100),
    )
