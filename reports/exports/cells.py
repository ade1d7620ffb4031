"""Values as text: for programs (CSV) and for people (Markdown, PDF)."""

import math
from datetime import UTC, date, datetime

from reports.documents import Kind, Link, Value

#: What people read where there is no value, and where there is no number because there was nothing to count from.
NOTHING, NO_NUMBER = "–", "N/A"

# Excel and its relatives take a cell that begins with one of these for a formula, in some languages also when it is
# the wide form of one; tab and line breaks are skipped first.
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def is_dangerous(text: str) -> bool:
    """Whether a spreadsheet might run this text instead of showing it."""
    return text.startswith(_DANGEROUS)


def neutral(text: str) -> str:
    """The text, with an apostrophe before it where a spreadsheet might run it."""
    return f"'{text}" if is_dangerous(text) else text


def plain(value: Value) -> str:
    """For programs: ISO dates in UTC, rates from 0 to 1, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int | float):
        return "" if isinstance(value, float) and not math.isfinite(value) else str(value)
    return neutral(value.url if isinstance(value, Link) else value)


def moment(value: datetime) -> str:
    """``2026-03-01T12:00:00Z``"""
    return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def shown(value: Value, kind: Kind) -> str:
    """For people: thousands apart, rates in per cent, times in UTC."""
    if value is None:
        return NO_NUMBER if kind.is_number else NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int | float):
        return _number(value, kind)
    return value.text if isinstance(value, Link) else value


def _number(value: int | float, kind: Kind) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return NO_NUMBER
    if kind is Kind.RATE:
        return f"{value * 100:.1f}%"
    if kind is Kind.ID:
        return str(value)
    if kind is Kind.NUMBER:
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.0f}"
