"""What a page is about: the stretch of days its reader chose, in the address as ``days``."""

from dataclasses import dataclass
from datetime import date

from django.http import QueryDict

from reports import periods
from reports.pages import words
from reports.pages.filters import one_of
from reports.pages.links import changed
from reports.pages.parts import Choice, Option
from sync.dates import Period

DAYS = {"30": "30 days", "90": "90 days", "365": "12 months"}
#: A quarter: long enough to say something, short enough to be about now.
USUAL = "90"


@dataclass(frozen=True, slots=True)
class Chosen:
    """``weekly``: the trend is drawn by weeks, because months would be too few."""

    period: Period
    buckets: list[date]
    weekly: bool
    choice: Choice

    @property
    def words(self) -> str:
        before = self.period.previous()
        return (
            f"Executed tests that ended from {words.day(self.period.first)} to {words.day(self.period.last)}, "
            f"compared with {words.day(before.first)} to {words.day(before.last)}."
        )

    @property
    def short(self) -> str:
        return f"last {(self.period.last - self.period.first).days + 1} days"


def chosen(path: str, query: QueryDict, today: date, *, trend: int = 12) -> Chosen:
    """The period and the trend's ``trend`` months, or as many weeks where the period is short."""
    days = one_of(query, "days", list(DAYS), USUAL)
    weekly = days == "30"
    buckets = periods.weeks(trend, today) if weekly else periods.months(trend, today)
    options = [
        Option(text, changed(path, query, days=None if key == USUAL else key, after=None), key == days)
        for key, text in DAYS.items()
    ]
    return Chosen(periods.last_days(int(days), today), buckets, weekly, Choice("Period", options))
