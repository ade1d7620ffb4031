from collections.abc import Iterator

import pytest
from django.core.management import call_command
from pytest_django import DjangoDbBlocker, Settings

from sync.models import Customer
from sync.sandbox import SandboxServer, World
from tests.sync.pipeline.synced import Synced
from tests.sync.support import make_customer, sync, world_of


@pytest.fixture(autouse=True)
def small_pages(settings: Settings) -> None:
    """So that the lists of a small world have several pages."""
    settings.TESTIO_PAGE_SIZE = 10


@pytest.fixture
def world() -> World:
    """40 tests in two products (25 and 15), 120 bugs."""
    return world_of()


@pytest.fixture
def customer(transactional_db: None, sandbox: SandboxServer) -> Customer:
    return make_customer(sandbox)


@pytest.fixture(scope="module")
def synced(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Synced]:
    """One sync of a world that has every oddity, for all tests of a module, which only read."""
    world = world_of(tests=200, products=4, bugs_per_test=10)
    with django_db_blocker.unblock():
        with SandboxServer(world) as sandbox:
            customer = make_customer(sandbox)
            event = sync(customer)
            yield Synced(world, customer, event, dict(sandbox.stats.by_kind))
        call_command("flush", interactive=False, verbosity=0)
