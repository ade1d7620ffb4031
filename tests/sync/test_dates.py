from contextlib import suppress
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.dates import UnreadableDate, read_day

NOW = datetime(2026, 3, 31, 23, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("phrase", "day"),
    [
        ("2025-03-31", date(2025, 3, 31)),
        ("20250331", date(2025, 3, 31)),
        ("2024-02-29", date(2024, 2, 29)),
        ("today", date(2026, 3, 31)),
        ("yesterday", date(2026, 3, 30)),
        (" Yesterday ", date(2026, 3, 30)),
        ("1 day ago", date(2026, 3, 30)),
        ("3 days ago", date(2026, 3, 28)),
        ("3  DAYS\tago", date(2026, 3, 28)),
        ("last 3 days", date(2026, 3, 28)),
        ("2 weeks ago", date(2026, 3, 17)),
        ("last week", date(2026, 3, 24)),
        ("1 month ago", date(2026, 2, 28)),
        ("last month", date(2026, 2, 28)),
        ("6 months ago", date(2025, 9, 30)),
        ("last year", date(2025, 3, 31)),
        ("2 years ago", date(2024, 3, 31)),
        ("2000 days ago", date(2020, 10, 8)),
        ("31 March 2025", date(2025, 3, 31)),
        ("March 31, 2025", date(2025, 3, 31)),
        ("31 mar 2025", date(2025, 3, 31)),
        ("1st of March 2025", date(2025, 3, 1)),
    ],
)
def test_a_day_as_people_write_it(phrase: str, day: date) -> None:
    assert read_day(phrase, now=NOW) == day


@pytest.mark.parametrize(
    "phrase",
    [
        "", "  ", "soon", "03/04/2025", "04.03.2025", "Q3 2024", "March 2025", "31 March", "2025", "2025-02-30",
        "31 February 2025", "31 31 March 2025", "tuesday", "last tuesday", "in 3 days", "3 days", "-3 days ago",
        "0x10 days ago", "99999 days ago", "9999 years ago", "yesterday 2024", "2025-03-31T10:00", "31 mars 2025 ago",
        "in 3 days 2025", "3 days ago 2025", "next march 2025", "march 12 13 2025", "\x00", "🦆",
    ],
)  # fmt: skip
def test_what_leaves_a_doubt_is_refused_with_a_way_to_write_it(phrase: str) -> None:
    with pytest.raises(UnreadableDate) as refusal:
        read_day(phrase, now=NOW)
    assert str(refusal.value) == (
        f'"{phrase}" is not a day that can be read. '
        'Write it as 2025-03-31, "yesterday", "3 days ago", "last week" or "31 March 2025".'
    )


def test_a_day_to_come_is_refused() -> None:
    with pytest.raises(UnreadableDate) as refusal:
        read_day("2026-04-01", now=NOW)
    assert str(refusal.value) == (
        '"2026-04-01" is 2026-04-01, which is still to come. '
        'Write it as 2025-03-31, "yesterday", "3 days ago", "last week" or "31 March 2025".'
    )


def test_days_are_those_of_utc() -> None:
    assert read_day("today") <= datetime.now(UTC).date()


WORDS = ("3", "12", "2025", "days", "week", "years", "ago", "last", "march", "mar", "may", "1st", "of", ",", "next")


@settings(deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=5).map(" ".join) | st.text(max_size=30))
def test_any_text_is_a_past_day_or_refused(phrase: str) -> None:
    with suppress(UnreadableDate):
        assert read_day(phrase, now=NOW) <= NOW.date()
