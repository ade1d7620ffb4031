"""What an error of the API looks like: problem details (RFC 9457), the same for every address.

``type`` names the kind of problem and never changes; programs decide by it and by the status. ``detail`` is for
people: what happened, why, what to do next. Some kinds add members: ``errors`` (422, 404), ``retry_after`` (busy,
429).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Field, Schema

from testio_site import request_ids

MEDIA_TYPE = "application/problem+json"


class FieldError(Schema):
    """One thing that is wrong with a request."""

    field: str = Field(description="Where: a parameter or a path into the body.", examples=["test_ids.0"])
    reason: str = Field(description="Why it is refused.", examples=["Input should be greater than 0"])


class Problem(Schema):
    """Problem details as RFC 9457 has them."""

    type: str = Field(description="The kind of problem. It never changes.", examples=["/problems/not-found"])
    title: str = Field(description="The kind of problem, for people.", examples=["Not found"])
    status: int = Field(examples=[404])
    detail: str = Field(
        description="What happened, why, and what to do next.",
        examples=['There is no problematic event "evt_0123456789ab".'],
    )
    instance: str = Field(
        description="The address that was asked.", examples=["/api/v1/problematic/events/evt_0123456789ab"]
    )
    errors: list[FieldError] | None = Field(
        None, description="With status 422 everything that is wrong; with 404 what the request names and is not there."
    )
    request_id: str | None = Field(None, description="As in the header X-Request-ID, and in the log of the site.")
    retry_after: int | None = Field(None, description="Try again in so many seconds, as the header Retry-After says.")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem: the last word of its ``type``, its status and its title."""

    name: str
    status: int
    title: str


MALFORMED = Kind("malformed", 400, "The request cannot be read")
NOT_LOGGED_IN = Kind("not-logged-in", 401, "Not logged in")
TOKEN_REFUSED = Kind("token-refused", 401, "The API token opens nothing")
FORBIDDEN = Kind("forbidden", 403, "A permission is missing")
CSRF = Kind("csrf", 403, "The CSRF token is missing or wrong")
NOT_FOUND = Kind("not-found", 404, "Not found")
METHOD_NOT_ALLOWED = Kind("method-not-allowed", 405, "This address knows no such method")
ALREADY_CLAIMED = Kind("already-claimed", 409, "Somebody else is working on it")
BUSY = Kind("busy", 409, "Busy")
NOT_OPEN = Kind("not-open", 409, "The event is no longer open")
NOTHING_TO_DO = Kind("nothing-to-do", 409, "There is nothing to do")
IMPOSSIBLE = Kind("impossible", 409, "Not possible as things are")
BAD_PARAMETERS = Kind("bad-parameters", 409, "The report does not take these parameters")
TOO_LARGE = Kind("too-large", 413, "The request is too large")
INVALID = Kind("invalid", 422, "The request holds values that cannot be used")
TOO_MANY_CALLS = Kind("too-many-calls", 429, "Too many calls")
INTERNAL = Kind("internal", 500, "Something went wrong here")
TESTIO = Kind("testio", 502, "TestIO did not do its part")
UNAVAILABLE = Kind("unavailable", 503, "Not available right now")


def problem(
    request: HttpRequest, kind: Kind, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
) -> HttpResponse:
    """The answer that says what went wrong. ``members`` are added to the document; ``instance`` has no query."""
    document = {
        "type": f"/problems/{kind.name}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": request.path,
        **({"request_id": known} if (known := request_ids.current()) else {}),
        **members,
    }
    return HttpResponse(json.dumps(document), status=kind.status, content_type=MEDIA_TYPE, headers=headers)
