"""Background work at full size. The small versions: ``tests/background``."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sync.models import Customer
from sync.sandbox import SandboxServer, World
from tests.background.crowd import race
from tests.background.test_trouble import answer_429_for, stop_the_database_for
from tests.sync.support import content, forget_everything, sync

pytestmark = pytest.mark.stress


@pytest.fixture
def world() -> World:
    return World(tests=200, products=20, bugs_per_test=3, now=datetime.now(UTC))


def test_three_workers_and_a_manual_sync_on_twenty_products_for_five_minutes(
    customer: Customer, sandbox: SandboxServer, database_url: str, home: Path, every_second: None
) -> None:
    race(customer, sandbox, database_url, home, workers=3, seconds=300, interval=20)
    found = content(customer)
    forget_everything(customer)
    sync(customer)
    assert content(customer) == found


def test_workers_go_on_by_themselves_when_the_database_was_away_for_ten_seconds(
    sandbox: SandboxServer, home: Path
) -> None:
    stop_the_database_for(10, sandbox, home)


def test_calls_pause_for_half_a_minute_of_refusals_and_nothing_fails(
    customer: Customer, sandbox: SandboxServer, database_url: str, home: Path, every_second: None
) -> None:
    answer_429_for(30, customer, sandbox, database_url, home)
