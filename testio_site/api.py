"""The root of the JSON API: who may call it, and the routers it is made of.

Routers know nothing of statuses: see ``testio_site.error_handlers``. By convention an operation takes its query
parameters as ``query: Query[SomeSchema]`` and its body as ``body``.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, get_args, get_origin, get_type_hints

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver, path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from ninja import NinjaAPI, Swagger
from ninja.errors import ValidationError
from ninja.openapi.schema import REF_TEMPLATE, OpenAPISchema
from ninja.operation import Operation

from problematic.api import router as problematic
from reports.api import router as reports
from sync.api import router as synced
from testio_site import problems
from testio_site.error_handlers import HANDLERS
from testio_site.examples import add_examples
from testio_site.login import BearerToken, SessionLogin
from testio_site.problems import Problem, problem

View = Callable[..., HttpResponseBase]

DESCRIPTION = """\
Everything the site knows, for programs. Send an API token as `Authorization: Bearer desk_…`; or log in at
`/login/`, send the session as a cookie, and with every changing request the CSRF token in the header
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
