"""Products through the API: always an answer from our tables, and how old it is."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sync.models import Product
from tests.factories import CustomerFactory, ProductFactory

pytestmark = pytest.mark.django_db

PRODUCTS = "/api/v1/products"


@pytest.fixture
def reading(client: Client) -> Client:
    """Somebody who may look at products and no more."""
    viewer = User.objects.create_user("viewer")
    viewer.user_permissions.set(Permission.objects.filter(codename__in=["view_product", "see_all_customers"]))
    client.force_login(viewer)
    return client


def product(**values: Any) -> Product:
    customer = values.pop("customer", None) or CustomerFactory.create()
    customer.set_token("secret")
    customer.save()
    made = ProductFactory.create(customer=customer, **values)
    Product.objects.filter(pk=made.pk).update(next_sync_at="2999-01-01T00:00:00Z")
    return made


def read_now() -> dict[str, Any]:
    return dict.fromkeys(("features_synced_at", "tests_synced_at", "bugs_synced_at"), timezone.now())


def ids(response: Any) -> list[int]:
    return [each["id"] for each in response.json()["products"]]


def is_due(row: Product) -> bool:
    return Product.objects.filter(pk=row.pk, next_sync_at__lte=Now()).exists()


def test_a_stale_product_is_shown_as_it_is_and_refreshed_in_the_background(reading: Client) -> None:
    stale, fresh = product(), product(**read_now())
    shown = reading.get(f"{PRODUCTS}/{stale.pk}").json()
    assert (shown["stale"], shown["data_as_of"]) == (True, None)
    assert is_due(stale)
    shown = reading.get(f"{PRODUCTS}/{fresh.pk}").json()
    assert (shown["stale"], shown["data_as_of"]) == (False, shown["tests_synced_at"])
    assert not is_due(fresh)


def test_a_list_asks_for_all_its_stale_products_in_one_statement(reading: Client) -> None:
    customer = CustomerFactory.create()
    stale = [product(customer=customer) for _ in range(5)]
    fresh = product(customer=customer, **read_now())
    reading.get("/api/v1/products?limit=1&stale=false")
    with CaptureQueriesContext(connection) as queries:
        shown = reading.get(PRODUCTS).json()["products"]
    assert [each["stale"] for each in shown] == [*[True] * 5, False]
    assert [is_due(each) for each in [*stale, fresh]] == [*[True] * 5, False]
    assert len([query for query in queries if query["sql"].startswith("UPDATE")]) == 1


def test_pages_follow_each_other_without_gap_or_repetition(reading: Client) -> None:
    made = sorted(product().pk for _ in range(5))
    first = reading.get(f"{PRODUCTS}?limit=3")
    second = reading.get(f"{PRODUCTS}?limit=3&cursor={first.json()['next_cursor']}")
    assert (ids(first), ids(second), second.json()["next_cursor"]) == (made[:3], made[3:], None)


def test_products_are_found_by_number_customer_and_staleness(reading: Client) -> None:
    mine, other, fresh = product(), product(), product(**read_now())
    assert ids(reading.get(f"{PRODUCTS}?product_id={mine.pk}&product_id={other.pk}")) == sorted([mine.pk, other.pk])
    assert ids(reading.get(f"{PRODUCTS}?customer={other.customer.name}")) == [other.pk]
    assert ids(reading.get(f"{PRODUCTS}?stale=false")) == [fresh.pk]
    assert ids(reading.get(f"{PRODUCTS}?stale=true")) == sorted([mine.pk, other.pk])


@pytest.mark.parametrize("query", ["customer=no one", "customr=acme", "product_id=0", "stale=old"])
def test_what_makes_no_sense_is_refused_by_name(reading: Client, query: str) -> None:
    answer = reading.get(f"{PRODUCTS}?{query}")
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid")
    assert query.partition("=")[0] in answer.json()["errors"][0]["field"]


def test_an_unknown_product_is_not_found(reading: Client) -> None:
    answer = reading.get(f"{PRODUCTS}/4711")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/not-found")


def test_a_user_without_the_permission_is_told_its_name(client: Client) -> None:
    client.force_login(User.objects.create_user("nobody"))
    answer = client.get(PRODUCTS)
    assert (answer.status_code, "sync.view_product" in answer.json()["detail"]) == (403, True)


def test_nobody_reads_without_logging_in(client: Client) -> None:
    assert client.get(PRODUCTS).status_code == 401
