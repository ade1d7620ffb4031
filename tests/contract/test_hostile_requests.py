"""Requests nobody sends by mistake: each is refused at once, as a problem document, and the site goes on."""

import json
import time
from contextlib import suppress
from http.client import HTTPConnection
from typing import Any

from tests.contract.conftest import Target

#: Seconds for any refusal.
AT_ONCE = 5.0

DEEP = "[" * 100_000
BODIES: dict[str, bytes] = {
    "deep JSON": DEEP.encode(),
    "deep objects": b'{"a":' * 50_000,
    "a huge number": b'{"test_ids": [' + b"9" * 5_000 + b"]}",
    "an infinite number": b'{"test_ids": [1e999]}',
    "a number beyond the database": b'{"test_ids": [9223372036854775808]}',
    "NUL": b'{"customer": "a\\u0000b"}',
    "bare NUL": b"\0\0\0\0",
    "a lone surrogate": b'{"customer": "\\ud800"}',
    "no UTF-8": b'{"customer": "\xff\xfe"}',
    "wrong types": b'{"customer": {"$ne": 1}, "product_ids": "all", "test_ids": true}',
    "a list for a body": b"[1, 2, 3]",
    "a word for a body": b'"clear"',
    "nothing": b"",
    "ten megabytes": b'{"customer": "' + b"a" * 10_000_000 + b'"}',
    "ten megabytes of numbers": b'{"test_ids": [' + b"1," * 5_000_000 + b"1]}",
}


def _ask(target: Target, method: str, address: str, body: bytes = b"") -> tuple[int, Any, float]:
    connection = HTTPConnection("127.0.0.1", int(target.url.rpartition(":")[2]), timeout=30)
    headers = {"Authorization": f"Bearer {target.token}", "Content-Type": "application/json"}
    began = time.perf_counter()
    try:
        # Who is told that a body is too large before all of it is sent has still to read that.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, address, body, headers)
        response = connection.getresponse()
        content = response.read()
        return response.status, json.loads(content or b"null"), time.perf_counter() - began
    finally:
        connection.close()


def test_every_hostile_body_is_refused_everywhere(target: Target) -> None:
    _, document, _ = _ask(target, "GET", "/api/openapi.json")
    event = target.values["path.event"][0]
    addresses = [
        path.replace("{event}", str(event)).replace("{test_id}", "1")
        for path, methods in document["paths"].items()
        if "requestBody" in methods.get("post", {})
    ]
    assert len(addresses) >= 4
    for address in addresses:
        for name, body in BODIES.items():
            status, answer, seconds = _ask(target, "POST", address, body)
            assert 400 <= status < 500, (address, name, status, answer)
            assert answer["status"] == status, (address, name)
            assert seconds < AT_ONCE, (address, name, seconds)
    assert _ask(target, "GET", "/health")[0] == 200


#: Of a list; one site answers them all.
QUERIES = (
    "limit=99999999999999999999999999", "limit=-1", "limit=NaN", "limit=%00", "cursor=%00", "cursor=" + "A" * 5_000,
    "product_id=" + "9" * 400, "since=%00", "since=" + "9" * 3_000, "status=%F0%28%8C%28", "sort=id;drop",
    "product_id=" + "1," * 20_000 + "1", "unknown=1", "limit=1&limit=2&unknown=",
)  # fmt: skip


def test_hostile_parameters_are_refused_by_name(target: Target) -> None:
    for query in QUERIES:
        status, answer, seconds = _ask(target, "GET", f"/api/v1/bugs?{query}")
        found = (400 <= status < 500, answer["status"], seconds < AT_ONCE)
        assert (query[:60], found) == (query[:60], (True, status, True))
