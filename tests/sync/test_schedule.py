from datetime import UTC, datetime, timedelta

import pytest
from django.db.models.functions import Now
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from sync import schedule
from sync.models import Customer, Product
from tests.factories import ProductFactory
from tests.sync.refresh.rows import DAY, HOUR, MINUTE, change, customer_with_token, stored, wait_of

QUARTER = 15 * MINUTE


def test_the_wait_doubles_with_each_failure_and_ends_at_a_day() -> None:
    waits = [schedule.wait_after(failures, QUARTER) for failures in range(1, 10)]
    assert waits == [QUARTER * 2**power for power in range(7)] + [DAY, DAY]
    assert schedule.wait_after(0, QUARTER) == QUARTER
    assert schedule.wait_after(30_000, QUARTER) == DAY


def test_an_interval_longer_than_a_day_is_not_shortened_by_failures() -> None:
    assert schedule.wait_after(5, 3 * DAY) == 3 * DAY


def test_the_interval_is_the_customers_or_the_setting(settings: Settings) -> None:
    settings.TESTIO_REFRESH_INTERVAL_SECONDS = 60
    assert schedule.usual_wait(Customer()) == MINUTE
    assert schedule.usual_wait(Customer(refresh_interval=30)) == timedelta(seconds=30)


moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis wants them naive


@given(product_id=st.integers(1, 10**9), now=moments)
def test_the_next_night_is_after_now_within_a_day_and_at_the_same_time_every_night(
    product_id: int, now: datetime
) -> None:
    first = schedule.next_night(product_id, now)
    assert now < first <= now + DAY
    assert schedule.next_night(product_id, first) == first + DAY
    assert timedelta(hours=1) <= first - first.replace(hour=0, minute=0, second=0, microsecond=0) < timedelta(hours=5)


def test_a_night_may_begin_before_midnight(settings: Settings) -> None:
    settings.TESTIO_NIGHT_STARTS, settings.TESTIO_NIGHT_HOURS = 22, 8
    now = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)
    for product_id in range(1, 200):
        found = schedule.next_night(product_id, now)
        assert now < found <= now + DAY
        assert found.hour in (22, 23, 0, 1, 2, 3, 4, 5)


def test_products_with_ids_in_a_row_are_spread_over_the_night() -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    hours = [schedule.next_night(product_id, now).hour for product_id in range(5_000, 5_400)]
    assert all(80 <= hours.count(hour) <= 120 for hour in (1, 2, 3, 4))


@pytest.mark.django_db
def test_an_operator_makes_products_due_whatever_failed_before() -> None:
    failing = ProductFactory.create(customer=customer_with_token())
    paused = ProductFactory.create(customer=customer_with_token())
    for product in (failing, paused):
        change(product, next_sync_at=datetime(2099, 1, 1, tzinfo=UTC), failures=3)
    Customer.objects.filter(pk=paused.customer_id).update(
        paused_at=datetime(2026, 3, 1, tzinfo=UTC), paused_reason="The token was refused."
    )
    assert schedule.make_due([failing.pk, paused.pk]) == 1
    assert wait_of(failing) <= timedelta()
    assert wait_of(paused) > HOUR
    assert stored(failing).failures == 3


@pytest.mark.django_db
def test_a_complete_reading_that_was_cancelled_waits_as_long_as_the_refresh() -> None:
    product = ProductFactory.create(customer=customer_with_token())
    change(product, next_full_sync_at=Now() - HOUR)
    schedule.cancelled(product.pk)
    assert stored(product).next_full_sync_at == stored(product).next_sync_at
    assert wait_of(product) > HOUR / 5


@pytest.mark.django_db
def test_settling_a_product_that_was_removed_does_nothing() -> None:
    schedule.failed(1, "gone", full=False)
    schedule.give_back()


@pytest.mark.django_db
def test_a_shorter_interval_holds_at_once_for_what_waits_and_leaves_back_off_alone() -> None:
    waiting, failing = (ProductFactory.create(customer=customer_with_token()) for _ in range(2))
    Product.objects.filter(pk=failing.pk).update(customer=waiting.customer)
    for product in (waiting, failing):
        change(product, next_sync_at=datetime(2099, 1, 1, tzinfo=UTC))
    change(failing, failures=3)
    waiting.customer.refresh_interval = 60
    schedule.shorten(waiting.customer)
    assert wait_of(waiting) <= timedelta(seconds=60)
    assert wait_of(failing) > HOUR
