"""The tests of a product, page by page: filtered, sorted, and in step while syncs go on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet
from django.db.models.functions import Upper

from reports import figures
from reports.figures import BugCounts
from sync import wording
from sync.api import keyset
from sync.api.keyset import Column, Order, Place
from sync.models import Bug, Test

#: What a list can be sorted by, and whether it then begins at the top.
ORDERS = {
    "ended": Column("end_at", datetime, nullable=True),
    "id": keyset.ID,
    "title": Column(Upper("title"), str),
}
PAGE = 25


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of the tests is asked for; empty means all. ``status`` and ``type`` as people see the words."""

    words: str = ""
    status: str = ""
    type: str = ""

    def apply(self, tests: "QuerySet[Test]") -> "QuerySet[Test]":
        if self.words:
            tests = tests.filter(_named(self.words))
        if self.status:
            tests = tests.filter(status=self.status)
        if self.type:
            tests = tests.filter(testing_type=wording.stored_testing_type(self.type))
        return tests


@dataclass(frozen=True, slots=True)
class Page:
    """``total`` counts all that was asked for; ``after`` leads to the next page, empty on the last one."""

    tests: list[Test]
    total: int
    after: str


def page(product_id: int, wanted: Wanted, *, sort: str, descending: bool, after: str = "") -> Page:
    """One page of a product's tests. Raises ``keyset.BadCursor`` for an ``after`` of another list."""
    order = Order(ORDERS[sort], descending)
    list_name = f"{product_id} {wanted} {sort} {descending}"
    rows = wanted.apply(Test.objects.filter(product=product_id))
    place = keyset.read_cursor(after, order, list_name) if after else None
    found = keyset.page(rows, ["pk"], order, after=place, limit=PAGE)
    ids = [pk for (pk,) in found.rows]
    tests = Test.objects.in_bulk(ids)
    return Page([tests[pk] for pk in ids], rows.count(), _cursor(found.end, order, list_name))


def bug_counts(test_ids: Sequence[int]) -> dict[int, BugCounts]:
    """The bugs of each of these tests; those that TestIO no longer has are left out."""
    counts = figures.bug_counts()
    rows = Bug.objects.filter(test__in=test_ids, missing_since=None).order_by().values("test")
    found = rows.annotate(**counts).values_list("test", *counts)
    return {test_id: BugCounts(**dict(zip(counts, row, strict=True))) for test_id, *row in found}


def _cursor(end: Place | None, order: Order, list_name: str) -> str:
    return keyset.write_cursor(end, order, list_name) if end else ""


def _named(words: str) -> Q:
    named = Q(title__icontains=words)
    number = words.strip().lstrip("#")
    return named | Q(pk=int(number)) if number.isdecimal() and len(number) < 19 else named
