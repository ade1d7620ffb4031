import pytest
from pytest_django import Settings

from sync.models import Customer
from sync.sandbox import SandboxServer, World
from tests.sync.support import make_customer, world_of


@pytest.fixture(autouse=True)
def small_pages(settings: Settings) -> None:
    settings.TESTIO_PAGE_SIZE = 10


@pytest.fixture
def world() -> World:
    """12 tests in two products, 12 bugs."""
    return world_of(tests=12, products=2, bugs_per_test=1)


@pytest.fixture
def customer(transactional_db: None, sandbox: SandboxServer) -> Customer:
    return make_customer(sandbox)
