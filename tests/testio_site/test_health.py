"""What a load balancer is told, and how soon."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection, connections
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from kombu import Connection
from pydantic import SecretStr
from pytest_django import Settings

from testio_site import health
from testio_site.celery import app

SECRET = "hunter2"


def answer(client: Client, address: str) -> tuple[int, dict[str, Any]]:
    response = client.get(address)
    assert SECRET not in response.content.decode()
    assert "no-cache" in response["Cache-Control"]
    found: dict[str, Any] = response.json()
    assert abs((datetime.now(UTC) - datetime.fromisoformat(found.pop("timestamp"))).total_seconds()) < 60
    return response.status_code, found


def test_health_needs_no_login_and_no_database(client: Client) -> None:
    assert answer(client, "/health") == (200, {"status": "ok"})  # without django_db, a query would fail this test


@pytest.mark.parametrize("address", ["/health", "/ready"])
def test_nothing_but_reading_is_possible(client: Client, address: str) -> None:
    assert client.post(address).status_code == 405


@pytest.mark.django_db(transaction=True)
def test_ready_when_database_migrations_and_broker_are(client: Client) -> None:
    parts = {"database": "ok", "migrations": "ok", "broker": "ok"}
    assert answer(client, "/ready") == (200, {"status": "ok", "parts": parts})


@pytest.mark.django_db(transaction=True)
def test_a_missing_migration_is_named_with_what_to_do(client: Client) -> None:
    migration = MigrationRecorder(connection).migration_qs.filter(app="sync").last()
    assert migration is not None
    migration.delete()
    try:
        status, found = answer(client, "/ready")
    finally:
        MigrationRecorder(connection).record_applied("sync", migration.name)
    assert (status, found["status"]) == (503, "unavailable")
    assert found["parts"] == {"database": "ok", "migrations": "1 not applied; run manage.py migrate", "broker": "ok"}


@pytest.mark.django_db(transaction=True)
def test_every_missing_migration_of_an_app_counts(client: Client) -> None:
    recorder = MigrationRecorder(connection)
    names = list(recorder.migration_qs.filter(app="auth").order_by("-pk").values_list("name", flat=True)[:3])
    for name in names:
        recorder.record_unapplied("auth", name)
    try:
        _, found = answer(client, "/ready")
    finally:
        for name in reversed(names):
            recorder.record_applied("auth", name)
    assert found["parts"]["migrations"] == "3 not applied; run manage.py migrate"


@contextmanager
def database_elsewhere(monkeypatch: pytest.MonkeyPatch, **address: object) -> Iterator[None]:
    parameters = {"host": "127.0.0.1", "password": SECRET, "dbname": "desk", **address}
    with monkeypatch.context() as patched:
        patched.setattr(type(connections["default"]), "get_connection_params", lambda _: dict(parameters))
        yield


def test_a_database_that_refuses_is_said_without_its_address(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with database_elsewhere(monkeypatch, port=1):
        status, found = answer(client, "/ready")
    gone = {"database": "does not answer; see DATABASE_URL and the log", "migrations": "unknown", "broker": "ok"}
    assert (status, found) == (503, {"status": "unavailable", "parts": gone})
    assert any("refused" in message for message in caplog.messages)


def test_a_database_that_does_not_answer_is_given_up_soon(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with silent_server() as port, database_elsewhere(monkeypatch, port=port):
        asked = time.monotonic()
        status, _ = answer(client, "/ready")
    assert (status, time.monotonic() - asked < 2 * health.PATIENCE) == (503, True)


@contextmanager
def silent_server() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        yield port


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_does_not_answer_is_given_up_soon_and_its_password_kept(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    with silent_server() as port:
        url = f"{scheme}://me:{SECRET}@127.0.0.1:{port}//"
        settings.BROKER_URL, settings.BROKER_IS_FILES = SecretStr(url), False
        settings.BROKER_IS_REDIS = scheme == "redis"
        monkeypatch.setattr(app, "connection_for_write", broker_at(url))
        asked = time.monotonic()
        assert health._broker() == "does not answer; see CELERY_BROKER_URL and the log"  # noqa: SLF001
        assert time.monotonic() - asked < 3 * health.PATIENCE


def broker_at(url: str) -> Any:
    return lambda **options: Connection(url, **options)
