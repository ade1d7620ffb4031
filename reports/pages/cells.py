"""Things of the field as cells, badges and links: one look for each, wherever it is shown."""

from collections.abc import Mapping
from datetime import datetime

from django.urls import reverse

from reports.pages import words
from reports.pages.tables import Cell
from sync import wording
from sync.models import Bug, Product, Test
from sync.models.status import Status
from sync.summaries import when

_RUNS = {
    Status.RUNNING: "info",
    Status.SUCCEEDED: "good",
    Status.PARTIAL: "warn",
    Status.FAILED: "bad",
    Status.INTERRUPTED: "bad",
}
_TESTS = {"running": "info", "locked": "warn", "archived": "good"}
_BUGS = {"accepted": "good", "auto_accepted": "good", "rejected": "bad", "forwarded": "info"}
_SEVERITIES = {"critical": "bad", "high": "warn"}

#: Of a record that has ``missing_since``.
GONE = Cell("no longer in TestIO", tone="warn", is_badge=True)


def badge(word: str, tones: Mapping[str, str], stored: str) -> Cell:
    return Cell(words.spaced(word), tone=tones.get(stored, ""), is_badge=bool(word))


def run_status(status: str) -> Cell:
    known = Status(status)
    return Cell(known.label, tone=_RUNS.get(known, ""), is_badge=True)


def test_status(stored: str) -> Cell:
    return badge(stored, _TESTS, stored)


def testing_type(stored: str | None) -> str:
    return words.spaced(wording.shown_testing_type(stored))


def bug_status(stored: str) -> Cell:
    return badge(wording.shown_bug_status(stored), _BUGS, stored)


def severity(stored: str) -> Cell:
    return badge(stored, _SEVERITIES, stored)


def of_product(row: Product, note: str = "") -> Cell:
    return Cell(product_name(row), reverse("reports:product", args=[row.pk]), note=note)


def product_name(row: Product) -> str:
    return row.name.strip() or f"Product {row.pk}"


def of_test(row: Test, note: str = "") -> Cell:
    return Cell(title(row.title, f"Test {row.pk}"), reverse("reports:test", args=[row.pk]), note=note)


def of_bug(row: Bug, note: str = "") -> Cell:
    return Cell(title(row.title, f"Bug {row.pk}"), reverse("reports:bug", args=[row.pk]), note=note)


def title(text: str, otherwise: str, length: int = 140) -> str:
    """A title short enough for a line; TestIO's may have thousands of characters, or none."""
    line = " ".join(text.split())
    return (line if len(line) <= length else line[: length - 1].rstrip() + "…") or otherwise


def moment(value: datetime | None, now: datetime) -> Cell:
    """How long ago, with the exact time behind it."""
    return Cell(words.ago(value, now), title=when(value))


def day(value: datetime | None) -> Cell:
    return Cell(words.day(value), title=when(value) if value else "")
