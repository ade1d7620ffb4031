"""The addresses that programs look for on every site: where to report a hole, what to crawl (nothing), the icon."""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.templatetags.static import static
from django.utils import timezone
from django.views.decorators.http import require_safe

#: RFC 9116 wants a day after which the file is not to be believed; it is made anew for everybody who asks.
VALID = timedelta(days=180)
PLAIN = "text/plain; charset=utf-8"


@require_safe
@login_not_required
def security_txt(request: HttpRequest) -> HttpResponse:
    """RFC 9116; 404 where the operator has named nobody to report to."""
    if settings.DESK_SECURITY_CONTACT is None:
        raise Http404
    lines = {
        "Contact": settings.DESK_SECURITY_CONTACT,
        "Expires": f"{timezone.now() + VALID:%Y-%m-%dT%H:%M:%SZ}",
        "Preferred-Languages": "en",
        "Canonical": request.build_absolute_uri(request.path),
    }
    return HttpResponse("".join(f"{name}: {value}\n" for name, value in lines.items()), content_type=PLAIN)


@require_safe
@login_not_required
def robots_txt(_: HttpRequest) -> HttpResponse:
    return HttpResponse("User-agent: *\nDisallow: /\n", content_type=PLAIN)


@require_safe
@login_not_required
def favicon(_: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect(static("desk/icon.svg"), headers={"Cache-Control": "max-age=86400"})
