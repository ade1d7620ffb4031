"""What holds for every test: repeatable dice, no way off this machine, no connection left behind by a thread."""

import os
import sys
import time
from collections.abc import Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.db import connection
from hypothesis import settings as hypothesis_settings
from pytest_django import DjangoDbBlocker

from sync.sandbox import SandboxServer, World
from testio_site.postgres import pools
from tests.emptying import keep_what_is_migrated

if TYPE_CHECKING:
    from pytest_django.live_server_helper import LiveServer

    from tests.browser import Visitor

hypothesis_settings.register_profile("desk", deadline=None)
hypothesis_settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis_settings.load_profile("ci" if os.environ.get("CI") else "desk")


class LeftTheMachine(Exception):
    """A test tried to reach another machine."""


def _is_here(host: object) -> bool:
    if host in (None, "", "localhost", b"localhost"):
        return True
    text = host.decode() if isinstance(host, bytes) else str(host)
    try:
        return ip_address(text).is_loopback or ip_address(text).is_unspecified
    except ValueError:
        return False


def _refuse_to_leave(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    if not _is_here(host):
        raise LeftTheMachine(f"a test tried to reach {host!r}; only this machine itself may be reached")


sys.addaudithook(_refuse_to_leave)


def pytest_collection() -> None:
    """Tests are made up from what the admin has, which Django would load with the first address asked for."""
    admin.autodiscover()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    with django_db_blocker.unblock():
        keep_what_is_migrated()


@pytest.fixture(autouse=True)
def no_abandoned_connection() -> Iterator[None]:
    """Fail a test whose threads ended without `connection.close()`: the pool would miss their connections for good."""
    yield
    deadline = time.monotonic() + 5
    while pools.lost():
        if time.monotonic() > deadline:
            pools.close_pools()
            pytest.fail("a thread of this test ended without connection.close(); the pool will miss its connection")
        time.sleep(0.01)


@pytest.fixture
def sandbox(world: World) -> Iterator[SandboxServer]:
    """The simulated TestIO, with the data of whatever `world` is nearest to the test."""
    with SandboxServer(world) as server:
        yield server


@pytest.fixture
def visitor(monkeypatch: pytest.MonkeyPatch, live_server: "LiveServer") -> "Iterator[Visitor]":
    """Somebody with a real browser; at the end no page may have complained of anything."""
    from playwright.sync_api import expect  # most tests need no browser, which takes a while to import

    from tests.browser import PATIENCE, Visitor, chromium

    expect.set_options(timeout=PATIENCE)
    with chromium(monkeypatch) as browser:
        visitor = Visitor(browser, live_server.url)
        yield visitor
        assert visitor.complaints == []


@pytest.fixture
def database_url(transactional_db: None) -> str:
    """The address of this test's database, for the DATABASE_URL of programs the test starts."""
    params = connection.get_connection_params()
    folder = quote(params["host"], safe="")
    return f"postgresql://{params['user']}@/{params['dbname']}?host={folder}&port={params['port']}"
