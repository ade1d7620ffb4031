"""The page on which everybody sets up, renews and switches off their own second factor."""

from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from qrcode.main import QRCode

from testio_site.entrance import guard, second_factor
from testio_site.entrance.forms import CodeForm
from testio_site.operating.audit import trail

WRONG = "This is not the code of this moment. Wait for the next one, then type it in."


@never_cache
@login_required
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def second_factor_page(request: HttpRequest) -> HttpResponse:
    """What each button does needs a code of now, so a session left open cannot change anything here."""
    user = cast("User", request.user)  # nobody else is let in
    is_on = second_factor.is_on(user)
    if is_on and not second_factor.was_shown(request) and settings.DESK_REQUIRE_TWO_FACTOR:
        logout(request)  # a session from before it was set up
        return HttpResponseRedirect(reverse("login"))
    form = CodeForm(request.POST or None, help_text=_hint(is_on=is_on))
    if request.method == "POST" and form.is_valid():
        if guard.is_locked_out(request, user.username):
            return guard.locked_out(request, None, {"username": user.username})
        return _changed(request, user, form) if is_on else _confirmed(request, user, form)
    return _page(request, user, form, is_on=is_on)


def _confirmed(request: HttpRequest, user: User, form: CodeForm) -> HttpResponse:
    codes = second_factor.confirm(request, user, form.cleaned_data["code"])
    if codes is None:
        form.add_error("code", WRONG)
        return _page(request, user, form, is_on=False)
    trail.record(request, trail.Kind.ACCOUNT, "Switched on two-factor login.")
    return _page(request, user, CodeForm(help_text=_hint(is_on=True)), is_on=True, codes=codes)


def _changed(request: HttpRequest, user: User, form: CodeForm) -> HttpResponse:
    if second_factor.verify(user, form.cleaned_data["code"]) is None:
        guard.count_failure(request, user.username)
        form.add_error("code", WRONG)
        return _page(request, user, form, is_on=True)
    if "off" in request.POST:
        second_factor.switch_off(request, user)
        trail.record(request, trail.Kind.ACCOUNT, "Switched off two-factor login.")
        messages.success(request, "Two-factor login is switched off. Your password alone lets you in.")
        return HttpResponseRedirect(reverse("second-factor"))
    codes = second_factor.renew_recovery_codes(user)
    trail.record(request, trail.Kind.ACCOUNT, "Made new recovery codes.")
    return _page(request, user, CodeForm(help_text=_hint(is_on=True)), is_on=True, codes=codes)


def _hint(*, is_on: bool) -> str:
    return "A code of your app, or a recovery code." if is_on else "The six digits the app shows now."


def _page(
    request: HttpRequest, user: User, form: CodeForm, *, is_on: bool, codes: list[str] | None = None
) -> HttpResponse:
    context: dict[str, Any] = {
        "title": "Two-factor login",
        "form": form,
        "is_on": is_on,
        "is_required": settings.DESK_REQUIRE_TWO_FACTOR,
        "codes": codes,
        "codes_left": second_factor.recovery_codes_left(user) if is_on else 0,
    }
    if not is_on:
        secret = second_factor.begin(user)
        context |= {"secret": secret.text, "qr": _drawn(secret.url)}
    return render(request, "entrance/second_factor.html", context)


def _drawn(text: str) -> dict[str, object]:
    """A QR code as the size and the path of an SVG: one square for each dark module, four of them white around."""
    code = QRCode(border=4)
    code.add_data(text)
    code.make(fit=True)
    rows = code.get_matrix()
    squares = (f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark)
    return {"size": len(rows), "path": "".join(squares)}
