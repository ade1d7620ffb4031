"""The wall around the TestIO Customer API: the only module that knows about HTTP (httpx).

``TestIOClient`` has one method per call we make. Each returns what TestIO sent, out of its envelope and otherwise
untouched (the parsers judge the content), or raises one of ``sync.testio.errors``. Passing trouble is dealt with
here: politely repeated, or, after a 429, waited out by all callers of the customer together.

Classification is by status code only, redirects are not followed, and the token leaves this process in the
``Authorization`` header and nowhere else; for the internet only, unless ``private`` networks are allowed. That is why
errors are returned from the ``except`` block that met the httpx error and raised elsewhere: an httpx error carries its
request, and the request carries the header.
"""

import copy
import logging
import math
import threading
import time
from collections.abc import Collection, Generator, Mapping, Sequence
from types import MappingProxyType, TracebackType
from typing import Any, Self
from urllib.parse import urlencode

import httpx

from sync.testio import errors
from sync.testio.address import NotPublic, public_addresses
from sync.testio.answers import seconds_to_wait
from sync.testio.asking import DEFAULT_PATIENCE, Asker, Limiter, Meter, Patience, Reply
from sync.testio.errors import TestIOError

# httpx tells every request at INFO; our own line per call, at DEBUG, is enough.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)

Record = dict[str, Any]
Query = Mapping[str, object]

LARGEST_ANSWER = 256 * 1024 * 1024  # bytes; what a mistaken query returns must not eat the machine's memory
CONNECT_TIMEOUT = 15.0  # seconds; a host that is there answers within a few
NAME_KEPT = 60.0  # seconds until a name is looked up again
CONFIRM = 3  # how often in all a 500 is asked for before it is believed, unless the caller knows better
EVERYTHING: Query = MappingProxyType({})
WITH_USER_STORIES: Query = MappingProxyType({"includes[]": "user_stories"})  # objects with ids, else bare titles


