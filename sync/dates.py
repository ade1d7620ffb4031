"""Days as people write them: ISO dates, "yesterday", "3 days ago", "last week", "12 March 2025"."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

_RELATIVE = re.compile(r"today|yesterday|last (week|month|year)|\d{1,4} (day|week|month|year)s? ago")
_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_NUMBER = r"\d{1,2}(st|nd|rd|th)?"
_WITH_MONTH_NAME = re.compile(rf"({_NUMBER}( of)? {_MONTH}|{_MONTH} {_NUMBER}),? \d{{4}}")
_HINT = 'Write it as 2025-03-31, "yesterday", "3 days ago", "last week" or "31 March 2025".'


class UnreadableDate(ValueError):
    """The text names no day we can be sure of; the sentence says how to write one."""


def read_day(phrase: str, *, now: datetime | None = None, future: bool = False) -> date:
    """The day (UTC) a phrase means; "last week" is seven days ago, "last 3 days" three days ago.

    Only forms with one meaning are read: a library guesses a day for "Q3 2024" or "03/04/2024" too, and a
    guess here would silently leave data out. Raises ``UnreadableDate``, also for days to come unless ``future``
    days make sense.
    """
    now = now or datetime.now(UTC)
    day = _day(" ".join(phrase.lower().split()), now)
    if day is None:
        raise UnreadableDate(f'"{phrase}" is not a day that can be read. {_HINT}')
    if day > now.date() and not future:
        raise UnreadableDate(f'"{phrase}" is {day.isoformat()}, which is still to come. {_HINT}')
    return day


def _day(phrase: str, now: datetime) -> date | None:
    try:
        return date.fromisoformat(phrase)
    except ValueError:
        pass
    phrase = re.sub(r"^last (\d+ \w+)$", r"\1 ago", phrase)
    relative = _RELATIVE.fullmatch(phrase) is not None
    if not relative and not _WITH_MONTH_NAME.fullmatch(phrase):
        return None
    import dateparser  # here, because it takes a third of a second that every other command would wait for

    # Strict: day, month and year must all be there, where the library would fill in today's.
    base = {"RELATIVE_BASE": now.replace(tzinfo=None), "TIMEZONE": "UTC", "STRICT_PARSING": not relative}
    found = dateparser.parse(phrase, languages=["en"], settings=base)
    return found.date() if found else None


# Periods --------------------------------------------------------------------------------------------------------------

_UNITS = r"(day|week|month|quarter|year)"
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_PERIOD_HINT = (
    'Write it as "2025-03", "March 2025", "2025-Q1", "2025-W09", "2025", "last month", "this quarter", "last 30 days", '
    '"YTD", or as a day.'
)


@dataclass(frozen=True, slots=True)
class Period:
    """Days (UTC), both ends included."""

    first: date
    last: date

    def previous(self) -> "Period":
        """As long, and right before: whole months before whole months (a quarter, a year), else as many days."""
        after = self.last + timedelta(days=1)
        if self.first.day == after.day == 1:
            months = _months(after) - _months(self.first)
            return Period(_month(_months(self.first) - months), self.first - timedelta(days=1))
        days = after - self.first
        return Period(self.first - days, self.last - days)


def read_period(phrase: str, *, now: datetime | None = None) -> Period:
    """The days a phrase means: a year, quarter, month, ISO week or day, "this" or "last" of these, or a running span.

    "last month" is the calendar month before this one; "last 30 days" and "YTD" end today. A phrase for a day, as
    ``read_day`` reads it, is a period of one day, except that it may be still to come. Raises ``UnreadableDate``.
    """
    now = now or datetime.now(UTC)
    words = " ".join(phrase.lower().split())
    period = _named_period(words) or _running_period(words, now.date())
    if period is not None:
        return period
    try:
        day = None if re.fullmatch(r"last (week|month|year)", words) else _day(words, now)
    except OverflowError:
        day = None
    if day is None:
        raise UnreadableDate(f'"{phrase}" is not a period that can be read. {_PERIOD_HINT}')
    return Period(day, day)


def period_of(unit: str, day: date) -> Period:
    """The calendar's week (ISO: from Monday), month, quarter or year that a day is in, or the day itself."""
    if unit == "day":
        return Period(day, day)
    if unit == "week":
        monday = day - timedelta(days=day.weekday())
        return Period(monday, monday + timedelta(days=6))
    length = {"month": 1, "quarter": 3, "year": 12}[unit]
    first = _months(day) // length * length
    return Period(_month(first), _month(first + length) - timedelta(days=1))


def name_of_period(unit: str, first: date) -> str:
    """How a calendar's period is written: 2025-W09, 2025-03, 2025-Q1 or 2025."""
    if unit == "week":
        year, week, _ = first.isocalendar()
        return f"{year:04}-W{week:02}"
    if unit == "quarter":
        return f"{first.year:04}-Q{(first.month + 2) // 3}"
    return f"{first.year:04}-{first.month:02}" if unit == "month" else f"{first.year:04}"


def _named_period(words: str) -> Period | None:
    """One that names its year."""
    try:
        if found := re.fullmatch(r"(\d{4})", words):
            return period_of("year", date(int(found[1]), 1, 1))
        if found := re.fullmatch(r"(\d{4})-(\d{2})", words):
            return period_of("month", date(int(found[1]), int(found[2]), 1))
        if found := re.fullmatch(r"(\d{4})[- ]w(\d{1,2})", words):
            return period_of("week", date.fromisocalendar(int(found[1]), int(found[2]), 1))
        if found := re.fullmatch(r"(\d{4})[- ]q([1-4])", words) or re.fullmatch(r"q([1-4])[- ](\d{4})", words):
            year, quarter = sorted(map(int, found.groups()), reverse=True)
            return period_of("quarter", date(year, 3 * quarter, 1))
        if found := re.fullmatch(rf"{_MONTH} (\d{{4}})", words):
            return period_of("month", date(int(found[2]), _MONTHS.index(found[1]) + 1, 1))
    except (ValueError, OverflowError):
        return None  # month 13, week 54, year 0
    return None


def _running_period(words: str, today: date) -> Period | None:
    """One that is told from today."""
    if words == "ytd":
        return Period(date(today.year, 1, 1), today)
    if found := re.fullmatch(rf"this {_UNITS}", words):
        return period_of(found[1], today)
    if found := re.fullmatch(rf"last {_UNITS}", words):
        return period_of(found[1], period_of(found[1], today).first - timedelta(days=1))
    if not (found := re.fullmatch(rf"last (\d{{1,4}}) {_UNITS}s?", words)) or int(found[1]) == 0:
        return None
    count, unit = int(found[1]), found[2]
    if unit in ("day", "week"):
        return Period(today - timedelta(days=count * (7 if unit == "week" else 1) - 1), today)
    return _last_months(count * {"month": 1, "quarter": 3, "year": 12}[unit], today)


def _last_months(count: int, today: date) -> Period | None:
    """From the day after the same day so many months ago, or after that month's end, until today."""
    if _months(today) - count < 12:
        return None
    start = _month(_months(today) - count)
    last_of_month = (_month(_months(start) + 1) - timedelta(days=1)).day
    return Period(start.replace(day=min(today.day, last_of_month)) + timedelta(days=1), today)


def _months(day: date) -> int:
    """Months since the year 0."""
    return day.year * 12 + day.month - 1


def _month(months: int) -> date:
    """The first day of the month so many months after the year 0."""
    return date(months // 12, months % 12 + 1, 1)
