"""One id for each request: in its answer, in the problem it may end in, and in every line the log has about it.

django-structlog binds the id to the log. It believes any id that comes in, so this middleware stands before it and
takes away what is none: an id is written into headers and logs.
"""

import re
from collections.abc import Callable
from typing import Any, Final

import structlog
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django_structlog import signals

HEADER: Final = "X-Request-ID"

_META: Final = "HTTP_X_REQUEST_ID"
_SANE: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class OnlySaneIds:
    """Forgets an incoming id that is not letters, digits and ``. _ : -``, 64 at most; a new one is made instead."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not _SANE.fullmatch(request.META.get(_META, "")):
            request.META.pop(_META, None)
        return self._get_response(request)


def current() -> str | None:
    """The id of the request this is about; None outside of requests."""
    found: str | None = structlog.contextvars.get_contextvars().get("request_id")
    return found


@receiver([signals.bind_extra_request_finished_metadata, signals.update_failure_response])
def _answer_with_it(response: HttpResponse, **_: Any) -> None:
    if known := current():
        response[HEADER] = known
