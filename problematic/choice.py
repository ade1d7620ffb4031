"""Which mapped tests a retry is about, whether it may begin, and what is said about those it leaves out."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from django.db.models import Count, QuerySet

from problematic import claims
from problematic.models import EVENT_PREFIX, EventStatus, MappingState, ProblematicEvent, ProblematicMapping
from problematic.triage import AlreadyClaimed, EventEnded, NothingToRetry
from sync.models import Customer, Product
from sync.pipeline import SyncImpossible
from sync.public_ids import public_id

#: More events than this are only counted.
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Choice:
    """Mapped tests, stored ones included. ``event`` when it is about just one; ``notes`` say what was left out."""

    mappings: "QuerySet[ProblematicMapping]"
    event: ProblematicEvent | None = None
    notes: tuple[str, ...] = ()

    def check(self) -> None:
        """Raises ``NothingToRetry`` or ``AlreadyClaimed`` when nothing could come of a retry.

        Claims whose worker is gone are released first, so that they stand in nobody's way.
        """
        claims.release_abandoned()
        self.refuse_nothing()

    def refuse_nothing(self) -> None:
        """As ``check``, as things are."""
        states = set(self.mappings.order_by().values_list("state", flat=True).distinct())
        unstored = states - {MappingState.SUCCEEDED}
        if not unstored:
            has_ended = self.event is not None and not self.event.is_open
            refusal = EventEnded if has_ended else NothingToRetry
            raise refusal(" ".join((self._why_nothing(is_mapped=bool(states)), *self.notes)))
        if unstored == {MappingState.RUNNING}:
            raise AlreadyClaimed("Everything mapped there is being retried right now. Wait for the result.")

    def _why_nothing(self, *, is_mapped: bool) -> str:
        if self.event and not self.event.is_open:
            return f"Event {self.event} is {self.event.status}: {self.event.resolution} Nothing of it is left to retry."
        other = " else" if self.notes else ""
        if is_mapped:
            return f"Everything{other} mapped there is stored already, so nothing was retried."
        return f"Nothing{other} is mapped there, so nothing was retried."


def of_event(event: ProblematicEvent) -> Choice:
    """What is mapped to it, open or not: whoever names an event means it. Raises ``SyncImpossible``."""
    refuse_unfollowed(event.product.customer, event.product_id)
    return Choice(ProblematicMapping.objects.filter(event=event), event)


def of_product(product: Product) -> Choice:
    """What is mapped to its open events. Raises ``SyncImpossible`` when the customer's filter leaves it out."""
    refuse_unfollowed(product.customer, product.pk)
    return of_events(ProblematicEvent.objects.filter(product=product))


def of_customers(customers: Collection[Customer]) -> Choice:
    """What is mapped to open events of the products these customers follow."""
    return of_events(ProblematicEvent.objects.filter(product__customer__in=customers))


def of_events(events: "QuerySet[ProblematicEvent]") -> Choice:
    """What is mapped to those of the events that are open and whose product is followed."""
    mappings = ProblematicMapping.objects.filter(event__in=events.order_by().values("pk"))
    is_open = mappings.filter(event__status=EventStatus.OPEN)
    outside = _outside(is_open)
    left_out = (*_said_of_ended(mappings), *(_said_of_outside(product, count) for product, count in outside.items()))
    return Choice(is_open.exclude(event__product__in=list(outside)), notes=left_out)


def unknown_products(customers: Collection[Customer], product_ids: Collection[int]) -> list[int]:
    """Those of the products that none of these customers has, in order."""
    if not product_ids:
        return []
    known = Product.objects.filter(customer__in=customers, pk__in=product_ids).values_list("pk", flat=True)
    return sorted(set(product_ids) - set(known))


def refuse_unfollowed(customer: Customer, product_id: int) -> None:
    if not customer.follows(product_id):
        raise SyncImpossible(f"Product {product_id} is {outside_filter(customer)}.")


def _outside(mappings: "QuerySet[ProblematicMapping]") -> dict[Product, int]:
    """Products no longer followed, with the number of tests that wait for a retry there."""
    counts = _unstored(mappings).values_list("event__product").annotate(Count("pk"))
    waiting = dict(counts.values_list("event__product", "pk__count"))
    products = Product.objects.filter(pk__in=waiting).select_related("customer").defer("raw").order_by("pk")
    return {product: waiting[product.pk] for product in products if not product.customer.follows(product.pk)}


def _said_of_outside(product: Product, count: int) -> str:
    return f"Left out {tests(count)} of product {product.pk}, which is {outside_filter(product.customer)}."


def _said_of_ended(mappings: "QuerySet[ProblematicMapping]") -> Iterator[str]:
    ended = _unstored(mappings.exclude(event__status=EventStatus.OPEN))
    found = list(ended.values_list("event").annotate(Count("pk")).values_list("event", "pk__count").order_by("event"))
    if found:
        names = ", ".join(public_id(EVENT_PREFIX, pk) for pk, _ in found[:_SHOWN])
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        number = tests(sum(count for _, count in found))
        yield f"Left out {number} mapped to events that are no longer open ({names}{more}): name the event to retry it."


def _unstored(mappings: "QuerySet[ProblematicMapping]") -> "QuerySet[ProblematicMapping]":
    return claims.pending(mappings).order_by()


def tests(count: int) -> str:
    """So many tests, in words."""
    return "1 test" if count == 1 else f"{count} tests"


def outside_filter(customer: Customer) -> str:
    """What a product is that the customer's filter leaves out."""
    allowed = ", ".join(map(str, sorted(customer.product_ids)))
    return f"outside the filter of customer {customer}, which allows {allowed}"
