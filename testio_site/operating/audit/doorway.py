"""At the end of each request that may have changed something: what it did goes into the trail."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from testio_site.entrance.guard import client_address
from testio_site.operating.audit import gathering, sentences, trail
from testio_site.operating.audit.gathering import Scope
from testio_site.operating.audit.told import has_refused

log = logging.getLogger(__name__)

_READING = ("GET", "HEAD", "OPTIONS", "TRACE")
#: Names of addresses that are asked by POST and change nothing, or whose changes nobody has to answer for.
_HARMLESS = {"ask"}
#: What a request before this one left unrecorded, because its process ended, is found for so long.
_MISSED = timedelta(hours=1)
#: The database's clock and ours may differ by so much.
_CLOCKS = timedelta(seconds=2)


class Doorway:
    """Middleware, behind the one that says who asks."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method in _READING:
            return self._get_response(request)
        began = timezone.now() - _CLOCKS
        serving = trail.serving.set(request)
        try:
            response = self._get_response(request)
        finally:
            trail.serving.reset(serving)
        try:
            _write_down(request, response, began)
        except (DatabaseError, InterfaceError) as error:
            log.warning("What a request did is not in the audit trail yet: %s", " ".join(str(error).split()))
        return response


def _write_down(request: HttpRequest, response: HttpResponseBase, began: datetime) -> None:
    user = trail.person(request)
    if user is None or response.status_code in (401, 404, 405):
        return
    if response.status_code == 403:
        trail.record_refusal(request, f"Was refused: {sentences.as_asked(request)}")
        return
    found = _gathered(request, user, began)
    if not found and not trail.is_recorded(request) and _has_changed(request, response):
        trail.record(request, *sentences.of(request))


def _gathered(request: HttpRequest, user: User, began: datetime) -> int:
    return gathering.gather(
        Scope(user, began - _MISSED), began=began, address=client_address(request), through=trail.through(request)
    )


def _has_changed(request: HttpRequest, response: HttpResponseBase) -> bool:
    """A form that comes back with its faults has changed nothing; one that was taken leads on. The API says it."""
    name = request.resolver_match.url_name if request.resolver_match else None
    if name in _HARMLESS or response.status_code >= 400 or has_refused(request):
        return False
    answers_itself = request.path.startswith("/api/") or "HX-Request" in request.headers
    return answers_itself or 300 <= response.status_code < 400
