"""One request through the sandbox: counted, delayed, perhaps spoiled, else answered by the view of its address."""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from io import BytesIO
from urllib.parse import unquote_to_bytes

import orjson
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse
from django.urls import ResolverMatch, get_resolver
from django.urls.exceptions import Resolver404

from sync.sandbox.faults import Faults
from sync.sandbox.records import Unknown
from sync.sandbox.shelf import Shelf
from sync.sandbox.stats import Seen, Stats
from sync.sandbox.world import World

logger = logging.getLogger(__name__)

BASE_PATH = "/customer/v2"
CONTROL_PATH = "/_sandbox"
DEFAULT_TOKEN = "sandbox-token"  # noqa: S105  opens made-up data only
JSON_TYPE = "application/json; charset=utf-8"
HTML_PAGE = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body><h1>Please wait</h1></body></html>"


class Unreadable(Exception):
    """The answer would contain a record that the service cannot serialise."""


class Spoiled(Exception):
    """The view itself ends the request in one of ``faults.OUTCOMES``."""

    def __init__(self, outcome: str) -> None:
        super().__init__(outcome)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes over the wire. ``ending`` other than "complete": "drop", "reset" or "truncate" (see ``faults``)."""

    status: int
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: tuple[tuple[str, str], ...] = ()
    ending: str = "complete"


class SandboxRequest(WSGIRequest):
    """A Django request that knows its sandbox. ``number`` counts API requests from 1."""

    sandbox: "Sandbox"
    number: int


@dataclass
class Sandbox:
    """A world, what goes wrong with it, and what was asked of it. ``pause(seconds)`` ends early on a stop."""

    world: World
    faults: Faults
    tokens: Collection[str]
    pause: Callable[[float], object]
    stats: Stats = field(default_factory=Stats)

    def __post_init__(self) -> None:
        self.shelf = Shelf(self.world)
        self._resolver = get_resolver("sync.sandbox.urls")
        self._accepted = {f"Token {token}" for token in self.tokens}

    def reply(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer one request; ``target`` is the path and query as they came, ``headers`` by lower-case name."""
        path, _, query = target.partition("?")
        request = _django_request(self, method, path, query, body)
        if path.startswith(CONTROL_PATH):
            return self._control_reply(request)
        match = self._resolve(request)
        kind = match.url_name or "unknown" if match else "unknown"
        seen = self.stats.begin(kind, self._without_token(target.removeprefix(BASE_PATH)))
        request.number = seen.number
        reply: Reply = Reply(500)
        fault: str | None = "crash"
        try:
            reply, fault = self._api_reply(request, match, seen, headers.get("authorization", ""))
        finally:
            self.stats.end(seen, reply.status if reply.ending in ("complete", "truncate") else None, fault)
        logger.debug("sandbox %s %s: %s", method, seen.kind, fault or reply.status)
        return reply

    def _api_reply(
        self, request: SandboxRequest, match: ResolverMatch | None, seen: Seen, authorization: str
    ) -> tuple[Reply, str | None]:
        for action in self.faults.due_actions(seen.number, seen.kind, seen.address):
            action(self.world)
        delay = self.faults.latency(seen.number)
        if delay:
            self.pause(delay)
        if self.faults.refuse:
            return _error(self.faults.refuse), "refuse"
        if authorization not in self._accepted:
            return _error(401), None
        outcome = self.faults.outcome(seen.kind, seen.address)
        if outcome in (None, "truncate"):
            return self._view_reply(request, match, truncated=outcome == "truncate")
        return self._spoiled(str(outcome)), outcome

    def _view_reply(
        self, request: SandboxRequest, match: ResolverMatch | None, *, truncated: bool
    ) -> tuple[Reply, str | None]:
        if match is None:
            return _error(404), None
        if request.method != "GET":
            return _error(405), None
        try:
            response: HttpResponse = match.func(request, **match.kwargs)
        except Unknown:
            return _error(404), None
        except Unreadable:
            return _error(500), "unreadable"
        except Spoiled as spoiled:
            return self._spoiled(spoiled.outcome), spoiled.outcome
        ending = "truncate" if truncated else "complete"
        return Reply(response.status_code, response.content, ending=ending), "truncate" if truncated else None

    def _spoiled(self, outcome: str) -> Reply:
        if outcome == "html":
            return Reply(200, HTML_PAGE, "text/html; charset=utf-8")
        if outcome == "stall":
            self.pause(self.faults.stall_seconds)
            return Reply(0, ending="drop")
        if outcome in ("drop", "reset"):
            return Reply(0, ending=outcome)
        if outcome == "429":
            wait = self.faults.retry_after_header()
            return _error(429, (("Retry-After", wait),) if wait is not None else ())
        return _error(int(outcome))

    def _control_reply(self, request: SandboxRequest) -> Reply:
        match = self._resolve(request)
        if match is None:
            return _error(404)
        response: HttpResponse = match.func(request, **match.kwargs)
        return Reply(response.status_code, response.content)

    def _resolve(self, request: SandboxRequest) -> ResolverMatch | None:
        try:
            return self._resolver.resolve(request.path_info)
        except Resolver404:
            return None

    def _without_token(self, address: str) -> str:
        for token in self.tokens:
            address = address.replace(token, "***")
        return address


def _django_request(sandbox: Sandbox, method: str, path: str, query: str, body: bytes) -> SandboxRequest:
    request = SandboxRequest(
        {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": BytesIO(body),
        }
    )
    request.sandbox = sandbox
    request.number = 0
    return request


def _error(status: int, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    """An error as TestIO words it; the gateway in front of it answers in HTML."""
    if status in (502, 503, 504, 524):
        page = f"<html><body><center><h1>{status}</h1></center></body></html>"
        return Reply(status, page.encode(), "text/html; charset=utf-8", headers)
    reason = next((each.phrase for each in HTTPStatus if each.value == status), "Error")
    return Reply(status, orjson.dumps({"status": status, "error": reason}), headers=headers)