class TestIOClient:
    """Reads one customer's data from TestIO. Threads share one instance; a process that forks makes a new one.

    ``timeout`` is the number of seconds one call may take. ``confirm`` in the methods is how often in all a 500 is
    asked for before it is believed. ``stop``, once set, ends every wait before a repetition with TestIOCancelled.
    ``private``: addresses that are not on the internet (this machine, a company's network) may be called as well.

    Every method may raise TestIORefused, TestIONotFound, TestIOUnreadable, TestIOTooLarge, TestIOUnavailable,
    TestIOUnexpected (also for an answer without its envelope) and TestIOCancelled.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        limiter: Limiter,
        timeout: float = 90.0,
        max_connections: int = 10,
        stop: threading.Event | None = None,
        patience: Patience = DEFAULT_PATIENCE,
        private: bool = False,
    ) -> None:
        self.base_url = base_url
        self.meters: tuple[Meter, ...] = (Meter(),)
        self.owns_pool = True
        auth = _TokenAuth(token)
        del token  # a traceback that shows local values shows ``auth`` instead, which keeps it to itself
        self._transport = _Transport(base_url, auth, timeout, max_connections, private=private)
        self._asker = Asker(self._transport.send, limiter, stop or threading.Event(), patience)

    def __repr__(self) -> str:
        return f"TestIOClient({self.base_url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections. A metered client leaves them to the client it was made from."""
        if self.owns_pool:
            self._transport.close()

    @property
    def calls(self) -> int:
        """HTTP requests made so far with this pool of connections, repetitions and metered clients included."""
        return self.meters[0].calls

    def metered(self, meter: Meter) -> Self:
        """A client that counts its calls in ``meter`` too; costs nothing and shares everything, connections first."""
        twin = copy.copy(self)
        twin.meters = (*self.meters, meter)
        twin.owns_pool = False
        return twin

    # What TestIO can be asked ------------------------------------------------------------------------------------

    def products(self, product_ids: Collection[int] = ()) -> list[Record]:
        """The customer's products, or those of ``product_ids`` that exist.

        [doc] `filter[product_ids]` is an array. Whether it is heeded we do not know: check what comes.
        """
        query = {"filter[product_ids][]": sorted(product_ids)}
        return self._records("/products", "products", query)

    def product(self, product_id: int) -> Record:
        return self._record(f"/products/{product_id}", "product")

    def features(self, product_id: int) -> list[Record]:
        """Every feature of the product, with or without sections [doc], with its user stories as objects."""
        return self._records(f"/products/{product_id}/features", "features", WITH_USER_STORIES)

    def section_features(self, product_id: int, section_id: int) -> list[Record]:
        return self._records(f"/products/{product_id}/sections/{section_id}/features", "features")

    def tests(self, product_id: int, page: int, per_page: int, *, confirm: int = 1) -> list[Record]:
        """One page of the product's tests, newest `end_at` first [seen]. It may be shorter than asked for [assume]."""
        query = {"page": page, "per_page": per_page, **WITH_USER_STORIES}
        path = f"/products/{product_id}/exploratory_tests"
        return self._records(path, "exploratory_tests", query, confirm=confirm)

    def test(self, test_id: int) -> Record:
        """One test, as in the list plus analytics and per-feature results [doc]."""
        return self._record(f"/exploratory_tests/{test_id}", "exploratory_test", WITH_USER_STORIES)

    def bugs(self, test_ids: Sequence[int], *, confirm: int = 1) -> list[Record]:
        """All bugs of these tests; none for no tests, without a call (TestIO would send every bug there is).

        Raises TestIOTooLarge at the first 413, 414, 524 or time-out, for the caller to ask in halves [seen].
        """
        if not test_ids:
            return []
        query = {"filter_test_cycle_ids": ",".join(map(str, test_ids))}
        return self._records("/bugs", "bugs", query, bare=True, confirm=confirm, divisible=len(test_ids) > 1)

    def product_bugs(self, product_id: int) -> list[Record]:
        """All bugs of a product at once [seen]; TestIOTooLarge where that is more than TestIO can answer."""
        return self._records("/bugs", "bugs", {"filter_product_ids": str(product_id)}, bare=True, divisible=True)

    def bug(self, bug_id: int) -> Record:
        return self._record(f"/bugs/{bug_id}", "bug")

    def test_case_test(self, product_id: int, test_id: int) -> Record:
        return self._record(f"/products/{product_id}/test_case_tests/{test_id}", "test_case_test")

    def test_case_results(self, product_id: int, test_id: int) -> list[Record]:
        """The results of a test-case test; TestIO sends them as a bare array [seen]."""
        return self._records(f"/products/{product_id}/test_case_tests/{test_id}/results", "results", bare=True)

    def reject_reasons(self) -> list[Record]:
        """The reasons bugs are rejected for; an array in some shape [assume], with or without an envelope."""
        return self._records("/bugs/reject_reasons", "reject_reasons", bare=True)

    # How it is asked ---------------------------------------------------------------------------------------------

    def _record(self, path: str, envelope: str, query: Query = EVERYTHING) -> Record:
        address = _address(path, query)
        content = self._ask(address, confirm=CONFIRM)
        record = content.get(envelope) if isinstance(content, dict) else None
        if not isinstance(record, dict):
            raise errors.without_envelope(address, envelope)
        return record

    def _records(
        self,
        path: str,
        envelope: str,
        query: Query = EVERYTHING,
        *,
        bare: bool = False,
        confirm: int = CONFIRM,
        divisible: bool = False,
    ) -> list[Record]:
        address = _address(path, query)
        content = self._ask(address, confirm=confirm, divisible=divisible)
        if bare and isinstance(content, list):
            return content
        records = content.get(envelope) if isinstance(content, dict) else None
        if not isinstance(records, list):
            raise errors.without_envelope(address, envelope)
        return records

    def _ask(self, path: str, *, confirm: int, divisible: bool = False) -> object:
        return self._asker.ask(path, confirm=confirm, divisible=divisible, meters=self.meters)


