"""What limits the truth of a quality report: what could not be read, what is old, and what was left out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Count
from django.urls import reverse
from django.utils import timezone

from problematic.models import ProblematicEvent
from reports.quality.question import Question
from reports.quality.rows import counted_tests
from sync import freshness
from sync.models import Bug, Product
from sync.summaries import when

#: So many numbers of unread tests are named; ``Limits.unread_tests`` counts all.
MOST_NAMED = 50


@dataclass(frozen=True, slots=True)
class Gap:
    """Consecutive tests of a product's list that TestIO could not deliver. ``positions`` count from 0, newest first."""

    event: str
    product_id: int
    product: str
    positions: str
    hidden_tests: int
    first_seen_at: datetime
    api: str


@dataclass(frozen=True, slots=True)
class OldProduct:
    """Data that is older than allowed; ``data_as_of`` None: something of it was never read."""

    product_id: int
    product: str
    data_as_of: datetime | None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that was asked for by number and does not count."""

    what: str
    id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Limits:
    """``unread_tests`` are tests that only bugs mention, ``unread_test_ids`` the first of their numbers and
    ``bugs_of_unread_tests`` those bugs, which count nowhere. ``tests_without_bugs_read`` do count, their bugs cannot;
    ``undated_tests`` have no end and so are in no period. ``in_both_periods`` were added by name, and the filter finds
    them in the period that this one is compared with."""

    gaps: Sequence[Gap] = ()
    old_products: Sequence[OldProduct] = ()
    left_out: Sequence[LeftOut] = ()
    unread_tests: int = 0
    unread_test_ids: Sequence[int] = ()
    bugs_of_unread_tests: int = 0
    tests_without_bugs_read: int = 0
    undated_tests: int = 0
    in_both_periods: int = 0
    data_as_of: datetime | None = None

    @property
    def hidden_tests(self) -> int:
        return sum(gap.hidden_tests for gap in self.gaps)

    def sentences(self) -> list[str]:
        """The same for people; empty where nothing is known to be wrong."""
        return [sentence for part in (self._about_reading(), self._about_choice()) for sentence in part]

    def _about_reading(self) -> Iterable[str]:
        if self.gaps:
            positions = "; ".join(f"{gap.product} {gap.positions}" for gap in self.gaps[:5])
            more = "; …" if len(self.gaps) > 5 else ""
            yield f"{_many(self.hidden_tests, 'test')} could not be read from TestIO (positions {positions}{more})."
        if never := [old.product for old in self.old_products if old.data_as_of is None]:
            yield f"Never read completely from TestIO yet: {_some(never)}. What is shown of it is not all."
        if old := [each for each in self.old_products if each.data_as_of]:
            oldest = min(each.data_as_of for each in old if each.data_as_of)
            names = _some([each.product for each in old])
            yield f"Older than it should be: {names}, read from TestIO at {when(oldest)}."
        if self.unread_tests:
            what = f"{_many(self.bugs_of_unread_tests, 'bug')} of {_many(self.unread_tests, 'test')}"
            yield f"{what} not read yet are left out."
        if self.tests_without_bugs_read:
            yield f"The bugs of {_many(self.tests_without_bugs_read, 'test')} were not read yet and are missing here."

    def _about_choice(self) -> Iterable[str]:
        if self.undated_tests:
            yield f"{_many(self.undated_tests, 'test')} without an end in TestIO: left out, as no period has them."
        if self.in_both_periods:
            yield (
                f"{_many(self.in_both_periods, 'test')} added by number ended in the period before: counted in both "
                "periods."
            )
        for each in self.left_out:
            yield f"{each.what.capitalize()} {each.id} is left out: {each.reason}."


def limits(question: Question, products: Sequence[Product], *, without_bugs_read: int) -> Limits:
    """Of the question's ``products``, also those TestIO has no more, and how many of its tests are without bugs read.

    Two statements, three where there is a period, and one more where tests were added to it.
    """
    now = timezone.now()
    read = [product for product in products if not product.missing_since]  # others are not read again, nor counted
    ages = {product: freshness.of(product, "tests", "bugs", now=now) for product in read}
    unread = _unread(question)
    return Limits(
        gaps=_gaps(question),
        old_products=[
            OldProduct(product.pk, product.name, age.data_as_of) for product, age in ages.items() if age.stale
        ],
        left_out=[
            *(LeftOut("test", pk, _GONE) for pk in question.gone),
            *(LeftOut("product", product.pk, _GONE) for product in products if product.missing_since),
        ],
        unread_tests=len(unread),
        unread_test_ids=[pk for pk in unread if pk is not None][:MOST_NAMED],
        bugs_of_unread_tests=sum(unread.values()),
        tests_without_bugs_read=without_bugs_read,
        undated_tests=_undated(question),
        in_both_periods=_in_both_periods(question),
        data_as_of=freshness.oldest((age.data_as_of for age in ages.values()), now=now).data_as_of,
    )


_GONE = "TestIO has it no more"


def _gaps(question: Question) -> list[Gap]:
    events = ProblematicEvent.objects.open().filter(product__in=question.products).select_related("product")
    found = events.defer("product__raw", "product__search").order_by("product__name", "product_id", "first_position")
    return [
        Gap(
            event.public_id,
            event.product_id,
            event.product.name,
            event.position_range,
            event.size,
            event.first_seen_at,
            reverse("api:read_event", args=[event.public_id]),
        )
        for event in found
    ]


def _unread(question: Question) -> dict[int | None, int]:
    """How many bugs mention each test that was not read; where tests are named, of those that were is all there is."""
    if question.wish.tests:
        return {}
    rows = Bug.objects.filter(missing_since=None, test=None, product__in=question.products)
    counted = rows.order_by().values_list("mentioned_test_id").annotate(bugs=Count("pk"))
    return dict(counted.order_by("mentioned_test_id"))


def _undated(question: Question) -> int:
    """Tests that a period leaves out because nobody knows when they end."""
    wish = question.wish
    if wish.first is None and wish.last is None:
        return 0
    ever = replace(question, wish=replace(wish, first=None, last=None))
    return counted_tests(ever).filter(end_at=None).exclude(pk__in=wish.include).count()


def _in_both_periods(question: Question) -> int:
    before = question.previous()
    if before is None or not question.wish.include:
        return 0
    return counted_tests(before).filter(pk__in=question.wish.include).count()


def _many(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number:,} {what}s"


def _some(names: Sequence[str]) -> str:
    more = len(names) - 5
    return ", ".join(names[:5]) + (f" and {more:,} more" if more > 0 else "")
