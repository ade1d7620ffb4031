"""Rows as the tests of background work need them: due, put off, and as they are now."""

from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from sync.models import Customer, Product
from tests.factories import CustomerFactory, ProductFactory

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def customer_with_token(**values: Any) -> Customer:
    """One whose list of products was just read, so that only its products are due."""
    customer = CustomerFactory.build(**values)
    customer.set_token("a-token-for-tests")
    customer.save()
    Customer.objects.filter(pk=customer.pk).update(products_due_at=Now() + HOUR)
    return customer


def product_due(ago: timedelta = timedelta(), **values: Any) -> Product:
    """A product whose time came so long ago."""
    values.setdefault("customer", None)
    customer = values.pop("customer") or customer_with_token()
    product = ProductFactory.create(customer=customer, **values)
    change(product, next_sync_at=Now() - ago)
    return product


def change(product: Product, **values: object) -> None:
    Product.objects.filter(pk=product.pk).update(**values)


def change_customer(customer: Customer, **values: object) -> None:
    Customer.objects.filter(pk=customer.pk).update(**values)


def stored(product: Product) -> Product:
    return Product.objects.get(pk=product.pk)


def wait_of(product: Product) -> timedelta:
    """How long from now until it is due."""
    row = Product.objects.annotate(now=Now()).get(pk=product.pk)
    wait: timedelta = row.next_sync_at - vars(row)["now"]
    return wait


def waits(product: Product, expected: timedelta) -> bool:
    """Whether that is this time, less the moments the test took."""
    return expected - timedelta(seconds=30) < wait_of(product) <= expected
