"""The login of the site, for everybody: a name and a password, and then, for those who have set it up, a code.

Between the two steps the session only remembers who gave the right password, for PATIENCE seconds; it opens nothing.
"""

import time
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import login
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView, RedirectURLMixin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView
from django_otp import login as remember_device

from testio_site import throttle
from testio_site.entrance import guard, second_factor
from testio_site.entrance.forms import CodeForm, LoginForm
from testio_site.throttle import TooManyCalls

if TYPE_CHECKING:  # generic to mypy only
    CodeView = FormView[CodeForm]
else:
    CodeView = FormView

#: Seconds between the password and the code.
PATIENCE = 300
_HALFWAY = "password_given"


class Enter(LoginView):
    """Name and password, of staff and of everybody else.

    It stands at ``/login/`` and, where the admin sends people, at the admin's own address.
    """

    authentication_form = LoginForm
    template_name = "entrance/login.html"
    for_admin = False

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        # Whoever the admin sends here although they are logged in would be sent back and forth.
        may_go_on = admin.site.has_permission(request) if self.for_admin else request.user.is_authenticated
        return HttpResponseRedirect(self.get_success_url()) if may_go_on else super().get(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            throttle.admit_login(guard.client_address(request) or "")
        except TooManyCalls as error:
            return guard.too_many_from_here(request, error.retry_after)
        return super().post(request, *args, **kwargs)

    def get_default_redirect_url(self) -> str:
        return _front(cast("User", self.request.user), for_admin=self.for_admin)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(title="Log in", **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user = form.get_user()
        if not second_factor.is_on(user):
            guard.forget_old_logins()
            return super().form_valid(form)
        self.request.session[_HALFWAY] = {
            "user": user.pk, "backend": user.backend, "at": int(time.time()), "proof": user.get_session_auth_hash(),
        }  # fmt: skip
        wanted = self.get_redirect_url() or _front(user, for_admin=self.for_admin)
        return HttpResponseRedirect(f"{reverse('login-code')}?{urlencode({self.redirect_field_name: wanted})}")


@method_decorator([sensitive_post_parameters(), csrf_protect, never_cache], name="dispatch")
class EnterCode(RedirectURLMixin, CodeView):
    """The code. Wrong ones are counted as wrong passwords are."""

    form_class = CodeForm
    template_name = "entrance/code.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        found = _halfway(request)
        if found is None:
            request.session.pop(_HALFWAY, None)
            return HttpResponseRedirect(reverse("login"))
        self.halfway, self.backend = found
        return super().dispatch(request, *args, **kwargs)

    def get_default_redirect_url(self) -> str:
        return resolve_url(settings.LOGIN_REDIRECT_URL)

    def get_form_kwargs(self) -> dict[str, Any]:
        hint = "Six digits from your app. Without it, one of your recovery codes."
        return {**super().get_form_kwargs(), "help_text": hint}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        wanted = {self.redirect_field_name: self.get_redirect_url()}
        return super().get_context_data(title="Your code", **wanted, **kwargs)

    def form_valid(self, form: CodeForm) -> HttpResponse:
        user, request = self.halfway, self.request
        if guard.is_locked_out(request, user.username):
            return guard.locked_out(request, None, {"username": user.username})
        device = second_factor.verify(user, form.cleaned_data["code"])
        if device is None:
            guard.count_failure(request, user.username)
            form.add_error("code", "This is not the code of this moment. Wait for the next one, then type it in.")
            return self.form_invalid(form)
        del request.session[_HALFWAY]
        guard.forget_old_logins()
        login(request, user, backend=self.backend)
        remember_device(request, device)
        self._tell_what_is_left(user)
        return HttpResponseRedirect(self.get_success_url())

    def _tell_what_is_left(self, user: User) -> None:
        left = second_factor.recovery_codes_left(user)
        if left < 3:
            advice = f"Only {left} of your recovery codes are left. Make new ones under Two-factor login."
            messages.warning(self.request, advice)


def _halfway(request: HttpRequest) -> tuple[User, str] | None:
    """Who gave the right password in this session a moment ago, and has not changed it since."""
    given = request.session.get(_HALFWAY)
    if given is None or time.time() - given["at"] > PATIENCE:
        return None
    user = User.objects.filter(pk=given["user"], is_active=True).first()
    if user is None or user.get_session_auth_hash() != given["proof"]:
        return None
    return user, given["backend"]


def _front(user: User, *, for_admin: bool) -> str:
    """Where somebody goes who wanted nothing in particular."""
    return resolve_url("admin:index" if for_admin and user.is_staff else settings.LOGIN_REDIRECT_URL)
