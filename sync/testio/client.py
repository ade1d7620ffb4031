"""The wall around the TestIO Customer API: the only module that knows about HTTP (httpx).

``TestIOClient`` puts the questions of ``endpoints`` to TestIO: it returns what came, or raises one of
``sync.testio.errors``. Passing trouble is dealt with here: politely repeated, or, after a 429, waited out by all
callers of the customer together.

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
from collections.abc import Generator
from types import TracebackType
from typing import Self

import httpx

from sync.testio import errors
from sync.testio.address import NotPublic, public_addresses
from sync.testio.answers import seconds_to_wait
from sync.testio.asking import DEFAULT_PATIENCE, Asker, Limiter, Meter, Patience, Reply
from sync.testio.endpoints import Endpoints
from sync.testio.errors import TestIOError

# httpx tells every request at INFO; our own line per call, at DEBUG, is enough.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)

LARGEST_ANSWER = 256 * 1024 * 1024  # bytes; what a mistaken query returns must not eat the machine's memory
CONNECT_TIMEOUT = 15.0  # seconds; a host that is there answers within a few
NAME_KEPT = 60.0  # seconds until a name is looked up again


class TestIOClient(Endpoints):
    """Reads one customer's data from TestIO. Threads share one instance; a process that forks makes a new one.

    ``timeout`` is the number of seconds one call may take. ``stop``, once set, ends every wait before a repetition with
    TestIOCancelled. ``private``: addresses that are not on the internet (this machine, a company's network) may be
    called as well.
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
