"""The API and the pages over a large customer's data: 50,000 tests and 300,000 bugs, warm, over HTTP.

One web process as it is served, one caller after the other on a connection that stays open.
"""

import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import orjson
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from bench.filling import fill
from bench.verdicts import Verdict
from sync.models import Customer, Product, Test
from sync.sandbox import World
from testio_site import tokens
from testio_site.environment import BASE_DIR
from testio_site.tokens import NewToken

Json = dict[str, Any]

#: Milliseconds, of the slowest of twenty.
BOUNDS = {
    "products": 15, "tests": 20, "bugs": 20, "bugs_of_product": 20, "bugs_deep": 20, "test_summary": 25, "search": 60,
    "search_phrase": 60,
}  # fmt: skip
#: How far down the list the deep page is.
DEPTH = 150
WARM = 20


def measure(*, tests: int, products: int, bugs_per_test: float, repeat: int) -> Json:
    """p95 of each kind of answer."""
    call_command("migrate", verbosity=0)
    customer = Customer.objects.create(name="bench", is_default=True)
    fill(customer, World(tests=tests, products=products, bugs_per_test=bugs_per_test))
    owner = User.objects.create_superuser("bench")
    token = tokens.create(NewToken("bench", owner, tokens.expiry(1)))
    with served() as port:
        caller = Caller(port, {"Authorization": f"Bearer {token.secret}"})
        waits = {name: caller.times(address, repeat) for name, address in _addresses(caller).items()}
    details = {
        name: {"p50_ms": statistics.median(times), "p95_ms": p95(times), "bound_ms": BOUNDS[name]}
        for name, times in waits.items()
    }
    slowest = max(details.values(), key=lambda each: each["p95_ms"] / each["bound_ms"])
    return Verdict(
        measured=slowest["p95_ms"],
        limit=slowest["bound_ms"],
        bound=1.0,
        unit="milliseconds (p95) of what is nearest to its bound",
        details={"tests": tests, "answers": details},
    ).as_json()


def p95(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)]


def _addresses(caller: "Caller") -> dict[str, str]:
    product = Product.objects.order_by("pk").values_list("pk", flat=True)[0]
    test = Test.objects.filter(product=product).order_by("-pk").values_list("pk", flat=True)[100]
    return {
        "products": "/api/v1/products?limit=50",
        "tests": "/api/v1/tests?limit=50",
        "bugs": "/api/v1/bugs?limit=50",
        "bugs_of_product": f"/api/v1/bugs?limit=50&product_id={product}",
        "bugs_deep": caller.deep("/api/v1/bugs?limit=50"),
        "test_summary": f"/api/v1/tests/{test}",
        "search": "/api/v1/search?q=checkout%20discount",
        "search_phrase": "/api/v1/search?q=%22discount%20code%22",
    }


class Caller:
    """Somebody who asks on one connection, with these headers."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = headers

    def get(self, address: str) -> bytes:
        self._connection.request("GET", address, headers=self._headers)
        response = self._connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise RuntimeError(f"{address} was answered with {response.status}: {body[:500]!r}")
        return body

    def deep(self, address: str) -> str:
        """The address of the page ``DEPTH`` pages down."""
        page = address
        for _ in range(DEPTH):
            page = f"{address}&cursor={orjson.loads(self.get(page))['next_cursor']}"
        return page

    def times(self, address: str, repeat: int) -> list[float]:
        return [self._time(lambda: self.get(address)) for _ in range(WARM + repeat)][WARM:]

    def _time(self, do: Callable[[], object]) -> float:
        began = time.perf_counter()
        do()
        return (time.perf_counter() - began) * 1000


def session_of(user: User) -> dict[str, str]:
    """The headers of somebody who is logged in."""
    client = Client()
    client.force_login(user)
    return {"Cookie": f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"}


@contextmanager
def served() -> Iterator[int]:
    """The site with one web process; its port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    options = ["--interface", "wsgi", "--no-ws", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with subprocess.Popen(
        [
            str(Path(sys.executable).with_name("granian")), *options, "--blocking-threads", "16",
            "testio_site.wsgi:application",
        ],
        cwd=BASE_DIR, env=os.environ | {"DESK_API_REQUESTS_PER_MINUTE": "0"}, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            _wait_for(port)
            yield port
        finally:
            process.terminate()


def _wait_for(port: int, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("The site did not start; run `make run` to see why.")
