"""Who gets what is due: row locks decide, and what is lost comes due again."""

from datetime import timedelta
from multiprocessing.connection import Connection

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from sync.models import Customer, Product
from sync.refresh import CLAIM_SECONDS, all_due, claim_due_customers, claim_due_products, claim_due_sweeps, claims
from tests.factories import CustomerFactory, ProductFactory
from tests.sync.races import Another
from tests.sync.refresh.rows import (
    DAY,
    HOUR,
    MINUTE,
    change,
    change_customer,
    customer_with_token,
    product_due,
    stored,
)

pytestmark = pytest.mark.django_db

LENT = timedelta(seconds=CLAIM_SECONDS)


def test_what_is_due_is_claimed_once_and_the_longest_overdue_first() -> None:
    customer = customer_with_token()
    late, later, not_yet = (product_due(ago, customer=customer) for ago in (MINUTE, HOUR, -MINUTE))
    assert claim_due_products() == [later.pk, late.pk]
    assert claim_due_products() == []
    assert stored(not_yet).claimed_at is None


def test_no_more_is_claimed_than_asked_for() -> None:
    customer = customer_with_token()
    first, second, third = (product_due(ago, customer=customer) for ago in (3 * HOUR, 2 * HOUR, HOUR))
    assert claim_due_products(limit=2) == [first.pk, second.pk]
    assert claim_due_products() == [third.pk]


def test_all_that_is_due_is_claimed_and_nobody_looks_again_after_fewer_than_could_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(claims, "MOST_AT_ONCE", 2)
    asked = iter([[1, 2], [3, 4], [5], [6, 7]])
    assert list(all_due(lambda: next(asked))) == [1, 2, 3, 4, 5]
    assert list(asked) == [[6, 7]]


def test_a_claim_that_is_lost_is_due_again_soon() -> None:
    product = product_due()
    due = stored(product).next_sync_at
    assert claim_due_products() == [product.pk]
    assert (stored(product).claimed_at is not None, stored(product).next_sync_at) == (True, due)
    change(product, claimed_at=Now() - LENT + MINUTE)
    assert claim_due_products() == []
    change(product, claimed_at=Now() - LENT)  # that minute goes by
    assert claim_due_products() == [product.pk]


def test_a_product_that_was_never_synced_is_due_at_once() -> None:
    product = ProductFactory.create(customer=customer_with_token())
    assert claim_due_products() == [product.pk]


@pytest.mark.parametrize(
    "why",
    [
        {"is_active": False},
        {"paused_at": Now(), "paused_reason": "The token was refused."},
        {"encrypted_token": b""},
        {"product_ids": [1]},
    ],
    ids=str,
)
def test_products_that_are_not_followed_are_never_claimed(why: dict[str, object]) -> None:
    product = product_due(next_full_sync_at=Now())
    change_customer(product.customer, **why)
    assert (claim_due_products(), claim_due_sweeps()) == ([], [])


def test_products_that_their_customer_names_are_claimed_and_missing_ones_are_not() -> None:
    named, gone = product_due(), product_due(missing_since=Now())
    change_customer(named.customer, product_ids=[7, named.pk])
    assert claim_due_products() == [named.pk]
    assert stored(gone).claimed_at is None


def test_a_complete_reading_is_claimed_when_its_night_has_come_and_refreshes_as_well() -> None:
    customer = customer_with_token()
    due = product_due(customer=customer, next_full_sync_at=Now())
    product_due(customer=customer, next_full_sync_at=Now() + HOUR)
    never_read = product_due(customer=customer)
    assert claim_due_sweeps() == [due.pk]
    assert claim_due_sweeps() == []
    assert due.pk not in claim_due_products()
    assert stored(never_read).next_full_sync_at is None


