"""Events as the command and the API list them: with their product and mapped tests, in one query however many."""

from collections.abc import Collection, Iterator
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, F, OuterRef, Q, QuerySet

from problematic.models import EVENT_PREFIX, MappingState, ProblematicEvent, ProblematicMapping
from sync.models import Customer
from sync.public_ids import public_id

_CHUNK = 1_000

#: Columns of an event itself.
OWN = (
    "event_id", "product_id", "status", "first_position", "last_position", "boundary_before_id",
    "boundary_before_end_at", "boundary_after_id", "boundary_after_end_at", "recovery_attempts", "occurrences",
    "first_seen_at", "last_seen_at",
)  # fmt: skip


def events(
    customers: Collection[Customer], product_ids: Collection[int] = (), *, everything: bool = False
) -> "QuerySet[ProblematicEvent]":
    """Open events (all with ``everything``), by product, newest gap first."""
    found = ProblematicEvent.objects.filter(product__customer__in=customers)
    if not everything:
        found = found.open()
    if product_ids:
        found = found.filter(product_id__in=product_ids)
    return found.order_by("product_id", "first_position", "event_id")


def documents(listed: "QuerySet[ProblematicEvent]", *more: str) -> Iterator[dict[str, Any]]:
    """Each event as a JSON document, read as it is asked for: a list of any length needs little memory.

    ``more`` names annotations that go into it as well.
    """
    names = (*OWN, "mapped_test_ids", *more)
    for row in with_mapped(listed).values(*names, customer=F("product__customer__name")).iterator(_CHUNK):
        key = row["event_id"]
        yield {**row, "event_id": str(key), "public_id": public_id(EVENT_PREFIX, key)}


def with_mapped(listed: "QuerySet[ProblematicEvent]") -> "QuerySet[Any]":
    """With ``mapped_test_ids``: those that are mapped and not stored yet, in order."""
    of_event = ProblematicMapping.objects.filter(event=OuterRef("pk")).exclude(state=MappingState.SUCCEEDED)
    return listed.annotate(mapped_test_ids=ArraySubquery(of_event.order_by("test_id").values("test_id")))


def with_stored(listed: "QuerySet[ProblematicEvent]") -> "QuerySet[Any]":
    """With ``stored``: how many of the mapped tests are stored already."""
    return listed.annotate(stored=Count("mappings", filter=Q(mappings__state=MappingState.SUCCEEDED)))


def with_states(listed: "QuerySet[ProblematicEvent]") -> "QuerySet[Any]":
    """With ``states``: that of every mapped test."""
    of_event = ProblematicMapping.objects.filter(event=OuterRef("pk")).order_by()
    return listed.annotate(states=ArraySubquery(of_event.values("state")))
