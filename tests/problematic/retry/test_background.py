"""Retries within a refresh cycle: the cycle sends a signal, this room answers with its figures."""

import threading

import pytest

from problematic.background import retry_due_of
from problematic.models import MappingState, ProblematicEvent, ProblematicMapping
from problematic.worker import RetryResult
from sync import refresh
from sync.models import Customer, Product
from sync.sandbox import SandboxServer
from tests.problematic.retry.support import map_to, mapping_of
from tests.sync.support import calls

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_else_due(products: list[Product]) -> None:
    """Only the retries are of interest here."""
    for product in products:
        product.next_sync_at = product.next_full_sync_at = "2999-01-01T00:00:00Z"
        product.save()
    Customer.objects.update(products_due_at="2999-01-01T00:00:00Z")


def test_a_refresh_cycle_retries_what_is_due(
    sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int]
) -> None:
    sandbox.world.break_records(tests=[its_tests[1]])
    for test_id in its_tests[:2]:
        map_to(event, test_id)
    figures = refresh.cycle().as_json()
    assert {name: figures[name] for name in ("tests_retried", "tests_succeeded", "tests_failed", "errors")} == {
        "tests_retried": 2,
        "tests_succeeded": 1,
        "tests_failed": 1,
        "errors": 0,
    }
    assert [mapping_of(test_id).state for test_id in its_tests[:2]] == [MappingState.SUCCEEDED, MappingState.FAILED]


def test_a_dry_cycle_counts_what_it_would_retry_and_asks_nothing(
    sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int]
) -> None:
    map_to(event, its_tests[0])
    assert calls(sandbox, lambda: refresh.cycle(dry_run=True)) == {}
    assert refresh.cycle(dry_run=True).as_json()["tests_to_retry"] == 1
    assert ProblematicMapping.objects.get().state == MappingState.QUEUED


def test_a_customer_that_testio_refuses_costs_the_others_nothing(
    customer: Customer, sandbox: SandboxServer, event: ProblematicEvent, its_tests: list[int]
) -> None:
    map_to(event, its_tests[0])
    customer.set_token("revoked")
    customer.save()
    assert retry_due_of(customer, threading.Event()) == RetryResult()
    assert mapping_of(its_tests[0]).state == MappingState.QUEUED
