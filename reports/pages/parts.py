"""The small parts pages are made of; ``templates/reports/components`` has one template for each."""

from collections.abc import Sequence
from dataclasses import dataclass

from reports.pages import words


@dataclass(frozen=True, slots=True)
class Change:
    """Against the period before. ``tone`` is good, bad, or empty where neither direction is better."""

    text: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Stat:
    """One figure on a card: ``note`` says what it is compared with, or made of."""

    label: str
    value: str
    change: Change | None = None
    note: str = ""
    url: str = ""
    tone: str = ""

    @property
    def is_missing(self) -> bool:
        return self.value == words.MISSING


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence above the page that its reader has to know, and where to go about it."""

    text: str
    tone: str = ""
    url: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Gauge:
    """A rate between its thresholds. ``percent`` and ``marks`` are from 0 to 100; the words say the same."""

    label: str
    value: str
    word: str
    tone: str
    rule: str
    percent: float | None
    marks: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Option:
    text: str
    url: str
    is_chosen: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few, each a link."""

    label: str
    options: Sequence[Option]


def change_of_count(now: float | None, before: float | None) -> Change | None:
    """How a number grew, in per cent. Neither way is good or bad in itself; nothing before is no growth."""
    if now is None or not before:
        return None
    percent = (now - before) / before * 100
    return Change(f"{_arrow(percent)} {abs(percent):,.0f}%")


def change_of_rate(now: float | None, before: float | None, *, more_is_better: bool) -> Change | None:
    """How a rate moved, in percentage points."""
    if now is None or before is None:
        return None
    points = (now - before) * 100
    if abs(points) < 0.05:
        return Change("unchanged")
    return Change(f"{_arrow(points)} {abs(points):.1f} pts", "good" if (points > 0) == more_is_better else "bad")


def _arrow(difference: float) -> str:
    return "▲" if difference > 0 else "▼" if difference < 0 else "="
