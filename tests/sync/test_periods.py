from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.dates import Period, UnreadableDate, name_of_period, period_of, read_period

NOW = datetime(2026, 3, 31, 23, 30, tzinfo=UTC)
DAYS = st.dates(date(1990, 1, 1), date(2100, 1, 1))
UNITS = st.sampled_from(("week", "month", "quarter", "year"))


@pytest.mark.parametrize(
    ("phrase", "first", "last"),
    [
        ("2025", "2025-01-01", "2025-12-31"),
        ("2024-02", "2024-02-01", "2024-02-29"),
        ("February 2024", "2024-02-01", "2024-02-29"),
        ("Q3 2024", "2024-07-01", "2024-09-30"),
        ("2024-q3", "2024-07-01", "2024-09-30"),
        ("2026-W53", "2026-12-28", "2027-01-03"),
        ("this week", "2026-03-30", "2026-04-05"),
        ("last week", "2026-03-23", "2026-03-29"),
        ("this month", "2026-03-01", "2026-03-31"),
        ("last month", "2026-02-01", "2026-02-28"),
        ("this quarter", "2026-01-01", "2026-03-31"),
        ("Last  Quarter", "2025-10-01", "2025-12-31"),
        ("last year", "2025-01-01", "2025-12-31"),
        ("YTD", "2026-01-01", "2026-03-31"),
        ("last 30 days", "2026-03-02", "2026-03-31"),
        ("last 2 weeks", "2026-03-18", "2026-03-31"),
        ("last 1 months", "2026-03-01", "2026-03-31"),
        ("last 3 months", "2026-01-01", "2026-03-31"),
        ("yesterday", "2026-03-30", "2026-03-30"),
        ("2026-05-01", "2026-05-01", "2026-05-01"),
    ],
)
def test_a_period_as_people_write_it(phrase: str, first: str, last: str) -> None:
    assert read_period(phrase, now=NOW) == Period(date.fromisoformat(first), date.fromisoformat(last))


@pytest.mark.parametrize(
    "phrase", ["", "soon", "Q5 2024", "2025-13", "2025-W53", "0000", "Q3", "last 9999 years", "🦆"]
)
def test_what_leaves_a_doubt_is_refused(phrase: str) -> None:
    with pytest.raises(UnreadableDate, match="is not a period that can be read"):
        read_period(phrase, now=NOW)


@given(UNITS, DAYS)
def test_calendar_periods_tile_the_calendar(unit: str, day: date) -> None:
    period = period_of(unit, day)
    before = period.previous()
    assert period.first <= day <= period.last
    assert before == period_of(unit, period.first - timedelta(days=1))
    assert read_period(name_of_period(unit, period.first), now=NOW) == period


@given(DAYS, st.integers(0, 400))
def test_the_period_before_ends_right_before(first: date, length: int) -> None:
    period = Period(first, first + timedelta(days=length))
    assert period.previous().last == first - timedelta(days=1)
