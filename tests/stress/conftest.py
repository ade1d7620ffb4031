from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from sync.models import Customer
from sync.sandbox import SandboxServer, World
from tests.sync.support import make_customer


@pytest.fixture
def world() -> World:
    """A few hundred tests in three products; each test module may want another one."""
    return World(tests=600, products=3, bugs_per_test=5, now=datetime.now(UTC))


@pytest.fixture
def sandbox(world: World) -> Iterator[SandboxServer]:
    with SandboxServer(world) as server:
        yield server


@pytest.fixture
def customer(transactional_db: None, sandbox: SandboxServer) -> Customer:
    return make_customer(sandbox, is_default=True)
