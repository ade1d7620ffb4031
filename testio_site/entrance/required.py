"""With ``DESK_REQUIRE_TWO_FACTOR``: whoever is logged in by a password alone gets no further than setting up a code."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse

from testio_site import problems
from testio_site.entrance import second_factor

API_PATH = "/api/"


class SecondFactorRequired:
    """After the session's middleware. An API token is a factor of its own, so calls with one are let through."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.user.is_authenticated or second_factor.was_shown(request) or _is_open(request):
            return self._get_response(request)
        if request.path_info.startswith(API_PATH):
            detail = f"This site asks for a second factor. Set one up at {reverse('second-factor')}, then log in."
            return problems.problem(request, problems.FORBIDDEN, detail)
        return HttpResponseRedirect(reverse("second-factor"))


def _is_open(request: HttpRequest) -> bool:
    """What needs no login, and what leads to a second factor or out."""
    path = request.path_info
    if path.startswith(API_PATH):
        return request.headers.get("Authorization", "").lower().startswith("bearer ")
    names = ("login", "login-code", "logout", "second-factor", "admin:login", "admin:logout")
    if path in map(reverse, names):
        return True
    return path.startswith("/.well-known/") or path in {"/health", "/ready", "/robots.txt", "/favicon.ico"}
