from collections.abc import Iterator

import pytest
import stamina
from django.contrib.auth.models import User
from pytest_django import Settings

from problematic.models import ProblematicEvent
from sync.models import Customer, SyncEvent
from sync.sandbox import SandboxServer, World
from tests.problematic.factories import ProblematicEventFactory
from tests.sync.support import make_customer, sync, world_of


@pytest.fixture(autouse=True)
def small_pages(settings: Settings) -> None:
    """So that the lists of a small world have several pages."""
    settings.TESTIO_PAGE_SIZE = 5


@pytest.fixture(autouse=True)
def no_back_off() -> Iterator[None]:
    """What the sandbox fails on is asked for as often as ever, but without the waits in between."""
    with stamina.set_testing(True, attempts=100):
        yield


@pytest.fixture
def world() -> World:
    """20 tests in one product, newest end first; 30 bugs."""
    return world_of(tests=20, products=1, bugs_per_test=1.5)


@pytest.fixture
def customer(db: None, sandbox: SandboxServer) -> Customer:
    return make_customer(sandbox)


@pytest.fixture
def product_id(world: World) -> int:
    return world.product_ids()[0]


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("maria")


@pytest.fixture
def event(db: None) -> ProblematicEvent:
    """Of a customer whose API nobody serves: triage needs none."""
    return ProblematicEventFactory.create()


@pytest.fixture
def gap(customer: Customer, world: World, product_id: int) -> list[int]:
    """Two adjacent tests that we know, with their bugs, and cannot read any more."""
    sync(customer, bugs="all")
    broken = world.tests_of(product_id)[8:10]
    world.break_records(tests=broken)
    sync(customer, mode=SyncEvent.Mode.FULL, bugs="none")
    return broken
