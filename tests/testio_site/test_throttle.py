"""How often somebody may call: exactly so often, over all processes, and then again after a while."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from testio_site import throttle
from testio_site.models import CallAllowance
from testio_site.throttle import TooManyCalls
from tests.testio_site.callers import member, token_of, with_session, with_token

CUSTOMERS = "/api/v1/problematic/events"


@pytest.fixture(autouse=True)
def three_a_minute(settings: Settings) -> None:
    settings.DESK_API_REQUESTS_PER_MINUTE = 3


def statuses(client: Client, times: int) -> list[int]:
    return [client.get(CUSTOMERS).status_code for _ in range(times)]


def time_passes(seconds: float) -> None:
    CallAllowance.objects.update(free_at=F("free_at") - timedelta(seconds=seconds))


@pytest.mark.django_db
def test_one_call_too_many_is_refused_with_the_time_to_come_back() -> None:
    client = with_token(token_of(member()))
    assert statuses(client, 3) == [200] * 3
    answer = client.get(CUSTOMERS)
    document = answer.json()
    assert (answer.status_code, document["type"]) == (429, "/problems/too-many-calls")
    assert answer["Retry-After"] == str(document["retry_after"])
    assert 19 <= document["retry_after"] <= 20
    assert document["detail"].startswith("At most 3 calls a minute are answered. Try again in")


@pytest.mark.django_db
def test_calls_come_back_one_by_one_and_never_more_than_a_minutes_worth() -> None:
    client = with_token(token_of(member()))
    assert statuses(client, 4) == [200, 200, 200, 429]
    time_passes(20)
    assert statuses(client, 2) == [200, 429]
    time_passes(3600)
    assert statuses(client, 4) == [200, 200, 200, 429]


@pytest.mark.django_db
def test_every_token_and_every_user_has_calls_of_their_own() -> None:
    mia = member()
    for client in (with_token(token_of(mia)), with_token(token_of(mia, name="other")), with_session(mia)):
        assert statuses(client, 4) == [200, 200, 200, 429]


@pytest.mark.django_db
def test_zero_switches_it_off(settings: Settings) -> None:
    settings.DESK_API_REQUESTS_PER_MINUTE = 0
    assert statuses(with_token(token_of(member())), 8) == [200] * 8
    assert not CallAllowance.objects.exists()


@pytest.mark.django_db
def test_an_address_that_keeps_sending_a_wrong_token_is_slowed_down_and_others_are_not(
    monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    monkeypatch.setattr(throttle, "FAILURES_PER_MINUTE", 2)
    wrong: dict[str, Any] = {"headers": {"Authorization": "Bearer desk_wrong"}}
    assert [client.get(CUSTOMERS, **wrong).status_code for _ in range(3)] == [401, 401, 429]
    assert client.get(CUSTOMERS, **wrong, REMOTE_ADDR="192.0.2.1").status_code == 401
    assert with_token(token_of(member())).get(CUSTOMERS).status_code == 200  # from the same address


@pytest.mark.django_db
def test_counting_a_call_is_one_statement_and_waits_for_no_disk() -> None:
    for _ in range(2):  # a new caller, and a known one
        with CaptureQueriesContext(connection) as queries:
            throttle.admit("somebody")
        assert len(queries) == 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT relpersistence FROM pg_class WHERE relname = 'testio_site_callallowance'")
        assert cursor.fetchone() == ("u",)


@pytest.mark.django_db
def test_callers_who_have_not_come_back_are_forgotten() -> None:
    CallAllowance.objects.create(caller="long ago", free_at=Now() - timedelta(hours=2))
    CallAllowance.objects.create(caller="a while ago", free_at=Now() - timedelta(minutes=30))
    throttle.admit("somebody new")
    assert set(CallAllowance.objects.values_list("caller", flat=True)) == {"a while ago", "somebody new"}


@pytest.mark.django_db(transaction=True)
def test_many_calls_at_once_get_exactly_what_there_is(settings: Settings) -> None:
    settings.DESK_API_REQUESTS_PER_MINUTE = 10

    def call(_: int) -> bool:
        try:
            throttle.admit("everybody")
        except TooManyCalls:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as crowd:
        assert sum(crowd.map(call, range(60))) == 10


@pytest.mark.django_db
def test_a_database_that_fails_while_calls_are_counted_is_a_problem_like_any_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = with_session(User.objects.create_superuser("admin"))
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE testio_site_callallowance RENAME COLUMN free_at TO lost")
    assert client.get(CUSTOMERS).json()["type"] == "/problems/internal"
