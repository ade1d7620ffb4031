"""One test by itself: fetched with its bugs, then stored under its product's lease."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef

from sync import store
from sync.leases import Lease
from sync.models import Bug, Customer, Person, Product, Test, TestFreshness
from sync.models.test import FINAL_STATUSES
from sync.testio.client import TestIOClient
from sync.testio.endpoints import CONFIRM
from sync.testio.payloads import BugRecord, TestRecord, Unstorable, parse_bug, parse_test


class NotStored(Exception):
    """A test was fetched but is not in our tables; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A test and its bugs as read, with the product it belongs to. ``refused`` names bugs that cannot be stored."""

    test: TestRecord
    bugs: list[BugRecord]
    product: Product
    refused: list[str]


def fetch_test(client: TestIOClient, customer: Customer, test_id: int, assumed_product_id: int) -> Fetched:
    """Read one test and all its bugs; no lease and no transaction is needed for that.

    A payload silent about its product belongs to ``assumed_product_id``. Raises ``NotStored`` when the answer is
    not that test or its product is not one of this customer's, ``Unstorable``, or a ``TestIOError``.
    """
    payload = client.test(test_id)
    product_id = parse_test(payload, assumed_product_id).product_id or assumed_product_id
    test = parse_test(payload, product_id)
    if test.id != test_id:
        raise NotStored(f"TestIO answered with test {test.id} when asked for test {test_id}; nothing was stored.")
    product = Product.objects.filter(pk=product_id, customer=customer).first()
    if product is None:
        raise NotStored(
            f"Test {test_id} belongs to product {product_id}, which is not among the synced products of "
            f"{customer.name}. Let a sync find that product first."
        )
    bugs, refused = _parse_bugs(client.bugs([test_id], confirm=CONFIRM), product_id)
    return Fetched(test, bugs, product, refused)


def store_test(fetched: Fetched, lease: Lease, people: store.People, now: datetime) -> None:
    """Store a fetched test with its bugs, and prove it: the row is there, with this product and these bugs.

    Needs an open transaction; proves ``lease``, which is the product's. Raises ``NotStored`` when the proof fails
    and ``LeaseLost``; the caller's transaction then rolls back.
    """
    lease.prove()
    test, product = fetched.test, fetched.product
    customer_id = product.customer_id
    saved = store.save_tests(customer_id, product.pk, [test], people=people, now=now)
    saved |= store.save_bugs(customer_id, product.pk, [test.id], fetched.bugs, people=people, now=now)
    final = Test.objects.filter(pk=OuterRef("pk"), status__in=FINAL_STATUSES)
    TestFreshness.objects.filter(pk=test.id).update(
        bugs_synced_at=now, bugs_settled=Exists(final), unreadable_since=None
    )
    if saved.refused:
        raise NotStored(" ".join(saved.refused))
    if not Test.objects.filter(pk=test.id, product=product, missing_since=None).exists():
        raise NotStored(f"Test {test.id} is not in the database after it was stored; please report this.")
    stored = set(Bug.objects.filter(test_id=test.id).values_list("pk", flat=True))
    if lost := {bug.id for bug in fetched.bugs} - stored:
        raise NotStored(f"Bugs {sorted(lost)} of test {test.id} are not in the database after they were stored.")


def learn_people(people: store.People, fetched: Fetched) -> None:
    """Give every name in a fetched test its id; call it before the transaction that stores the test."""
    people.learn(Person.Kind.CUSTOMER, (fetched.test.created_by, fetched.test.submitted_by))
    people.learn(Person.Kind.TESTER, (bug.author for bug in fetched.bugs))


def _parse_bugs(payloads: list[dict[str, Any]], product_id: int) -> tuple[list[BugRecord], list[str]]:
    bugs: list[BugRecord] = []
    refused: list[str] = []
    for payload in payloads:
        try:
            bugs.append(parse_bug(payload, product_id))
        except Unstorable as refusal:
            refused.append(str(refusal))
    return bugs, refused
