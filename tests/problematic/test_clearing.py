"""Events put away with what is mapped to them: whose, how many, and what must stay."""

import os
from collections.abc import Collection
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User

from problematic import claims, clearing, triage
from problematic.clearing import Cleared, Scope
from problematic.models import EventStatus, ProblematicEvent, ProblematicMapping, TriageEntry
from problematic.triage import AlreadyClaimed
from sync import leases
from sync.models import Product, SyncLease
from sync.pipeline import SyncBusy
from tests.factories import MARCH, ProductFactory
from tests.problematic.crowd import Crowd
from tests.problematic.factories import ProblematicEventFactory
from tests.sync.support import free_leases

pytestmark = pytest.mark.django_db


def states(event: ProblematicEvent) -> dict[int, str]:
    return dict(event.mappings.values_list("test_id", "state"))


def whole(*products: Product, **options: Any) -> Scope:
    return Scope({product.customer for product in products}, **options)


def test_clearing_puts_events_away_and_says_how_much_went(event: ProblematicEvent, user: User) -> None:
    other = ProblematicEventFactory.create(product=event.product)
    triage.map_tests(event, [1, 2, 3])
    triage.map_tests(other, [3, 4])
    assert clearing.clear(whole(event.product), user) == Cleared(2, 5)
    assert not ProblematicMapping.objects.exists()
    for each in (event, other):
        each.refresh_from_db()
        assert (each.status, each.resolution) == (EventStatus.CLEARED, "Cleared by maria.")
    entries = list(TriageEntry.objects.filter(action=TriageEntry.Action.CLEARED).order_by("pk"))
    assert {(entry.event, *entry.test_ids) for entry in entries} == {(event, 1, 2, 3), (other, 3, 4)}
    assert {entry.by for entry in entries} == {user}
    assert {entry.at for entry in entries} == {event.resolved_at}
    assert [entry.detail for entry in entries] == ["It was open before."] * 2
    assert free_leases()


def test_clearing_where_nothing_is_clears_nothing(event: ProblematicEvent) -> None:
    assert clearing.clear(whole(ProductFactory.create())) == Cleared(0, 0)
    clearing.clear(whole(event.product))
    assert clearing.clear(whole(event.product)) == Cleared(0, 0)
    event.refresh_from_db()
    assert event.resolution == "Cleared by the command line."
    assert event.history.get().action == "cleared"


def test_a_scope_is_customers_products_and_whether_they_resolved(event: ProblematicEvent) -> None:
    second = ProblematicEventFactory.create(product__customer=event.product.customer)
    resolved = ProblematicEventFactory.create(
        product=second.product, status=EventStatus.RESOLVED, resolved_at=MARCH, resolution="It was read through."
    )
    foreign = ProblematicEventFactory.create()

    def chosen(scope: Scope) -> set[ProblematicEvent]:
        return set(scope.events())

    assert chosen(whole(event.product)) == {event, second, resolved}
    assert chosen(whole(event.product, product_ids=[second.product_id])) == {second, resolved}
    assert chosen(whole(event.product, resolved_only=True)) == {resolved}
    assert chosen(whole(event.product, product_ids=[foreign.product_id])) == set()
    assert chosen(whole(event.product, foreign.product)) == {event, second, resolved, foreign}
    assert clearing.clear(whole(event.product, resolved_only=True)) == Cleared(1, 0)
    assert chosen(whole(event.product)) == {event, second}


@pytest.mark.parametrize("products", [[], [0]], ids=["all", "named"])
def test_clearing_waits_for_nobody_and_changes_nothing_while_a_product_is_written(
    event: ProblematicEvent, products: Collection[int]
) -> None:
    busy = ProblematicEventFactory.create(product__customer=event.product.customer)
    triage.map_tests(event, [1])
    [held], _ = leases.acquire([busy.product_id], uuid4())
    scope = whole(event.product, product_ids=[event.product_id, busy.product_id] if products else [])
    with pytest.raises(SyncBusy, match=r"^Sync in progress\. Retry in \d+ seconds?\."):
        clearing.clear(scope)
    assert states(event) == {1: "queued"}
    assert ProblematicEvent.objects.open().count() == 2
    assert list(SyncLease.objects.exclude(holder=None).values_list("pk", flat=True)) == [busy.product_id]
    held.release()
    assert clearing.clear(scope) == Cleared(2, 1)


def test_what_is_being_retried_is_left_out_of_a_clear_as_it_is_not_unmapped(event: ProblematicEvent) -> None:
    other = ProblematicEventFactory.create(product=event.product)
    triage.map_tests(event, [1, 2])
    triage.map_tests(other, [3])
    running = claims.claim(event.mappings.get(test_id=2).pk, "worker")
    result = clearing.clear(whole(event.product))
    assert result == Cleared(1, 1, left_out=[event], in_retry=[2])
    assert result.remark == f"Left out {event}. Test 2 is being retried right now. Wait for the result, then clear."
    assert (states(event), event.history.filter(action="cleared").exists()) == ({1: "queued", 2: "running"}, False)
    with pytest.raises(
        AlreadyClaimed, match=r"^Test 2 is being retried right now\. Wait for the result, then clear\.$"
    ):
        clearing.clear(whole(event.product))
    claims.settle(running)
    assert clearing.clear(whole(event.product)) == Cleared(1, 2)
    assert free_leases()


def test_named_events_are_cleared_and_no_others(event: ProblematicEvent) -> None:
    other = ProblematicEventFactory.create(product=event.product)
    assert clearing.clear(Scope.of([])) == Cleared(0, 0)
    assert clearing.clear(Scope.of([event.pk])) == Cleared(1, 0)
    assert ProblematicEvent.objects.open().get() == other


def claim_and_settle(rounds: int) -> int:
    settled = 0
    for _ in range(rounds):
        for mapping in claims.claim_due(str(os.getpid()), 1):
            claims.settle(mapping)
            settled += 1
    return settled


@pytest.mark.django_db(transaction=True)
def test_clearing_while_others_claim_and_settle_withdraws_nobodys_claim(
    event: ProblematicEvent, database_url: str
) -> None:
    events = [event, *ProblematicEventFactory.create_batch(59, product=event.product)]
    for number, each in enumerate(events):
        triage.map_tests(each, [number + 1])
    with Crowd(database_url, claim_and_settle, 60, copies=3) as crowd:
        cleared = 0
        while ProblematicEvent.objects.open().exists():
            with suppress(AlreadyClaimed):
                cleared += clearing.clear(whole(event.product)).position_ranges_cleared
        settled = sum(crowd.results())
    assert cleared == 60
    assert TriageEntry.objects.filter(action=TriageEntry.Action.CLEARED).count() == 60
    assert list(event.attempts.model.objects.values_list("outcome", flat=True)) == ["succeeded"] * settled
