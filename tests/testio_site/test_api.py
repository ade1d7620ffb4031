"""The root of the API: who gets in, what every error looks like, and the document that describes it all."""

import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError, connection
from django.http import HttpResponse, UnreadablePostError
from django.test import Client, RequestFactory
from pytest_django import Settings

from problematic.triage import AlreadyClaimed, BadTestIds, TriageRefused
from sync.customers import CustomerError
from sync.leases import Busy, LeaseLost
from sync.pipeline import SyncBusy, SyncImpossible
from sync.public_ids import NoSuchId
from sync.testio.errors import TestIOError, for_status
from testio_site.api import api
from testio_site.throttle import TooManyCalls
from testio_site.tokens import TokenRefused

EVENTS = "/api/v1/problematic/events"
CLEAR = "/api/v1/problematic/clear"


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_superuser("tess")


@pytest.fixture
def admin(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def browser(user: User) -> Client:
    """Logged in, and checked for CSRF as browsers are."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    return client


def _problem(response: Any) -> tuple[int, str]:
    document = response.json()
    assert response["Content-Type"] == "application/problem+json"
    assert document["status"] == response.status_code
    assert [document[name] for name in ("title", "detail", "instance") if not document[name]] == []
    return response.status_code, document["type"]


def _order(client: Client, **headers: str) -> Any:
    return client.post(CLEAR, {"product_ids": []}, content_type="application/json", headers=headers)


# Getting in -----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_logging_in_as_the_documentation_says_opens_the_api() -> None:
    User.objects.create_superuser("tess", password="correct horse")
    client = Client(enforce_csrf_checks=True)
    client.get("/login/")
    form = {"username": "tess", "password": "correct horse", "csrfmiddlewaretoken": client.cookies["csrftoken"].value}
    assert client.post("/login/?next=/api/docs", form).status_code == 302
    assert client.get(EVENTS).json() == {"events": [], "next_cursor": None, "count": None}
    assert _order(client, **{"X-CSRFToken": client.cookies["csrftoken"].value}).status_code == 200


@pytest.mark.django_db
def test_without_a_session_the_answer_is_to_log_in(client: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    for response in (client.get(EVENTS), _order(client), strict.get(EVENTS), _order(strict)):
        assert _problem(response) == (401, "/problems/not-logged-in")
        assert response["WWW-Authenticate"] == 'Bearer realm="TestIO Desk"'


def test_a_user_who_was_switched_off_is_out(browser: Client, user: User) -> None:
    user.is_active = False
    user.save()
    assert _problem(browser.get(EVENTS)) == (401, "/problems/not-logged-in")


def test_a_change_without_the_csrf_token_is_refused(browser: Client) -> None:
    browser.get("/api/docs")
    for headers in ({}, {"X-CSRFToken": "x" * 64}):
        assert _problem(_order(browser, **headers)) == (403, "/problems/csrf")
    right = {"X-CSRFToken": browser.cookies["csrftoken"].value}
    assert _order(browser, **right).status_code == 200
    assert browser.get(EVENTS).status_code == 200


# Errors ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/api/", "/api/v1", "/api/v1/problematic/", "/api/v1/nothing", f"{EVENTS}/"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_address_that_is_not_there_is_a_problem_too(client: Client, method: str, address: str) -> None:
    response = client.generic(method, address)
    assert _problem(response) == (404, "/problems/not-found")
    assert response.json()["instance"] == address


@pytest.mark.parametrize(
    ("method", "address", "allowed"),
    [
        ("POST", EVENTS, "GET, HEAD"),
        ("GET", CLEAR, "POST"),
        ("PUT", "/api/docs", "GET, HEAD"),
        ("PATCH", CLEAR, "POST"),
    ],
)
def test_a_method_an_address_does_not_know_is_refused_and_the_right_one_is_named(
    client: Client, method: str, address: str, allowed: str
) -> None:
    response = client.generic(method, address)
    assert _problem(response) == (405, "/problems/method-not-allowed")
    assert response["Allow"] == allowed
    assert response.json()["detail"].endswith(f"Use {allowed}.")


@pytest.mark.parametrize("body", ["{", "", "\xff\xfe", "[" * 100_000])
def test_a_body_that_is_no_json_is_refused(admin: Client, body: str) -> None:
    response = admin.post(CLEAR, body.encode("latin-1"), content_type="application/json")
    assert _problem(response) == ((400, "/problems/malformed") if body else (422, "/problems/invalid"))


@pytest.mark.parametrize("boundary", ["", "; boundary=x"])
def test_a_form_is_no_json(browser: Client, boundary: str) -> None:
    browser.get("/api/docs")
    token = browser.cookies["csrftoken"].value
    form = f'--x\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n{token}\r\n--x--\r\n'
    response = browser.generic("POST", CLEAR, form, content_type=f"multipart/form-data{boundary}")
    assert _problem(response) == (400, "/problems/malformed")


def test_a_body_that_is_too_large_is_refused(admin: Client, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    response = admin.post(CLEAR, {"product_ids": [1, 2, 3]}, content_type="application/json")
    assert _problem(response) == (413, "/problems/too-large")


def test_everything_wrong_with_a_request_is_named_at_once(admin: Client) -> None:
    response = admin.get(f"{EVENTS}?limit=0&status=no")
    assert _problem(response) == (422, "/problems/invalid")
    assert response.json()["errors"] == [
        {"field": "limit", "reason": "Input should be greater than or equal to 1"},
        {"field": "status.0", "reason": "Input should be 'open', 'resolved' or 'cleared'"},
    ]
    assert response.json()["detail"] == (
        "Nothing was done. Correct this and try again: "
        "limit: Input should be greater than or equal to 1. (And 1 more: see errors.)"
    )


@pytest.mark.parametrize("debug", [True, False])
def test_an_error_nobody_foresaw_shows_nothing_of_the_inside(
    admin: Client, settings: Settings, caplog: pytest.LogCaptureFixture, debug: bool
) -> None:
    settings.DEBUG = debug
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE problematic_problematicevent RENAME COLUMN occurrences TO lost")
    response = admin.get(EVENTS)
    assert _problem(response) == (500, "/problems/internal")
    assert re.findall(r"occurrences|SELECT|Traceback|\.py|psycopg", response.content.decode()) == []
    assert "ProgrammingError" in caplog.text


BUSY = Busy(7, uuid4(), "here", 1, 42)


@pytest.mark.parametrize(
    ("error", "status", "kind", "members"),
    [
        (NoSuchId("There is none."), 404, "not-found", {}),
        (PermissionDenied("You may not."), 403, "forbidden", {}),
        (PermissionDenied(), 403, "forbidden", {}),
        (BadTestIds("x is none."), 422, "invalid", {"errors": [{"field": "test_ids", "reason": "x is none."}]}),
        (CustomerError("No such."), 404, "not-found", {"errors": [{"field": "customer", "reason": "No such."}]}),
        (TriageRefused("It is cleared."), 409, "not-open", {}),
        (AlreadyClaimed("It is taken."), 409, "already-claimed", {}),
        (SyncImpossible("There is no token."), 409, "impossible", {}),
        (SyncBusy([BUSY]), 409, "busy", {"retry_after": 42}),
        (LeaseLost("Somebody took over."), 409, "busy", {"retry_after": 1}),
        (TokenRefused("It expired."), 401, "token-refused", {}),
        (TooManyCalls("Too many.", 7), 429, "too-many-calls", {"retry_after": 7}),
        (for_status(500, "exploratory_tests/1"), 502, "testio", {}),
        (TestIOError("TestIO is away."), 502, "testio", {}),
        (OperationalError("SELECT secret"), 503, "unavailable", {"retry_after": 5}),
        (InterfaceError("SELECT secret"), 503, "unavailable", {"retry_after": 5}),
        (BadRequest("odd"), 400, "malformed", {}),
        (SuspiciousOperation("odd"), 400, "malformed", {}),
        (UnreadablePostError("odd"), 400, "malformed", {}),
        (RequestDataTooBig("big"), 413, "too-large", {}),
        (RuntimeError("SELECT secret"), 500, "internal", {}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_each_error_of_the_rooms_below_has_one_status_and_type(
    error: Exception, status: int, kind: str, members: dict[str, Any]
) -> None:
    response: HttpResponse = api.on_exception(RequestFactory().get(f"{EVENTS}?token=secret"), error)
    document = json.loads(response.content)
    assert (response.status_code, document.pop("type")) == (status, f"/problems/{kind}")
    assert (document.pop("status"), document.pop("instance")) == (status, EVENTS)
    assert document.pop("title")
    detail = document.pop("detail")
    assert "secret" not in detail
    if status not in (400, 413, 500, 503) and str(error):
        assert detail == str(error)
    assert document == members
    assert response.headers.get("Retry-After") == (str(members["retry_after"]) if "retry_after" in members else None)


# The document that describes it ---------------------------------------------------------------------------------------


@pytest.fixture
def described(client: Client) -> dict[str, Any]:
    document: dict[str, Any] = client.get("/api/openapi.json").json()
    return document


def _operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for address, methods in described["paths"].items():
        for method, operation in methods.items():
            yield address, method, operation


def _references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for each in node.values():
            yield from _references(each)
    elif isinstance(node, list):
        for each in node:
            yield from _references(each)


def test_the_api_describes_itself_and_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    assert (described["openapi"], described["info"]["title"]) == ("3.1.0", "TestIO Desk")
    known = {f"#/components/schemas/{name}" for name in described["components"]["schemas"]}
    assert set(_references(described)) - known == set()
    names = [operation["operationId"] for _, _, operation in _operations(described)]
    assert len(names) == len(set(names))
    assert "problematic_list_events" in names


def test_every_operation_documents_its_login_its_parameters_and_its_problems(described: dict[str, Any]) -> None:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for address, method, operation in _operations(described):
        assert operation["security"] == [{"BearerToken": []}, {"SessionLogin": []}]
        assert operation["description"]
        declared = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
        assert declared == set(re.findall(r"{(\w+)}", address))
        refusals = {status: each["content"] for status, each in operation["responses"].items() if status >= "400"}
        assert {"401", "403", "404", "422", "429", "500", "503"} <= set(refusals)
        assert set(operation["responses"]["429"]["headers"]) == {"Retry-After"}
        schemas = [
            {kind: {"schema": each["schema"]} for kind, each in content.items()} for content in refusals.values()
        ]
        assert [content for content in schemas if content != problem] == []
        assert ({"400", "413"} <= set(refusals)) == (method != "get")


def test_no_parameter_is_left_undescribed(described: dict[str, Any]) -> None:
    parameters = [each for _, _, operation in _operations(described) for each in operation["parameters"]]
    assert [each["name"] for each in parameters if not each.get("description")] == []


@pytest.mark.django_db
def test_the_page_with_the_documentation_is_made_of_our_own_files_only(client: Client) -> None:
    page = client.get("/api/docs").content.decode()
    files = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(files) == 5
    for file in files:
        assert file.startswith("/static/ninja/")
        answer = client.get(file)
        assert answer.status_code == 200
        answer.close()
    assert json.loads(re.findall(r'id="swagger-settings">(.*?)</script>', page, re.DOTALL)[0]) == {
        "layout": "BaseLayout",
        "deepLinking": True,
        "validatorUrl": None,
        "url": "/api/openapi.json",
    }
