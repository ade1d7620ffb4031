"""The two ways into the API: an API token, for programs, and the session of a person. A token goes first.

Each tells the rest of the request who asks (``request.user``) and what they may (``request.access``, see
``sync.access``), and counts the call (``testio_site.throttle``).
"""

from typing import cast

from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest
from ninja.errors import HttpError
from ninja.security import SessionAuth
from ninja.security.http import HttpAuthBase

from sync import access
from sync.access import Request
from testio_site import throttle, tokens
from testio_site.tokens import TokenRefused

REALM = "TestIO Desk"


class CsrfFailed(Exception):
    """A changing request of a session without the token that proves it was meant."""


class BearerToken(HttpAuthBase):
    """``Authorization: Bearer desk_…``. A browser sends none by itself, so nothing can be forged and there is no CSRF
    check. Whoever sends a token is answered for the token, whatever session the request has."""

    openapi_scheme = "bearer"

    def __call__(self, request: HttpRequest) -> User | None:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != self.openapi_scheme:
            return None
        try:
            token, allowed = tokens.verify(secret.strip())
        except TokenRefused:
            throttle.count_failure(request.META.get("REMOTE_ADDR", ""))
            raise
        throttle.admit(f"token {token.pk}")
        return _enter(request, allowed)


class SessionLogin(SessionAuth):
    """Django's session, with its CSRF check. Without a session nothing can be forged: the answer is to log in."""

    def __call__(self, request: HttpRequest) -> User | None:
        user: User | AnonymousUser = request.user
        if isinstance(user, AnonymousUser):
            return None
        try:
            super().__call__(request)
        except HttpError:
            raise CsrfFailed from None
        throttle.admit(f"user {user.pk}")
        return _enter(request, access.of_user(user))


def _enter(request: HttpRequest, allowed: access.Access) -> User:
    entered = cast("Request", request)
    entered.user, entered.access = allowed.user, allowed
    return allowed.user
