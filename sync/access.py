"""Whoever asks through the API, and whether they may."""

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest


class Request(HttpRequest):
    """A request that has come through the login of the API."""

    user: User


def require(request: Request, permission: str) -> None:
    """Raises ``PermissionDenied`` for a user without ``permission`` (``app.name``), which it names."""
    if not request.user.has_perm(permission):
        raise PermissionDenied(f"Your account lacks the permission {permission}. Ask an administrator for it.")
