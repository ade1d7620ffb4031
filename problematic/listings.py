"""Events as every doorway lists them: with product and mappings, in a constant number of queries."""

from collections.abc import Collection
from typing import Any

from problematic.models import MappingState, ProblematicEvent
from sync.models import Customer

#: No list is longer than this; narrow it down instead.
MOST = 10_000


def events(
    customers: Collection[Customer], product_ids: Collection[int] = (), *, everything: bool = False, limit: int = MOST
) -> list[ProblematicEvent]:
    """Open events (all with ``everything``), by product, newest gap first, with mappings; at most ``MOST``."""
    found = ProblematicEvent.objects.filter(product__customer__in=customers)
    if not everything:
        found = found.open()
    if product_ids:
        found = found.filter(product_id__in=product_ids)
    found = found.select_related("product__customer").defer("product__raw").prefetch_related("mappings")
    return list(found.order_by("product_id", "first_position", "event_id")[: min(limit, MOST)])


def mapped_test_ids(event: ProblematicEvent) -> list[int]:
    """Ids that are mapped and not stored yet, in order."""
    mappings = event.mappings.all()
    return sorted(mapping.test_id for mapping in mappings if mapping.state != MappingState.SUCCEEDED)


def as_json(event: ProblematicEvent) -> dict[str, Any]:
    return {
        "event_id": str(event.event_id),
        "public_id": event.public_id,
        "product_id": event.product_id,
        "customer": event.product.customer.name,
        "status": event.status,
        "first_position": event.first_position,
        "last_position": event.last_position,
        "boundary_before_id": event.boundary_before_id,
        "boundary_before_end_at": event.boundary_before_end_at,
        "boundary_after_id": event.boundary_after_id,
        "boundary_after_end_at": event.boundary_after_end_at,
        "recovery_attempts": event.recovery_attempts,
        "occurrences": event.occurrences,
        "first_seen_at": event.first_seen_at,
        "last_seen_at": event.last_seen_at,
        "mapped_test_ids": mapped_test_ids(event),
    }
