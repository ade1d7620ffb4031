"""What a browser may do with our pages, said in the headers of every answer, errors and files included.

The policy is strict: what is not one of this site's own files is neither run nor applied, and nothing may frame us.
The admin's theme needs three things more, on its own pages only (``ADMIN``): Alpine evaluates what stands in the
attributes of its elements, and sets ``style`` attributes, as a few of the theme's parts do. Scripts and styles written
into a page stay forbidden there too.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest
from django.http.response import HttpResponseBase

TEMPLATES: Final = Path(__file__).resolve().parent.parent / "templates"
ADMIN_PATH: Final = "/admin/"

#: What the admin's theme needs beyond the policy of every other page.
ADMIN: Final[Mapping[str, Sequence[str]]] = {"script-src": (UNSAFE_EVAL,), "style-src-attr": (UNSAFE_INLINE,)}

HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(
        f"{feature}=()"
        for feature in (
            "accelerometer", "autoplay", "browsing-topics", "camera", "display-capture", "encrypted-media",
            "geolocation", "gyroscope", "magnetometer", "microphone", "midi", "payment", "usb", "xr-spatial-tracking",
        )
    ),
}  # fmt: skip


def directives(*, encrypted: bool) -> dict[str, object]:
    """The policy of every page. ``encrypted``: have the browser ask for what a page holds by https, too."""
    # Error pages hold their few lines of style themselves: a style sheet may be what cannot be served.
    errors = _hash((TEMPLATES / "error.css").read_bytes())
    return {
        "default-src": [SELF],
        "script-src": [SELF],
        "style-src": [SELF, errors],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "object-src": [NONE],
        "frame-src": [NONE],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "upgrade-insecure-requests": encrypted,
    }


class Headers(CSPMiddleware):
    """Adds them where a view has not set them itself."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if not report_only and request.path_info.startswith(ADMIN_PATH):
            parts.update = {**ADMIN, **(parts.update or {})}
        return parts

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return super().process_response(request, response)


def without_inline_colours(_: HttpRequest) -> dict[str, object]:
    """For the theme's pages (``UNFOLD["GLOBAL_CALLBACK"]``): they would write their colours into each page."""
    return {"colors": None}


def _hash(content: bytes) -> str:
    return f"'sha256-{b64encode(sha256(content).digest()).decode()}'"
