import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from sync.models import Customer
from sync.sandbox import SandboxServer, World
from testio_site import schedule
from tests.sync.support import make_customer


@pytest.fixture
def world() -> World:
    """Small, in three products; each test module may want another one."""
    return World(tests=45, products=3, bugs_per_test=3, now=datetime.now(UTC))


@pytest.fixture
def customer(transactional_db: None, sandbox: SandboxServer) -> Customer:
    return make_customer(sandbox, is_default=True)


@pytest.fixture
def home() -> Iterator[Path]:
    """Where workers keep their queue."""
    with tempfile.TemporaryDirectory(prefix="testio-desk-") as folder:
        yield Path(folder)


@pytest.fixture
def every_second(transactional_db: None) -> None:
    """Beat ticks each second instead of every ten, set as an operator sets it."""
    schedule.create_missing()
    second, _ = IntervalSchedule.objects.get_or_create(every=1, period=IntervalSchedule.SECONDS)
    for entry in PeriodicTask.objects.filter(name__in=("Refresh what is due", "Release what dead processes held")):
        entry.interval = second
        entry.save()
