"""Tallies as stat cards and charts, alike on every page that shows them."""

from collections.abc import Sequence
from datetime import date

from reports.figures import RATES, BugCounts
from reports.pages import health, words
from reports.pages.charts import Chart, Series
from reports.pages.parts import Stat, change_of_count, change_of_rate
from reports.standings import Tally
from reports.thresholds import Thresholds

NO_TESTS = "No executed test ended in this time. Once one does and is synced, it is drawn here."


def stats(now: Tally, before: Tally, thresholds: Thresholds | None = None) -> list[Stat]:
    """Tests, bugs and the five rates, each against the period before."""
    return [
        Stat(
            "Tests",
            words.count(now.tests),
            change_of_count(now.tests, before.tests),
            _before(before.tests),
        ),
        Stat(
            "Bugs",
            words.count(now.bugs.total),
            change_of_count(now.bugs.total, before.bugs.total),
            f"{words.decimal(now.bugs_per_test)} a test",
        ),
        *(_rate(name, now.bugs, before.bugs, thresholds) for name in RATES),
    ]


def _before(number: int) -> str:
    return f"{words.count(number)} before"


def rates(bugs: BugCounts, thresholds: Thresholds) -> list[Stat]:
    """The five rates of something that has no period before."""
    return [_rate(name, bugs, None, thresholds) for name in RATES]


def _rate(name: str, now: BugCounts, before: BugCounts | None, thresholds: Thresholds | None) -> Stat:
    value = getattr(now, name)
    change = change_of_rate(value, getattr(before, name), more_is_better=health.BETTER_ABOVE[name]) if before else None
    classes = thresholds.health(now.rates()) if thresholds else {}
    tone = health.TONES[classes[name]] if name in classes else ""
    note = "" if change else health.MEANINGS[name]
    return Stat(health.NAMES[name], words.rate(value), change, note, tone=tone)


def volume(tallies: Sequence[Tally], buckets: Sequence[date], *, weekly: bool, key: str = "volume") -> Chart:
    """Bugs as bars, tests as a line on a scale of its own."""
    return Chart(
        key=key,
        title="Tests and bugs",
        points=points(buckets, weekly=weekly),
        points_are="Week from" if weekly else "Month",
        series=[
            Series("Bugs", "main", [tally.bugs.total for tally in tallies]),
            Series("Tests (right scale)", "second", [tally.tests for tally in tallies], is_line=True, is_right=True),
        ],
        note=_per(weekly),
        empty=NO_TESTS,
    )


def outcomes(tallies: Sequence[Tally], buckets: Sequence[date], *, weekly: bool, key: str = "outcomes") -> Chart:
    """What became of the bugs."""
    counts = [tally.bugs for tally in tallies]
    series = [
        Series("Accepted", "accepted", [each.accepted for each in counts]),
        Series("Auto-accepted", "auto", [each.auto_accepted for each in counts]),
        Series("Rejected", "rejected", [each.rejected for each in counts]),
        Series("Open", "open", [each.open for each in counts]),
    ]
    if any(each.other for each in counts):
        series.append(Series("Other", "second", [each.other for each in counts]))
    return Chart(
        key=key,
        title="What became of the bugs",
        points=points(buckets, weekly=weekly),
        points_are="Week from" if weekly else "Month",
        series=series,
        is_stacked=True,
        note=_per(weekly),
        empty=NO_TESTS,
    )


def points(buckets: Sequence[date], *, weekly: bool) -> list[str]:
    """ "Mar 2026" for months; "2 Mar" for weeks, which span less than a year."""
    return [f"{day.day} {day:%b}" if weekly else f"{day:%b %Y}" for day in buckets]


def _per(weekly: bool) -> str:
    return f"by end of test, this {'week' if weekly else 'month'} so far"