class _Transport:
    """Makes single requests with a pool of connections."""

    def __init__(self, base_url: str, auth: "_TokenAuth", timeout: float, connections: int, *, private: bool) -> None:
        self._timeout = timeout
        self._http = _pool(base_url, auth, timeout, connections, private=private)

    def close(self) -> None:
        self._http.close()

    def send(self, path: str) -> Reply | TestIOError:
        """What came back, or, returned, why nothing did. Raised from here it would carry the token (see above)."""
        deadline = time.monotonic() + self._timeout
        body = bytearray()
        try:
            with self._http.stream("GET", path) as response:
                for chunk in response.iter_bytes():
                    body += chunk
                    if len(body) > LARGEST_ANSWER:
                        return errors.too_long(path, LARGEST_ANSWER)
                    if time.monotonic() > deadline:
                        return errors.timed_out(path)
                return Reply(response.status_code, _pause_asked_for(response), bytes(body))
        except httpx.RequestError as error:
            return _no_answer(error, path)
        except NotPublic:
            return errors.not_public(path)


class _PublicOnly(httpx.BaseTransport):
    """Connects to an address that was judged, and not to the name, which might lead elsewhere the next time it is
    looked up. The name stays in the Host header and is what the certificate is checked for.

    A proxy of the surroundings (``HTTPS_PROXY``) goes its own way: it looks names up itself, and guards the network.
    """

    def __init__(self, inner: httpx.HTTPTransport) -> None:
        self._inner = inner
        self._judged: tuple[float, list[str]] = (-math.inf, [])

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        failure: httpx.TransportError = httpx.ConnectError("the name leads nowhere")
        for found in self._addresses(request.url):
            try:
                return self._inner.handle_request(_to(found, request))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
        raise failure

    def close(self) -> None:
        self._inner.close()

    def _addresses(self, url: httpx.URL) -> list[str]:
        """A client has one base URL, so there is one name to remember."""
        judged_at, found = self._judged
        if time.monotonic() - judged_at > NAME_KEPT:
            try:
                found = public_addresses(url.host, url.port)
            except OSError as error:
                raise httpx.ConnectError(str(error)) from error
            self._judged = (time.monotonic(), found)
        return found


def _to(found: str, request: httpx.Request) -> httpx.Request:
    return httpx.Request(
        request.method,
        request.url.copy_with(host=found),
        headers=request.headers,  # with the Host that was asked for
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.host},
    )


class _TokenAuth(httpx.Auth):
    """Puts the token on each request; nothing else in this process is shown it."""

    def __init__(self, token: str) -> None:
        self._token = token.strip()

    @property
    def is_sendable(self) -> bool:
        return bool(self._token) and self._token.isascii() and self._token.isprintable() and " " not in self._token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        request.headers["Authorization"] = f"Token {self._token}"
        yield request


def _pool(base_url: str, auth: _TokenAuth, timeout: float, connections: int, *, private: bool) -> httpx.Client:
    if not auth.is_sendable:
        raise errors.unusable_token()
    url = _url(base_url)
    if url is None or url.scheme not in {"http", "https"} or not url.host or url.userinfo:
        raise errors.unusable_base_url()
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=30)
    return httpx.Client(
        base_url=url,
        auth=auth,
        headers={"Accept": "application/json"},
        timeout=httpx.Timeout(timeout, connect=min(timeout, CONNECT_TIMEOUT), pool=None),
        limits=limits,
        transport=None if private else _PublicOnly(httpx.HTTPTransport(limits=limits)),
        follow_redirects=False,
        # A company's HTTP proxy knows no way to a sandbox on this machine.
        trust_env=url.host not in {"localhost", "127.0.0.1", "::1"},
    )


def _url(text: str) -> httpx.URL | None:
    try:
        return httpx.URL(text)
    except httpx.InvalidURL:
        return None


def _address(path: str, query: Query) -> str:
    words = urlencode(query, doseq=True, safe="[],")
    return f"{path}?{words}" if words else path


def _pause_asked_for(response: httpx.Response) -> float | None:
    return seconds_to_wait(response.headers.get("Retry-After"), response.headers.get("Date"))


def _no_answer(error: httpx.RequestError, path: str) -> TestIOError:
    match error:
        case httpx.ReadTimeout():
            return errors.timed_out(path)
        case httpx.ConnectError() | httpx.ConnectTimeout() | httpx.ProxyError():
            return errors.unreachable(path, str(error))
        case _:
            return errors.dropped(path)
