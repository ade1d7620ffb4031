"""What the tests of the sandbox share."""

import ssl
from datetime import UTC, datetime
from hashlib import sha256

import httpx
import orjson

from sync.sandbox import World

NOW = datetime(2026, 5, 4, tzinfo=UTC)
# Nothing here is encrypted: without this, every client would first read all certificates of the machine.
_NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def client_of(base_url: str, token: str | None = None, timeout: float = 20) -> httpx.Client:
    headers = {} if token is None else {"Authorization": f"Token {token}"}
    return httpx.Client(base_url=base_url, headers=headers, timeout=timeout, trust_env=False, verify=_NO_CERTIFICATES)


def get(url: str, token: str | None = None) -> httpx.Response:
    with client_of("", token) as client:
        return client.get(url)


def fingerprint(world: World) -> str:
    """A hash of every product, test, bug and result as TestIO would send them."""
    digest = sha256()
    for product_id in world.product_ids():
        digest.update(orjson.dumps([world.product_payload(product_id), world.feature_payloads(product_id)]))
        for test_id in world.tests_of(product_id):
            digest.update(orjson.dumps(world.test_payload(test_id, detail=True, include_user_stories=True)))
            digest.update(orjson.dumps(world.bug_payloads(test_id)))
    for test_id in world.test_case_tests():
        digest.update(orjson.dumps([world.test_case_payload(test_id), world.results_payload(test_id)]))
    return digest.hexdigest()
