import pytest

from problematic.models import ProblematicEvent
from sync.models import Customer, Product
from sync.sandbox import World
from tests.factories import ProductFactory
from tests.problematic.factories import ProblematicEventFactory
from tests.sync.support import world_of


@pytest.fixture
def world() -> World:
    """24 tests in two products, 60 bugs."""
    return world_of(tests=24, products=2, bugs_per_test=2.5)


@pytest.fixture
def products(customer: Customer, world: World) -> list[Product]:
    return [ProductFactory.create(id=product_id, customer=customer) for product_id in world.product_ids()]


@pytest.fixture
def event(products: list[Product]) -> ProblematicEvent:
    """Of the first product."""
    return ProblematicEventFactory.create(product=products[0])


@pytest.fixture
def its_tests(world: World, event: ProblematicEvent) -> list[int]:
    """Tests of the event's product, those with the most bugs first."""
    return sorted(world.tests_of(event.product_id), key=lambda test_id: (-len(world.bugs_of(test_id)), test_id))
