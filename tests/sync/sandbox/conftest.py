from collections.abc import Iterator

import httpx
import pytest

from sync.sandbox import SandboxServer, World
from tests.sync.sandbox.support import NOW, client_of


@pytest.fixture(scope="session")
def small() -> World:
    """The small world, only to be read."""
    return World.of_size("small", now=NOW)


@pytest.fixture
def world() -> World:
    return World(tests=80, products=4, bugs_per_test=3, seed=7, now=NOW)


@pytest.fixture
def api(sandbox: SandboxServer) -> Iterator[httpx.Client]:
    with client_of(sandbox.base_url, sandbox.token) as client:
        yield client


@pytest.fixture
def control(sandbox: SandboxServer) -> Iterator[httpx.Client]:
    with client_of(sandbox.control_url) as client:
        yield client
