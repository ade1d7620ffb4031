from datetime import UTC, datetime

import pytest

from sync.sandbox import World
from tests.background.conftest import customer, every_second, home

__all__ = ["customer", "every_second", "home"]


@pytest.fixture
def world() -> World:
    """A few hundred tests in three products; each test module may want another one."""
    return World(tests=600, products=3, bugs_per_test=5, now=datetime.now(UTC))
