"""Workers, two beats and a manual sync on the same products. The version of five minutes is in ``tests/stress``."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sync.models import Customer
from sync.sandbox import SandboxServer, World
from tests.background.crowd import race
from tests.sync.support import content, forget_everything, sync


@pytest.fixture
def world() -> World:
    return World(tests=36, products=6, bugs_per_test=2, now=datetime.now(UTC))


def test_workers_and_a_manual_sync_never_write_a_product_at_once_and_lose_no_cycle(
    customer: Customer, sandbox: SandboxServer, database_url: str, home: Path, every_second: None
) -> None:
    race(customer, sandbox, database_url, home, workers=2, seconds=15, interval=3)
    found = content(customer)
    forget_everything(customer)
    sync(customer)
    assert content(customer) == found
