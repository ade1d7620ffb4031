"""What the API answers to what was raised: each error, ours and the frameworks', is given its status here, once.

The answer is a problem document (``testio_site.problems``). An error that is not listed is answered as the nearest of
its base classes that is.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.http.request import RawPostDataException
from ninja.errors import AuthenticationError, HttpError, ValidationError

from problematic.triage import AlreadyClaimed, BadTestIds, EventEnded, NothingToRetry, TriageRefused
from reports.catalogue import BadParameters
from sync.access import NotHere
from sync.customers import CustomerError
from sync.leases import LeaseLost
from sync.pipeline import SyncBusy, SyncImpossible
from sync.public_ids import NoSuchId
from sync.testio.errors import TestIOError
from testio_site import login, problems
from testio_site.login import CsrfFailed
from testio_site.problems import Kind, problem
from testio_site.throttle import TooManyCalls
from testio_site.tokens import TokenRefused

log = logging.getLogger(__name__)


def _not_logged_in(request: HttpRequest, _: Exception) -> HttpResponse:
    detail = (
        "This needs a log-in. Send an API token in the header Authorization (Bearer desk_…), "
        "or log in at /login/ and send the session cookie."
    )
    challenge = {"WWW-Authenticate": f'Bearer realm="{login.REALM}"'}
    return problem(request, problems.NOT_LOGGED_IN, detail, headers=challenge)


def _token_refused(request: HttpRequest, error: Exception) -> HttpResponse:
    challenge = {"WWW-Authenticate": f'Bearer realm="{login.REALM}", error="invalid_token"'}
    return problem(request, problems.TOKEN_REFUSED, str(error), headers=challenge)


def _too_many_calls(request: HttpRequest, error: TooManyCalls) -> HttpResponse:
    seconds = error.retry_after
    headers = {"Retry-After": str(seconds)}
    return problem(request, problems.TOO_MANY_CALLS, str(error), headers=headers, retry_after=seconds)


def _csrf_failed(request: HttpRequest, _: Exception) -> HttpResponse:
    detail = (
        "This request changes something, so it must carry the CSRF token: send the value of the cookie "
        '"csrftoken" in the header X-CSRFToken, and over https a Referer of this site.'
    )
    return problem(request, problems.CSRF, detail)


def _forbidden(request: HttpRequest, error: Exception) -> HttpResponse:
    detail = str(error) or "Your account may not do this. Ask an administrator for the permission."
    return problem(request, problems.FORBIDDEN, detail)


def _not_found(request: HttpRequest, error: Exception) -> HttpResponse:
    return problem(request, problems.NOT_FOUND, str(error))


def _not_here(request: HttpRequest, error: NotHere) -> HttpResponse:
    errors = [{"field": field, "reason": reason} for field, reason in error.places.items()]
    return problem(request, problems.NOT_FOUND, str(error), errors=errors)


def _no_such_customer(request: HttpRequest, error: Exception) -> HttpResponse:
    return _not_here(request, NotHere({"customer": str(error)}))


def _malformed(request: HttpRequest, _: Exception) -> HttpResponse:
    return problem(request, problems.MALFORMED, "The body cannot be read. Send one JSON document in UTF-8.")


def _too_large(request: HttpRequest, _: Exception) -> HttpResponse:
    return problem(request, problems.TOO_LARGE, "The body is too large. Send less at a time.")


def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    errors = [
        {"field": _field(each["loc"]), "reason": each["msg"].removeprefix("Value error, ")} for each in error.errors
    ]
    first = f"{errors[0]['field']}: {errors[0]['reason'].rstrip('.')}."
    more = f" (And {len(errors) - 1} more: see errors.)" if len(errors) > 1 else ""
    return problem(
        request, problems.INVALID, f"Nothing was done. Correct this and try again: {first}{more}", errors=errors
    )


def _field(location: tuple[str | int, ...]) -> str:
    """("body", "body", "test_ids", 0) → "test_ids.0"; the source itself when the whole of it is meant."""
    source = location[0]
    inside = [str(part) for part in location if part != source]
    return ".".join(inside) or str(source)


def _bad_value(field: str, request: HttpRequest, error: Exception) -> HttpResponse:
    return problem(request, problems.INVALID, str(error), errors=[{"field": field, "reason": str(error)}])


def _conflict(kind: Kind, request: HttpRequest, error: Exception) -> HttpResponse:
    return problem(request, kind, str(error))


def _bad_parameters(request: HttpRequest, error: BadParameters) -> HttpResponse:
    errors = [{"field": f"parameters.{name}", "reason": reason} for name, reason in error.faults.items()]
    return problem(request, problems.BAD_PARAMETERS, str(error), errors=errors)


def _busy(request: HttpRequest, error: Exception) -> HttpResponse:
    seconds = error.retry_after if isinstance(error, SyncBusy) else 1
    headers = {"Retry-After": str(seconds)}
    return problem(request, problems.BUSY, str(error), headers=headers, retry_after=seconds)


def _testio(request: HttpRequest, error: Exception) -> HttpResponse:
    return problem(request, problems.TESTIO, str(error))


def _unavailable(request: HttpRequest, error: Exception) -> HttpResponse:
    log.error("%s %s failed: the database did not do its part.", request.method, request.path, exc_info=error)
    detail = "The database could not answer right now. Try again in a moment; the log of the site says why."
    return problem(request, problems.UNAVAILABLE, detail, headers={"Retry-After": "5"}, retry_after=5)


def _internal(request: HttpRequest, error: Exception) -> HttpResponse:
    log.error("%s %s failed.", request.method, request.path, exc_info=error)
    detail = "This should not happen. The log of the site says what it was; nothing about it is shown here."
    return problem(request, problems.INTERNAL, detail)


HANDLERS: dict[type[Exception], Callable[[HttpRequest, Any], HttpResponse]] = {
    AuthenticationError: _not_logged_in,
    TokenRefused: _token_refused,
    TooManyCalls: _too_many_calls,
    CsrfFailed: _csrf_failed,
    PermissionDenied: _forbidden,
    Http404: _not_found,
    NoSuchId: _not_found,
    NotHere: _not_here,
    CustomerError: _no_such_customer,
    HttpError: _malformed,  # ninja's only other use of it: a body that is not JSON
    BadRequest: _malformed,
    SuspiciousOperation: _malformed,
    UnreadablePostError: _malformed,
    MultiPartParserError: _malformed,
    RawPostDataException: _malformed,  # a form, which the CSRF check has read to its end
    RequestDataTooBig: _too_large,
    ValidationError: _invalid,
    BadTestIds: partial(_bad_value, "test_ids"),
    NothingToRetry: partial(_conflict, problems.NOTHING_TO_DO),
    EventEnded: partial(_conflict, problems.NOT_OPEN),
    TriageRefused: partial(_conflict, problems.NOT_OPEN),
    AlreadyClaimed: partial(_conflict, problems.ALREADY_CLAIMED),
    SyncImpossible: partial(_conflict, problems.IMPOSSIBLE),
    BadParameters: _bad_parameters,
    SyncBusy: _busy,
    LeaseLost: _busy,
    TestIOError: _testio,
    OperationalError: _unavailable,
    InterfaceError: _unavailable,
    Exception: _internal,
}
