"""Who asks, when the site stands behind a proxy that says so (``DESK_BEHIND_PROXY``)."""

from collections.abc import Callable
from ipaddress import ip_address

from django.http import HttpRequest
from django.http.response import HttpResponseBase


class ClientAddress:
    """Puts the address that the proxy was asked from into ``REMOTE_ADDR``, where everything else looks for it.

    It is the last one in ``X-Forwarded-For``: the proxy wrote it, while those before it may be a client's invention.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        said = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        if _is_address(said):
            request.META["REMOTE_ADDR"] = said
        return self._get_response(request)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
