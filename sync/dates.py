"""Days as people write them: ISO dates, "yesterday", "3 days ago", "last week", "12 March 2025"."""

import re
from datetime import UTC, date, datetime

_RELATIVE = re.compile(r"today|yesterday|last (week|month|year)|\d{1,4} (day|week|month|year)s? ago")
_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_NUMBER = r"\d{1,2}(st|nd|rd|th)?"
_WITH_MONTH_NAME = re.compile(rf"({_NUMBER}( of)? {_MONTH}|{_MONTH} {_NUMBER}),? \d{{4}}")
_HINT = 'Write it as 2025-03-31, "yesterday", "3 days ago", "last week" or "31 March 2025".'


class UnreadableDate(ValueError):
    """The text names no day we can be sure of; the sentence says how to write one."""


def read_day(phrase: str, *, now: datetime | None = None) -> date:
    """The day (UTC) a phrase means; "last week" is seven days ago, "last 3 days" three days ago.

    Only forms with one meaning are read: a library guesses a day for "Q3 2024" or "03/04/2024" too, and a
    guess here would silently leave data out. Raises ``UnreadableDate``, also for days in the future.
    """
    now = now or datetime.now(UTC)
    day = _day(" ".join(phrase.lower().split()), now)
    if day is None:
        raise UnreadableDate(f'"{phrase}" is not a day this command can read. {_HINT}')
    if day > now.date():
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
