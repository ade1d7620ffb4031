"""Answers are as of one moment, and are not sent again while nothing they show has changed."""

import threading
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.db import InternalError, connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from sync import leases
from sync.access import Access
from sync.api.conditional import version
from sync.models import Customer, Product, SyncLease, Test
from sync.snapshot import snapshot
from tests.factories import BugFactory, CustomerFactory, ProductFactory, TestFactory
from tests.sync.api.calling import V1, reader


def ask(client: Client, address: str, tag: str = "") -> Any:
    return client.get(f"{V1}{address}", headers={"If-None-Match": tag} if tag else {})


def write(product: Product) -> None:
    """What every transaction of a sync does first."""
    (lease,), _ = leases.acquire([product.pk], uuid4())
    with transaction.atomic():
        lease.prove()
    lease.release()


ADDRESSES = ["/products", "/products/{0}", "/products/{0}/tests", "/tests", "/bugs", "/tests/{1}/bugs", "/bugs/{2}",
             "/features", "/user-stories", "/people", "/customers"]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("path", ADDRESSES)
def test_what_has_not_changed_is_not_sent_again(path: str) -> None:
    bug = BugFactory.create()
    Product.objects.update(**dict.fromkeys(("features_synced_at", "tests_synced_at", "bugs_synced_at"), timezone.now()))
    client, address = reader(), path.format(bug.product_id, bug.test_id, bug.pk)
    first = ask(client, address)
    again = ask(client, address, first["ETag"])
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert (again["ETag"], again["Cache-Control"]) == (first["ETag"], "private, no-cache")
    assert {"Cookie", "Authorization"} <= set(again["Vary"].split(", "))
    assert ask(client, f"{address}?", 'W/"other"').status_code == 200


@pytest.mark.django_db(transaction=True)
def test_each_change_of_what_is_shown_changes_the_version() -> None:
    product = ProductFactory.create()
    SyncLease.objects.create(product=product)
    caller = Access(User.objects.create_user("tess"))
    seen = [version(caller)]
    changes: tuple[Callable[[], object], ...] = (
        lambda: write(product),
        lambda: Product.objects.update(next_sync_at=timezone.now()),
        lambda: Product.objects.update(name="Another"),
        lambda: Customer.objects.update(name="another"),
        lambda: ProductFactory.create(),
        lambda: Product.objects.exclude(pk=product.pk).delete(),
    )
    for change in changes:
        change()
        seen.append(version(caller))
    assert [before for before, after in pairwise(seen) if before == after] == []


@pytest.mark.django_db
def test_time_alone_makes_data_stale_and_so_changes_the_answer() -> None:
    now = timezone.now().replace(hour=12)
    ProductFactory.create(**dict.fromkeys(("features_synced_at", "tests_synced_at", "bugs_synced_at"), now))
    caller = Access(User.objects.create_user("tess"))
    with time_machine.travel(now, tick=False) as clock:
        fresh = version(caller)
        clock.shift(timedelta(minutes=30))
        assert version(caller) == fresh
        clock.shift(timedelta(hours=2))
        assert version(caller) != fresh


@pytest.mark.django_db
def test_callers_who_see_different_customers_never_share_a_tag() -> None:
    test = TestFactory.create()
    other = TestFactory.create()
    tags = {
        ask(reader(*customers, name=name), "/tests")["ETag"]
        for name, customers in {
            "all": (),
            "one": (test.product.customer,),
            "two": (other.product.customer,),
            "both": (test.product.customer, other.product.customer),
        }.items()
    }
    assert len(tags) == 4


@pytest.mark.django_db
def test_another_question_is_another_answer() -> None:
    TestFactory.create()
    client = reader()
    tags = {ask(client, address)["ETag"] for address in ("/tests", "/tests?limit=1", "/tests?limit=2", "/bugs")}
    assert len(tags) == 4


@pytest.mark.django_db
def test_a_write_is_counted_when_it_is_proven_and_not_when_the_lease_is_lost() -> None:
    product = ProductFactory.create()
    write(product)
    (lease,), _ = leases.acquire([product.pk], uuid4())
    SyncLease.objects.update(token=99)
    with pytest.raises(leases.LeaseLost), transaction.atomic():
        lease.prove()
    assert SyncLease.objects.get().writes == 1


@pytest.mark.django_db
def test_a_customer_that_changed_is_sent_again() -> None:
    customer = CustomerFactory.create()
    client = reader()
    tag = ask(client, "/customers")["ETag"]
    customer.is_active = False
    customer.save()
    assert ask(client, "/customers", tag).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_inside_a_snapshot_nothing_changes_and_nothing_can_be_changed() -> None:
    test = TestFactory.create(title="before")

    def change() -> None:
        Test.objects.update(title="after")
        connection.close()

    with snapshot():
        assert Test.objects.get().title == "before"
        other = threading.Thread(target=change)
        other.start()
        other.join()
        assert Test.objects.get().title == "before"
    assert Test.objects.get().title == "after"
    with pytest.raises(InternalError, match="read-only"), snapshot():
        test.delete()


@pytest.mark.django_db
def test_a_caller_who_may_look_at_less_is_not_told_that_nothing_changed() -> None:
    user = User.objects.create_user("tess")
    user.user_permissions.add(*Permission.objects.filter(codename__in=("view_product", "view_bug")))
    before = version(Access(User.objects.get(pk=user.pk)))
    user.user_permissions.remove(Permission.objects.get(codename="view_bug"))
    assert version(Access(User.objects.get(pk=user.pk))) != before


@pytest.mark.django_db
def test_other_settings_make_another_answer(settings: Settings) -> None:
    caller = Access(User.objects.create_user("tess"))
    before = version(caller)
    settings.DESK_API_REQUESTS_PER_MINUTE = 7
    assert version(caller) != before


@pytest.mark.django_db
def test_what_is_not_there_is_never_unchanged() -> None:
    assert ask(reader(), "/products/999999", "*").status_code == 404
