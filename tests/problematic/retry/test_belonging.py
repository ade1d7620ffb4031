"""Mapped tests that turn out to belong to another product, or to another customer."""

import pytest

from problematic.models import ProblematicEvent
from sync.models import Bug, Product, Test
from sync.sandbox import World
from tests.factories import CustomerFactory, ProductFactory, TestFactory
from tests.problematic.retry.support import map_to, retry, stored_bugs

pytestmark = pytest.mark.django_db


def test_a_test_of_another_product_is_stored_where_it_belongs_and_said_so(
    world: World, products: list[Product], event: ProblematicEvent
) -> None:
    test_id = world.tests_of(products[1].pk)[0]
    map_to(event, test_id)
    result = retry()
    assert (result.tests_succeeded, result.errors) == (1, [])
    [note] = result.notes
    assert note == (
        f"Test {test_id} belongs to {products[1]}, not to the event's product {event.product_id}; "
        "it was stored where it belongs."
    )
    assert Test.objects.get().product == products[1]


def test_a_test_that_moved_is_moved(
    world: World, products: list[Product], event: ProblematicEvent, its_tests: list[int]
) -> None:
    test_id = its_tests[0]
    map_to(event, test_id)
    retry()
    world.move_test(test_id, products[1].pk)
    map_to(event, test_id)
    assert len(retry().notes) == 1
    assert Test.objects.get().product == products[1]
    assert stored_bugs(test_id) == set(world.bugs_of(test_id))


def test_a_test_of_a_product_that_was_never_synced_is_not_stored(
    world: World, products: list[Product], event: ProblematicEvent
) -> None:
    test_id = world.tests_of(products[1].pk)[0]
    map_to(event, test_id)
    Product.objects.filter(pk=products[1].pk).delete()
    [error] = retry().errors
    assert error == (
        f"Test {test_id} belongs to product {products[1].pk}, which is not among the synced products of acme. "
        "Let a sync find that product first."
    )
    assert not Test.objects.exists()


def test_another_customers_product_and_test_are_left_alone(
    world: World, products: list[Product], event: ProblematicEvent, its_tests: list[int]
) -> None:
    foreign = ProductFactory.create(customer=CustomerFactory.create())
    theirs = TestFactory.create(id=its_tests[0], product=foreign, title="Theirs")
    Product.objects.filter(pk=products[1].pk).update(customer=foreign.customer)
    in_their_product = world.tests_of(products[1].pk)[0]
    map_to(event, theirs.pk, in_their_product)
    first, second = retry().errors
    assert first == f"Test {theirs.pk} was not stored: this id belongs to another customer."
    assert "is not among the synced products of acme" in second
    assert list(Test.objects.values_list("pk", "title", "product")) == [(theirs.pk, "Theirs", foreign.pk)]
    assert not Bug.objects.exists()
