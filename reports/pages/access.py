"""Who looks at a page, and whether they may: the one door of all pages."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from sync import access
from sync.access import Access, Request

P = ParamSpec("P")
View = Callable[Concatenate[Request, P], HttpResponseBase]


def of(request: HttpRequest) -> Access:
    """What the person behind this request may do and see; worked out once for each request."""
    return access.of_request(request)


def page(permission: str) -> Callable[[View[P]], Callable[Concatenate[HttpRequest, P], HttpResponseBase]]:
    """A page for people with ``permission`` (``app.name``), kept by no cache: it is read, and changes nothing.

    Others are sent to the login, or told what they lack (403).
    """
    return _door(permission, require_safe)


def action(permission: str) -> Callable[[View[P]], Callable[Concatenate[HttpRequest, P], HttpResponseBase]]:
    """What a form of a page does, for people with ``permission``: by POST only, with the form's own token (CSRF)."""
    return _door(permission, require_POST)


def _door(
    permission: str, methods: Callable[..., Any]
) -> Callable[[View[P]], Callable[Concatenate[HttpRequest, P], HttpResponseBase]]:
    def decorate(view: View[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
        @wraps(view)
        def entered(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            of(request)
            known = cast("Request", request)
            access.require(known, permission)
            return view(known, *args, **kwargs)

        guarded = never_cache(methods(login_required(entered)))
        return cast("Callable[Concatenate[HttpRequest, P], HttpResponseBase]", guarded)

    return decorate