def test_new_customers_and_those_whose_time_has_come_have_their_list_read() -> None:
    new, listed = customer_with_token(), customer_with_token()
    change_customer(new, products_due_at=Now())
    assert claim_due_customers() == [new.pk]
    assert claim_due_customers() == []
    assert Customer.objects.exclude(products_claimed_at=None).get() == new
    change_customer(listed, products_due_at=Now() - DAY)
    assert claim_due_customers() == [listed.pk]


def test_a_customer_is_due_from_the_moment_it_is_added() -> None:
    customer = CustomerFactory.build()
    customer.set_token("a-token")
    customer.save()
    assert claim_due_customers() == [customer.pk]


# Several at once -----------------------------------------------------------------------------------------------------


def claim_until_nothing_is_left(line: Connection) -> None:
    claimed: list[int] = []
    while found := claim_due_products(limit=7):
        claimed += found
    line.send(claimed)


@pytest.mark.django_db(transaction=True)
def test_of_several_processes_each_claims_others_and_nothing_is_left(database_url: str) -> None:
    customer = customer_with_token()
    products = {product_due(customer=customer).pk for _ in range(100)}
    with (
        Another(database_url, claim_until_nothing_is_left) as one,
        Another(database_url, claim_until_nothing_is_left) as two,
        Another(database_url, claim_until_nothing_is_left) as three,
    ):
        claimed = [process.begin() for process in (one, two, three)]
        found = [pk for process in claimed for pk in process.hear()]
    assert sorted(found) == sorted(products)


def claim_and_hold(line: Connection) -> None:
    with transaction.atomic():
        line.send(claim_due_products(limit=1))
        line.recv()


@pytest.mark.django_db(transaction=True)
def test_what_somebody_else_is_claiming_right_now_is_skipped_without_waiting(database_url: str) -> None:
    customer = customer_with_token()
    first, second = (product_due(ago, customer=customer) for ago in (HOUR, MINUTE))
    with Another(database_url, claim_and_hold) as other:
        assert other.begin().hear() == [first.pk]
        assert claim_due_products() == [second.pk]
        other.tell()
        assert other.end() == 0


# Many ----------------------------------------------------------------------------------------------------------------


def make_many(customers: int, products: int) -> None:
    made = [CustomerFactory.build(name=f"many-{number}", encrypted_token=b"sealed") for number in range(customers)]
    Customer.objects.bulk_create(made)
    Product.objects.bulk_create(
        (
            Product(
                pk=number * 1_000 + position,
                customer=customer,
                name="One of many",
                fingerprint=b"",
                next_sync_at=Now() + timedelta(minutes=1 + position),
                next_full_sync_at=Now() + timedelta(minutes=1 + position),
            )
            for number, customer in enumerate(made, start=1)
            for position in range(products)
        ),
        batch_size=2_000,
    )


def plan_of(statement: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}")
        return "\n".join(line for (line,) in cursor.fetchall())


@pytest.mark.parametrize("analyzed", [True, False])
def test_what_is_due_is_found_by_index_however_many_products_there_are(analyzed: bool) -> None:
    make_many(200, 25)
    Product.objects.filter(pk__lt=1_000 * 3).update(next_sync_at=Now(), next_full_sync_at=Now())
    Customer.objects.filter(name__in=["many-1", "many-2"]).update(products_due_at=Now())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE sync_product; ANALYZE sync_customer" if analyzed else "SELECT 1")
    indexes = {claim_due_products: "product_due", claim_due_sweeps: "product_due_in_full"}
    if analyzed:
        indexes[claim_due_customers] = "customer_products_due"
    for claim, index in indexes.items():
        with CaptureQueriesContext(connection) as queries:
            assert len(claim(2)) == 2
        [plan] = [plan_of(query["sql"]) for query in queries.captured_queries]
        # Of customers nothing is known in the second case, so they may be few.
        assert "Seq Scan" not in (plan if analyzed else plan.replace("Seq Scan on sync_customer", ""))
        assert f"Index Scan using {index} on" in plan
