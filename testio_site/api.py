"""The root of the JSON API: who may call it, what its errors look like, and the routers it is made of.

Routers know nothing of statuses. What they raise, or what the functions they call raise, is given its status here,
once. By convention an operation takes its query parameters as ``query: Query[SomeSchema]`` and its body as ``body``.
"""

import logging
from collections.abc import Callable
from functools import partial, wraps
from typing import Any, get_args, get_origin, get_type_hints

from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    StreamingHttpResponse,
    UnreadablePostError,
)
from django.http.multipartparser import MultiPartParserError
from django.http.request import RawPostDataException
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver, path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from ninja import NinjaAPI, Swagger
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.openapi.schema import REF_TEMPLATE, OpenAPISchema
from ninja.operation import Operation

from problematic.api import router as problematic
from problematic.triage import AlreadyClaimed, BadTestIds, EventEnded, NothingToRetry, TriageRefused
from reports.api import router as reports
from reports.catalogue import BadParameters
from sync.access import NotHere
from sync.api import router as synced
from sync.customers import CustomerError
from sync.leases import LeaseLost
from sync.pipeline import SyncBusy, SyncImpossible
from sync.public_ids import NoSuchId
from sync.testio.errors import TestIOError
from testio_site import login, problems
from testio_site.examples import add_examples
from testio_site.login import BearerToken, CsrfFailed, SessionLogin
from testio_site.problems import Kind, Problem, problem
from testio_site.throttle import TooManyCalls
from testio_site.tokens import TokenRefused

log = logging.getLogger(__name__)

View = Callable[..., HttpResponseBase]

DESCRIPTION = """\
Everything the site knows, for programs. Send an API token as `Authorization: Bearer desk_…`; or log in at
`/admin/login/`, send the session as a cookie, and with every changing request the CSRF token in the header
`X-CSRFToken`. What you may not see is answered as if it did not exist. Errors are problem details (RFC 9457): decide
by `type` and `status`, show `detail`. Parameters and fields that are not documented are refused, never ignored.
"""


class DeskAPI(NinjaAPI):
    """Ninja's API whose every error is a problem document: unknown addresses and methods, and in the schema too."""

    @property
    def urls(self) -> tuple[list[URLResolver | URLPattern], str, str]:
        patterns, app, namespace = super().urls
        patterns.append(path("<path:rest>", csrf_exempt(_no_such_address)))
        for pattern in patterns:
            if isinstance(pattern, URLPattern):
                pattern.callback = _with_problems(pattern.callback)
        return patterns, app, namespace

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """``problematic_list_events``: the room and the function."""
        function = operation.view_func
        return f"{function.__module__.partition('.')[0]}_{function.__name__}"

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(**options)
        definition = Problem.model_json_schema(ref_template=REF_TEMPLATE)
        schema["components"]["schemas"] |= definition.pop("$defs") | {"Problem": definition}
        for methods in schema["paths"].values():
            for method, operation in methods.items():
                _document_problems(operation["responses"], reads_a_body=method != "get")
        add_examples(schema)
        return schema


def refuse_unknown_parameters(operation: Callable[..., Any]) -> Callable[..., Any]:
    """A parameter nobody reads is a mistake, and so is a second value where one is read: answering as if it were not
    there would be a wrong answer."""
    hint = get_type_hints(operation, include_extras=True).get("query")
    fields = get_args(hint)[0].model_fields if hint else {}
    known = {name: get_origin(field.annotation) is list for name, field in fields.items()}
    hint_for_people = f"It knows: {', '.join(sorted(known))}." if known else "It knows none."

    @wraps(operation)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if unknown := sorted(set(request.GET) - known.keys()):
            reason = f"This address knows no such parameter. {hint_for_people}"
            raise ValidationError([{"loc": ("query", name), "msg": reason} for name in unknown])
        if repeated := [name for name, values in request.GET.lists() if len(values) > 1 and not known[name]]:
            raise ValidationError([{"loc": ("query", name), "msg": "Give it once."} for name in repeated])
        return operation(request, *args, **kwargs)

    return checked


def _with_problems(view: View) -> View:
    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            response = view(request, *args, **kwargs)
        except Http404:
            return _no_such_address(request)
        return _method_not_allowed(request, response) if isinstance(response, HttpResponseNotAllowed) else response

    return _with_head(answered)


def _with_head(view: View) -> View:
    """HEAD is GET whose answer has no body: same status, same headers, the length included."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method != "HEAD":
            return view(request, *args, **kwargs)
        request.method = "GET"
        try:
            response = view(request, *args, **kwargs)
        finally:
            request.method = "HEAD"
        return _without_body(response)

    return answered


def _without_body(response: HttpResponseBase) -> HttpResponseBase:
    """The same answer: whoever closes it closes what it would have sent."""
    if isinstance(response, StreamingHttpResponse):
        response.streaming_content = ()
    elif isinstance(response, HttpResponse):
        response.headers.setdefault("Content-Length", str(len(response.content)))
        response.content = b""
    return response


def _no_such_address(request: HttpRequest, **_: str) -> HttpResponse:
    detail = f"There is nothing at {request.path}. The addresses of this API are listed at /api/docs."
    return problem(request, problems.NOT_FOUND, detail)


def _method_not_allowed(request: HttpRequest, response: HttpResponseBase) -> HttpResponse:
    allowed = ", ".join(sorted({*response["Allow"].split(", "), *(("HEAD",) if "GET" in response["Allow"] else ())}))
    detail = f"{request.method} is not possible at {request.path}. Use {allowed}."
    return problem(request, problems.METHOD_NOT_ALLOWED, detail, headers={"Allow": allowed})


def _document_problems(responses: dict[int, Any], *, reads_a_body: bool) -> None:
    """Operations name the errors of their own; these can happen to every one."""
    always = {
        401: "Not logged in, or the API token opens nothing",
        403: "A permission or the CSRF token is missing",
        404: "What the request names is not here, or not yours to see",
        422: "Values cannot be used",
        429: "Too many calls",
        500: "A fault of ours",
        503: "The database could not answer",
    }
    with_body = {400: "The body cannot be read", 413: "The body is too large"}
    for status, description in (always | with_body if reads_a_body else always).items():
        responses.setdefault(status, {"description": description})
    content = {problems.MEDIA_TYPE: {"schema": {"$ref": REF_TEMPLATE.format(model="Problem")}}}
    for status, response in responses.items():
        if status >= 400:
            response["content"] = content
    responses[401]["headers"] = {"WWW-Authenticate": _header("What to log in with.", "string")}
    responses[429]["headers"] = {"Retry-After": _header("Seconds until calls are answered again.", "integer")}


def _header(description: str, kind: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": kind}}


def _not_logged_in(request: HttpRequest, _: Exception) -> HttpResponse:
    detail = (
        "This needs a log-in. Send an API token in the header Authorization (Bearer desk_…), "
        "or log in at /admin/login/ and send the session cookie."
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

# The docs page and the schema are for everybody: they show what can be asked, never an answer. The page's own check
# of the schema would send its address to another site, so it is switched off.
api = DeskAPI(
    title="TestIO Desk",
    version="1",
    description=DESCRIPTION,
    urls_namespace="api",
    auth=[BearerToken(), SessionLogin()],
    docs=Swagger({"validatorUrl": None}),
    docs_decorator=lambda view: csrf_exempt(require_safe(view)),
)
for kind_of_error, handler in HANDLERS.items():
    api.add_exception_handler(kind_of_error, handler)
api.add_decorator(refuse_unknown_parameters)
api.add_router("/v1", synced)
api.add_router("/v1/problematic", problematic)
api.add_router("/v1", reports)
