from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from sync import freshness
from sync.freshness import Freshness
from sync.models import Product, SyncLease
from tests.factories import ProductFactory, SyncLeaseFactory
from tests.sync.refresh.rows import HOUR, MINUTE, change, customer_with_token, stored, wait_of

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


@pytest.fixture(autouse=True)
def an_hour(settings: Settings) -> None:
    settings.TESTIO_CACHE_TTL_SECONDS = 3600


def product_read(**parts: datetime | None) -> Product:
    times = {"features": NOON, "tests": NOON, "bugs": NOON} | parts
    return ProductFactory.create(**{f"{part}_synced_at": moment for part, moment in times.items()})


@pytest.mark.parametrize(
    ("age", "stale"), [(timedelta(), False), (HOUR - MOMENT, False), (HOUR, False), (HOUR + MOMENT, True)]
)
def test_data_is_stale_when_it_is_older_than_its_time_to_live(age: timedelta, stale: bool) -> None:
    product = product_read()
    with time_machine.travel(NOON + age, tick=False):
        assert freshness.of(product) == Freshness(NOON, stale)
        assert Product.objects.stale().exists() is stale


def test_what_was_never_read_is_stale() -> None:
    never = product_read(bugs=None)
    with time_machine.travel(NOON, tick=False):
        assert freshness.of(never) == Freshness(None, True)
        assert freshness.of(never, "tests", "features") == Freshness(NOON, False)
        assert list(Product.objects.stale()) == [never]
        assert list(Product.objects.stale("tests")) == []


def test_the_oldest_part_counts() -> None:
    product = product_read(features=NOON - 2 * HOUR)
    with time_machine.travel(NOON, tick=False):
        assert freshness.of(product) == Freshness(NOON - 2 * HOUR, True)
        assert freshness.of(product, "bugs").stale is False
        assert freshness.oldest([NOON, NOON - MINUTE]) == Freshness(NOON - MINUTE, False)
        assert freshness.oldest([]) == Freshness(None, True)


def test_the_time_to_live_is_a_setting(settings: Settings) -> None:
    settings.TESTIO_CACHE_TTL_SECONDS = 0
    product = product_read()
    assert freshness.of(product, now=NOON).stale is False
    assert freshness.of(product, now=NOON + MOMENT).stale is True


def test_a_part_nobody_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="bugz is no part of a product; known are features, tests, bugs"):
        freshness.of(ProductFactory.create(), "bugz")


# Asking for a refresh ------------------------------------------------------------------------------------------------


@pytest.fixture
def fresh() -> Product:
    product = ProductFactory.create(customer=customer_with_token())
    change(product, next_sync_at=Now() + HOUR)
    return product


def test_a_stale_read_makes_the_product_due_at_once_and_only_once(fresh: Product) -> None:
    assert freshness.request_refresh(fresh.pk) == 1
    assert wait_of(fresh) <= timedelta()
    due = stored(fresh).next_sync_at
    assert freshness.request_refresh(fresh.pk) == 0
    assert stored(fresh).next_sync_at == due


@pytest.mark.parametrize(
    "why",
    [
        {"claimed_at": Now()},
        {"failures": 1},
        {"missing_since": Now()},
        {"settled_at": Now() - 59 * MINUTE},
    ],
    ids=str,
)
def test_it_asks_for_nothing_when_that_would_not_help(fresh: Product, why: dict[str, object]) -> None:
    change(fresh, **why)
    assert freshness.request_refresh(fresh.pk) == 0
    assert wait_of(fresh) > 59 * MINUTE


def test_it_asks_again_once_the_last_refresh_is_old(fresh: Product) -> None:
    change(fresh, settled_at=Now() - 61 * MINUTE)
    assert freshness.request_refresh(fresh.pk) == 1


def test_it_asks_for_nothing_while_somebody_writes_the_product(fresh: Product) -> None:
    lease = SyncLeaseFactory.create(product=fresh, holder="00000000-0000-0000-0000-000000000001", acquired_at=NOON)
    assert freshness.request_refresh(fresh.pk) == 0
    SyncLease.objects.filter(pk=lease.pk).update(holder=None, acquired_at=None)
    assert freshness.request_refresh(fresh.pk) == 1


def test_it_asks_in_one_statement(fresh: Product) -> None:
    with CaptureQueriesContext(connection) as queries:
        freshness.request_refresh(fresh.pk)
    assert len(queries) == 1
