"""What limits the truth of anything said about some products: what could not be read from TestIO, and how old it is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F, QuerySet, Sum
from django.utils import timezone

from problematic.models import ProblematicEvent
from reports import references
from reports.metrics import Query
from sync import access as caller
from sync import freshness
from sync.access import Access
from sync.freshness import Freshness
from sync.models import Product
from sync.summaries import when

#: So many names fit into a sentence.
_NAMED = 5
_TIMES = tuple(f"{part}_synced_at" for part in freshness.PARTS)


@dataclass(frozen=True, slots=True)
class Limits:
    """``notes``: a sentence each, for people."""

    notes: list[str]
    freshness: Freshness

    @property
    def data_as_of(self) -> datetime | None:
        return self.freshness.data_as_of


def limits(products: "QuerySet[Product]", *parts: str) -> Limits:
    """Of these products. ``parts`` as in ``sync.freshness``.

    Products that TestIO has no more are not read again, so nothing is said of their age.
    """
    now = timezone.now()
    read = products.filter(missing_since=None).only("name", *_TIMES)
    ages = {product: freshness.of(product, *parts, now=now) for product in read}
    oldest = freshness.oldest((age.data_as_of for age in ages.values()), now=now)
    return Limits([*_about_age(ages), *_about_gaps(products)], oldest)


def limits_of_answer(query: Query, access: Access) -> Limits:
    """Of what the cube says to a question."""
    return limits(products_of(query, access), "tests", "bugs")


def products_of(query: Query, access: Access) -> "QuerySet[Product]":
    """Where the answer's data comes from, as far as its filters by customers and products say so."""
    found = caller.products(access)
    for dimension, column in (("customer", "customer__in"), ("product", "pk__in")):
        if dimension in query.filters:
            found = found.filter(**{column: references.ids(query, dimension)})
    return found


def _about_age(ages: Mapping[Product, Freshness]) -> Iterator[str]:
    never = [product.name for product, age in ages.items() if age.data_as_of is None]
    old = [(product, age.data_as_of) for product, age in ages.items() if age.stale and age.data_as_of]
    if never:
        yield f"Never read completely from TestIO yet: {_some(never)}. What is shown of it is not all."
    if old:
        oldest = min(moment for _, moment in old)
        yield f"Older than it should be: {_some([each.name for each, _ in old])}, read from TestIO at {when(oldest)}."


def _about_gaps(products: "QuerySet[Product]") -> Iterator[str]:
    size = F("last_position") - F("first_position") + 1
    found = ProblematicEvent.objects.open().filter(product__in=products).aggregate(events=Count("pk"), tests=Sum(size))
    if found["events"]:
        tests = "1 test" if found["tests"] == 1 else f"{found['tests']:,} tests"
        yield f"{tests} could not be read from TestIO and are missing here: see the report gaps."


def _some(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")
