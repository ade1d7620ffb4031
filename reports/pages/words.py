"""Values as people read them on a page. A figure that has nothing to be counted from is "N/A", never 0."""

from datetime import date, datetime

from django.utils.timesince import timesince

from sync.freshness import Freshness
from sync.summaries import when

MISSING = "N/A"
NONE = "–"


def count(number: int | None) -> str:
    return MISSING if number is None else f"{number:,}"


def rate(share: float | None) -> str:
    """A share from 0 to 1 in per cent: 0.234 is "23.4%"."""
    return MISSING if share is None else f"{share * 100:.1f}%"


def decimal(number: float | None) -> str:
    return MISSING if number is None else f"{number:,.1f}"


def day(moment: datetime | date | None) -> str:
    return f"{moment.day} {moment:%b %Y}" if moment else NONE


def ago(moment: datetime | None, now: datetime) -> str:
    if moment is None:
        return "never"
    if abs((now - moment).total_seconds()) < 60:
        return "just now"
    return f"{timesince(moment, now, depth=1)} ago" if moment <= now else f"in {timesince(now, moment, depth=1)}"


def duration(seconds: float) -> str:
    """``45 s``, ``3 min 05 s``, ``1 h 02 min``."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def plural(number: int, one: str, many: str = "") -> str:
    """ "1 test", "2,000 tests"."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def spaced(word: str) -> str:
    """One of TestIO's words for reading: its underscores as blanks."""
    return word.replace("_", " ") or NONE


def freshness(fresh: Freshness, now: datetime) -> tuple[str, str]:
    """How old data is, in few words and in a sentence."""
    if fresh.data_as_of is None:
        return "Not complete yet", "Some of this was never read from TestIO yet."
    words = f"Data from {ago(fresh.data_as_of, now)}"
    state = "older than it should be; a refresh has been asked for" if fresh.stale else "fresh"
    return words, f"Read from TestIO at {when(fresh.data_as_of)}: {state}."
