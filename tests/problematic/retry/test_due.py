"""What is due is retried in the background, customer by customer."""

import threading
from datetime import timedelta

import pytest
from django.utils import timezone

from problematic.models import MappingState, ProblematicEvent
from problematic.retry import retry_due
from problematic.worker import RetryResult
from sync.models import Customer, Product, SyncLease, Test
from sync.sandbox import SandboxServer
from tests.problematic.factories import ProblematicEventFactory, ProblematicMappingFactory
from tests.problematic.retry.support import (
    elsewhere,
    hold,
    map_to,
    mapping_of,
)
from tests.sync.support import calls, make_customer

pytestmark = pytest.mark.django_db


def test_due_tests_are_retried_oldest_first_up_to_the_limit(
    customer: Customer, sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int]
) -> None:
    for age, test_id in enumerate(its_tests[:3]):
        ProblematicMappingFactory.create(
            event=event, test_id=test_id, next_attempt_at=timezone.now() - timedelta(hours=age)
        )
    ProblematicMappingFactory.create(event=event, next_attempt_at=timezone.now() + timedelta(hours=1))
    assert retry_due(customer, limit=2) == RetryResult(tests_retried=2, tests_succeeded=2)
    assert set(Test.objects.values_list("pk", flat=True)) == set(its_tests[1:3])
    assert retry_due(customer).tests_retried == 1
    assert calls(sandbox, lambda: retry_due(customer)) == {}


def test_other_customers_queues_are_not_touched(
    customer: Customer, sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int]
) -> None:
    map_to(event, its_tests[0])
    without_products = make_customer(sandbox, "beta")
    assert retry_due(without_products) == RetryResult()
    assert mapping_of(its_tests[0]).state == MappingState.QUEUED
    assert retry_due(customer).tests_succeeded == 1


def test_busy_products_keep_theirs_for_the_next_time(
    customer: Customer, sandbox: SandboxServer, products: list[Product], event: ProblematicEvent, its_tests: list[int]
) -> None:
    other = ProblematicEventFactory.create(product=products[1])
    map_to(event, its_tests[0])
    map_to(other, sandbox.world.tests_of(products[1].pk)[0])
    release = hold([event.product])
    assert retry_due(customer) == RetryResult(tests_retried=1, tests_succeeded=1)
    assert (mapping_of(its_tests[0]).state, mapping_of(its_tests[0]).attempts) == (MappingState.QUEUED, 0)
    release()
    assert retry_due(customer) == RetryResult(tests_retried=1, tests_succeeded=1)


@pytest.mark.django_db(transaction=True)
def test_a_sync_that_just_began_puts_the_retry_off(
    customer: Customer, sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int]
) -> None:
    map_to(event, its_tests[0])
    sandbox.faults.when("test", elsewhere(lambda: hold([event.product])))
    assert retry_due(customer) == RetryResult()
    SyncLease.objects.update(holder=None, acquired_at=None, heartbeat_at=None)
    assert retry_due(customer) == RetryResult()  # not before the sync is likely to have ended
    mapping = mapping_of(its_tests[0])
    assert (mapping.state, mapping.attempts) == (MappingState.QUEUED, 0)
    assert mapping.next_attempt_at > timezone.now() + timedelta(minutes=1)


def test_a_stopped_worker_takes_nothing_more(customer: Customer, event: ProblematicEvent, its_tests: list[int]) -> None:
    map_to(event, its_tests[0])
    stop = threading.Event()
    stop.set()
    assert retry_due(customer, stop=stop) == RetryResult()
    assert mapping_of(its_tests[0]).state == MappingState.QUEUED
