"""What happens to those who guess passwords or codes. Counting is django-axes'; here is what it asks us."""

from collections.abc import Mapping
from datetime import timedelta
from math import ceil

from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.db.models import Max
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

#: How long it is kept who logged in when and from where.
LOGINS_KEPT = timedelta(days=365)

Credentials = Mapping[str, str]


def client_address(request: HttpRequest) -> str | None:
    """From where somebody asks; behind a proxy ``testio_site.proxy`` has put it there. None: nobody over a network."""
    address: str | None = request.META.get("REMOTE_ADDR")
    return address or None


def is_locked_out(request: HttpRequest, username: str) -> bool:
    return not AxesProxyHandler.is_allowed(request, {"username": username})


def count_failure(request: HttpRequest, username: str) -> None:
    """A wrong code counts as a wrong password does."""
    user_login_failed.send(sender=__name__, credentials={"username": username}, request=request)


def locked_out(request: HttpRequest, _: HttpResponse | None, credentials: Credentials | None) -> HttpResponse:
    """The page for those who guessed too often: 429, with the seconds until they may try again."""
    wait = _wait(request, (credentials or {}).get("username"))
    failures = f"After {settings.AXES_FAILURE_LIMIT} wrong passwords or codes, logging in with this name from this"
    advice = "or ask an administrator to delete its entry under Failed logins."
    return _too_many(request, wait, f"{failures} address is locked.", advice)


def too_many_from_here(request: HttpRequest, wait: int) -> HttpResponse:
    """The page for an address that tried too many names; ``wait``: seconds until another one is heard."""
    return _too_many(request, wait, "There were too many logins from this address.", "or log in from another one.")


def _too_many(request: HttpRequest, wait: int, reason: str, advice: str) -> HttpResponse:
    context = {"minutes": ceil(wait / 60), "reason": reason, "advice": advice}
    response = render(request, "429.html", context, status=429)
    response.headers["Retry-After"] = str(wait)
    return response


def forget_old_logins() -> None:
    AxesProxyHandler.reset_logs(age_days=LOGINS_KEPT.days)


def _wait(request: HttpRequest, username: str | None) -> int:
    """Seconds: attempts count until this long after the last of them."""
    attempts = AccessAttempt.objects.filter(username=username, ip_address=client_address(request))
    last = attempts.aggregate(last=Max("attempt_time"))["last"] or timezone.now()
    left = last + settings.AXES_COOLOFF_TIME - timezone.now()
    return max(1, ceil(left.total_seconds()))
