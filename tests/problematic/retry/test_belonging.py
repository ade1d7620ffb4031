"""Mapped tests that turn out to belong to another product, or to another customer."""

import pytest

from problematic.models import ProblematicEvent
from problematic.retry import retry_due
from sync.models import Bug, Customer, Product, Test
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


def test_a_note_about_a_stored_test_stays_with_its_attempt_also_when_it_was_retried_in_the_background(
    world: World, products: list[Product], event: ProblematicEvent
) -> None:
    test_id = world.tests_of(products[1].pk)[0]
    map_to(event, test_id)
    [note] = retry_due(event.product.customer).notes
    assert note.endswith("it was stored where it belongs.")
    assert list(event.attempts.values_list("outcome", "detail")) == [("succeeded", note)]


def test_bugs_that_could_not_be_stored_are_noted_with_the_attempt(
    world: World, event: ProblematicEvent, its_tests: list[int]
) -> None:
    [bug_id, *_] = world.bugs_of(its_tests[0])
    world.change_bug(bug_id, id="seven")
    map_to(event, its_tests[0])
    note = "A Bug without a usable id was not stored: its id is 'seven'."
    assert retry_due(event.product.customer).notes == [note]
    assert event.attempts.get().detail == note


def test_a_test_stored_in_a_product_outside_the_filter_is_said_to_be_left_out_of_syncs(
    world: World, products: list[Product], event: ProblematicEvent
) -> None:
    Customer.objects.update(product_ids=[event.product_id])
    test_id = world.tests_of(products[1].pk)[0]
    map_to(event, test_id)
    allowed = f"outside the filter of customer acme, which allows {event.product_id}"
    where = f"Test {test_id} belongs to {products[1]}, not to the event's product {event.product_id}"
    assert retry().notes == [
        f"{where}; it was stored where it belongs.",
        f"Product {products[1].pk} is {allowed}: no sync keeps test {test_id} up to date.",
    ]
    assert Test.objects.get().product == products[1]
