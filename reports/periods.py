"""Stretches of days (UTC) as moments, and the months and weeks a trend is made of."""

from datetime import UTC, date, datetime, time, timedelta

from sync.dates import Period


def last_days(days: int, today: date) -> Period:
    """So many days, today the last of them."""
    return Period(today - timedelta(days=days - 1), today)


def begins(day: date) -> datetime:
    """The first moment of a day."""
    return datetime.combine(day, time(), UTC)


def ends(day: date) -> datetime:
    """The first moment after a day."""
    return begins(day + timedelta(days=1))


def months(count: int, today: date) -> list[date]:
    """The first days of the last ``count`` months, this one the last."""
    found = [today.replace(day=1)]
    while len(found) < count:
        found.append((found[-1] - timedelta(days=1)).replace(day=1))
    return found[::-1]


def weeks(count: int, today: date) -> list[date]:
    """The Mondays of the last ``count`` weeks, this one's the last."""
    monday = today - timedelta(days=today.weekday())
    return [monday - timedelta(weeks=back) for back in reversed(range(count))]
