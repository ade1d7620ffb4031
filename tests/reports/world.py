"""A small world to report about, and people who look at it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Permission, User
from django.utils import timezone

from reports.documents import Document, Value
from sync import access
from sync.access import Access
from sync.models import Bug, Customer, Product, Test
from tests.factories import (
    BugFactory,
    CustomerFactory,
    CustomReportFactory,
    PersonFactory,
    ProductFactory,
    TestFactory,
)
from tests.problematic.factories import ProblematicEventFactory, ProblematicMappingFactory

APRIL = datetime.fromisoformat("2026-04-10T10:00:00+00:00")


@dataclass(frozen=True, slots=True)
class World:
    """Of ``acme`` a shop with two tests and three bugs, of ``other`` a bank with one of each."""

    acme: Customer
    other: Customer
    shop: Product
    bank: Product
    tests: list[Test]
    bugs: list[Bug]


def make() -> World:
    now = timezone.now()
    fresh = {f"{part}_synced_at": now for part in ("features", "tests", "bugs")}
    acme, other = CustomerFactory.create(name="acme"), CustomerFactory.create(name="other")
    shop = ProductFactory.create(id=1, customer=acme, name="Shop", **fresh)
    bank = ProductFactory.create(id=2, customer=other, name="Bank")
    first = TestFactory.create(id=11, product=shop, title="First")
    cases = TestFactory.create(id=12, product=shop, title="=Cases", testing_type=None, end_at=APRIL, status="running")
    third = TestFactory.create(id=13, product=bank, title="Third")
    ann = PersonFactory.create(customer=acme, username="ann")
    bugs = [
        BugFactory.create(id=101, test=first, author=ann, severity="high", status="forwarded", title="=cmd"),
        BugFactory.create(
            id=102, test=first, author=ann, status="rejected", rejection_reason="known_bug", reported_at=APRIL
        ),
        BugFactory.create(id=103, test=first, author=ann, severity="custom", reported_at=None, steps=["one", "two"]),
        BugFactory.create(id=201, test=third),
    ]
    CustomReportFactory.create(
        bug=bugs[2], data=[{"key": "Speed", "value": 4}, {"key": "tester", "value": ["a", "b"]}, {"key": "Speed"}]
    )
    gap = ProblematicEventFactory.create(product=shop, first_position=3, last_position=4)
    ProblematicMappingFactory.create(event=gap, test_id=77)
    return World(acme, other, shop, bank, [first, cases, third], bugs)


def person(name: str = "ann", *customers: Customer, see_all: bool = False, mails_outside: bool = False) -> User:
    """Somebody who may look at everything, of these customers, and keep and mail reports of their own."""
    user = User.objects.create_user(name, email=f"{name}@example.com")
    looks = Permission.objects.filter(codename__startswith="view_")
    more = ["add_savedreport", "add_reportschedule"]
    more += ["see_all_customers"] * see_all + ["mail_outside"] * mails_outside
    user.user_permissions.set([*looks, *Permission.objects.filter(codename__in=more)])
    for customer in customers:
        customer.members.add(user)
    return User.objects.get(pk=user.pk)


def everything() -> Access:
    return Access(User(username="operator", is_superuser=True))


def of(user: User) -> Access:
    return access.of_user(user)


def as_json(body: Mapping[str, Any]) -> str:
    return json.dumps(body)


def rows(document: Document) -> list[dict[str, Value]]:
    """The rows of a document's only table, by the names of its columns."""
    (table,) = document.tables
    names = [column.name for column in table.columns]
    found = [dict(zip(names, row, strict=True)) for row in table.rows]
    assert table.expected == len(found)
    return found
