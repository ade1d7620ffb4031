"""The API under the weight of made-up requests, and under readers while everything is being synced."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

import pytest
from django.contrib.auth.models import User

from sync.models import Customer
from sync.sandbox import SandboxServer, World
from testio_site import tokens
from testio_site.roles import Scope
from testio_site.tokens import NewToken
from tests.contract.conftest import Target
from tests.contract.conftest import customer as customer
from tests.contract.conftest import target as target
from tests.contract.conftest import world as world
from tests.contract.fuzzing import fuzz
from tests.site import Site, served
from tests.sync.support import finish, make_customer, start, world_of

pytestmark = pytest.mark.stress

READERS = 100
ADDRESSES = (
    "/api/v1/tests?limit=200&count=true",
    "/api/v1/bugs?limit=100&sort=-id",
    "/api/v1/products?count=true",
    "/api/v1/features?limit=50",
    "/api/v1/people?limit=50",
    "/api/v1/sync/events",
    "/api/v1/search?q=checkout",
)


def test_five_thousand_made_up_requests_get_documented_answers_only(target: Target) -> None:
    verdict = fuzz(target.url, target.token, target.values, examples=12, seed=20_261_120, patience=900)
    assert verdict.passed, verdict.said
    assert verdict.requests >= 5_000, verdict.said


@pytest.fixture
def large() -> World:
    return world_of(tests=1_500, products=6, bugs_per_test=6)


@pytest.fixture
def growing(transactional_db: None, large: World) -> Iterator[Customer]:
    """Nothing of it is synced yet."""
    with SandboxServer(large) as server:
        yield make_customer(server, is_default=True)


def test_a_hundred_readers_see_no_error_and_no_torn_page_during_a_full_sync(
    database_url: str, growing: Customer, large: World
) -> None:
    owner = User.objects.create_superuser("reader")
    token = tokens.create(NewToken("reader", owner, tokens.expiry(1), (Scope.READ,)))
    assert token.secret
    done = threading.Event()
    with served(database_url, {"DESK_API_REQUESTS_PER_MINUTE": "0"}, workers=2) as site:
        syncing = start(database_url, "sync", "--full", "--json")
        with ThreadPoolExecutor(READERS) as readers:
            reading = [readers.submit(_read, site, token.secret, number, done) for number in range(READERS)]
            finished = finish(syncing)
            done.set()
            seen = sum((each.result() for each in reading), Counter[str]())
        assert finished.code == 0, finished
        assert seen["torn"] == 0
        assert seen["answers"] > READERS
        assert set(seen) - {"answers", "torn"} == {"200"}
        everything = _walk(site, token.secret)
    expected = sorted(test_id for product_id in large.product_ids() for test_id in large.tests_of(product_id))
    assert sorted(everything) == expected


def _read(site: Site, secret: str, number: int, done: threading.Event) -> Counter[str]:
    seen: Counter[str] = Counter()
    connection = HTTPConnection("127.0.0.1", site.port, timeout=60)
    while not done.is_set():
        address = ADDRESSES[(number + seen["answers"]) % len(ADDRESSES)]
        status, answer = _get(connection, secret, address)
        seen["answers"] += 1
        seen[str(status)] += 1
        seen["torn"] += _is_torn(answer) if status == 200 else 0
        time.sleep(0.05)
    connection.close()
    return seen


def _get(connection: HTTPConnection, secret: str, address: str) -> tuple[int, Any]:
    connection.request("GET", address, headers={"Authorization": f"Bearer {secret}"})
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def _is_torn(answer: dict[str, Any]) -> bool:
    """A page whose count and rows are of two moments, or that shows a row twice."""
    rows = next(value for value in answer.values() if isinstance(value, list))
    ids = [(row.get("type"), row.get("id") or row.get("event_id")) for row in rows]
    if len(set(ids)) != len(ids):
        return True
    is_whole = answer.get("next_cursor") is None
    return is_whole and answer.get("count") not in (None, len(rows))


def _walk(site: Site, secret: str) -> list[int]:
    connection = HTTPConnection("127.0.0.1", site.port, timeout=60)
    found: list[int] = []
    address = base = "/api/v1/tests?limit=200"
    while True:
        _, page = _get(connection, secret, address)
        found += [row["id"] for row in page["tests"]]
        if page["next_cursor"] is None:
            connection.close()
            return found
        address = f"{base}&cursor={page['next_cursor']}"
