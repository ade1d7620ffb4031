"""What every answer says to browsers, and the site as it is served in production."""

import os
import re
import subprocess
import sys
from base64 import b64encode
from hashlib import sha256
from http.client import HTTPConnection, HTTPResponse

import pytest
from django.http import HttpResponse
from django.test import Client, RequestFactory
from pytest_django import Settings

from testio_site import policy
from testio_site.environment import BASE_DIR
from testio_site.proxy import ClientAddress
from tests.site import served

STRICT = {
    "default-src": "'self'", "script-src": "'self'", "img-src": "'self' data:", "font-src": "'self'",
    "connect-src": "'self'", "object-src": "'none'", "frame-src": "'none'", "frame-ancestors": "'none'",
    "base-uri": "'none'", "form-action": "'self'",
}  # fmt: skip
PRODUCTION = {
    "DJANGO_ALLOWED_HOSTS": "127.0.0.1,desk.example.com", "DESK_PLAIN_HTTP": "", "DESK_BEHIND_PROXY": "true",
    "TESTIO_ALLOW_PRIVATE_ADDRESSES": "", "DESK_SECURITY_CONTACT": "mailto:security@desk.example.com",
}  # fmt: skip
ADDRESSES = ("/admin/login/", "/nothing-here/", "/api/docs", "/api/v1/products", "/health", "/robots.txt")


def policy_of(header: str) -> dict[str, str]:
    pairs = (each.strip().partition(" ") for each in header.split(";"))
    return {name: value for name, _, value in pairs if name}


def checked(*, level: str = "INFO", **variables: str) -> tuple[int, str]:
    """`manage.py check --deploy` as a process: its exit code, and what it said."""
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", level],
        cwd=BASE_DIR, env=os.environ | PRODUCTION | variables, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_djangos_deployment_check_finds_nothing_in_production() -> None:
    assert checked() == (0, "System check identified no issues (1 silenced).\n")


def test_a_site_without_anybody_to_tell_of_a_hole_in_it_is_told_so() -> None:
    code, said = checked(level="WARNING", DESK_SECURITY_CONTACT="")
    assert (code, re.findall(r"\((\w+\.\w+)\)", said)) == (0, ["desk.I002"])


def test_plain_http_for_others_is_possible_and_said_loudly() -> None:
    code, said = checked(level="WARNING", DESK_PLAIN_HTTP="true")
    assert (code, re.findall(r"\((\w+\.\w+)\)", said)) == (1, ["desk.W001"])
    assert "passwords, sessions and API tokens cross the network for everybody on it to read" in said


@pytest.mark.parametrize(
    ("name", "value"),
    [("DJANGO_SECRET_KEY", "changeme"), ("DJANGO_SECRET_KEY", "secret" * 10), ("DJANGO_DEBUG", "true")],
)
def test_production_does_not_start_with_what_is_weak(name: str, value: str) -> None:
    code, said = checked(**{name: value})
    assert (code, f"  {name} must be " in said, value in said.replace("true", "")) == (1, True, False)


@pytest.mark.django_db
@pytest.mark.parametrize("address", ADDRESSES)
def test_every_answer_has_the_headers(client: Client, address: str) -> None:
    headers = client.get(address).headers
    assert {name: headers.get(name) for name in policy.HEADERS} == policy.HEADERS
    found = policy_of(headers["Content-Security-Policy"])
    styles, style_attributes = found.pop("style-src"), found.pop("style-src-attr", None)
    is_admin = address.startswith("/admin/")
    assert found == STRICT | ({"script-src": "'self' 'unsafe-eval'"} if is_admin else {})
    assert style_attributes == ("'unsafe-inline'" if is_admin else None)
    assert re.fullmatch(r"'self' 'sha256-[\w+/=]+'", styles)


def test_errors_that_meet_no_view_have_the_headers_too(client: Client) -> None:
    odd = client.get("/", headers={"host": "somebody.else"})
    assert (odd.status_code, odd.headers["X-Frame-Options"]) == (400, "DENY")
    assert "frame-ancestors 'none'" in odd.headers["Content-Security-Policy"]


def test_the_style_of_an_error_page_is_the_one_the_policy_knows(client: Client) -> None:
    response = client.get("/nothing-here/")
    found = re.search(rb"<style>(.*?)</style>", response.content, re.DOTALL)
    assert found is not None
    digest = b64encode(sha256(found[1]).digest()).decode()
    assert f"'sha256-{digest}'" in response.headers["Content-Security-Policy"]


def test_behind_a_proxy_the_address_is_the_one_the_proxy_saw() -> None:
    middleware = ClientAddress(lambda request: HttpResponse(request.META["REMOTE_ADDR"]))
    asked = [
        RequestFactory().get("/", REMOTE_ADDR="10.0.0.1", headers={"x-forwarded-for": said})
        for said in ("6.6.6.6, 203.0.113.9", "203.0.113.9", "nonsense", "")
    ]
    seen = [response.content for response in map(middleware, asked) if isinstance(response, HttpResponse)]
    assert seen == [b"203.0.113.9", b"203.0.113.9", b"10.0.0.1", b"10.0.0.1"]


def _ask(port: int, path: str, **headers: str) -> HTTPResponse:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


def test_production_is_served_by_https_only_with_strict_cookies(database_url: str) -> None:
    with served(database_url, PRODUCTION) as site:
        plain = _ask(site.port, "/admin/login/?next=/", Host="desk.example.com")
        assert (plain.status, plain.getheader("Location")) == (301, "https://desk.example.com/admin/login/?next=/")
        page = _ask(
            site.port, "/admin/login/", Host="desk.example.com", X_Forwarded_Proto="https", Accept_Encoding="gzip"
        )
        assert (page.status, page.getheader("Content-Encoding")) == (200, "gzip")
        assert page.getheader("Strict-Transport-Security") == "max-age=31536000; includeSubDomains"
        assert "upgrade-insecure-requests" in str(page.getheader("Content-Security-Policy"))
        cookie = str(page.getheader("Set-Cookie"))
        assert ("; Secure" in cookie, "; SameSite=Lax" in cookie) == (True, True)
        foreign = _ask(site.port, "/", Host="evil.example.com", X_Forwarded_Proto="https")
        assert (foreign.status, foreign.getheader("X-Content-Type-Options")) == (400, "nosniff")
        assert _ask(site.port, "/health").status == 200  # a probe comes without TLS
        assert "DESK_PLAIN_HTTP" not in site.log.read_text()


@pytest.mark.parametrize(("contact", "status"), [(None, 404), ("mailto:security@example.com", 200)])
def test_security_txt_says_where_to_report(
    client: Client, settings: Settings, contact: str | None, status: int
) -> None:
    settings.DESK_SECURITY_CONTACT = contact
    response = client.get("/.well-known/security.txt")
    assert response.status_code == status
    if contact:
        lines = dict(line.split(": ", 1) for line in response.content.decode().splitlines())
        assert (lines["Contact"], lines["Canonical"]) == (contact, "http://testserver/.well-known/security.txt")
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", lines["Expires"])


@pytest.mark.django_db
def test_crawlers_are_sent_away_and_the_icon_is_there(client: Client) -> None:
    assert client.get("/robots.txt").content == b"User-agent: *\nDisallow: /\n"
    icon = client.get("/favicon.ico")
    assert (icon.status_code, icon.headers["Location"]) == (302, "/static/desk/icon.svg")
    file = client.get(icon.headers["Location"])
    file.close()
    assert file.headers["Content-Type"] == "image/svg+xml"
