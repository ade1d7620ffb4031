"""The page on which everybody changes their own password."""

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.contrib.auth.views import PasswordChangeView
from django.http import HttpRequest, HttpResponse
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from testio_site.entrance import guard
from testio_site.entrance.forms import PasswordForm
from testio_site.operating.audit import trail


@method_decorator(never_cache, name="dispatch")
class ChangePassword(PasswordChangeView):
    """Wrong old ones are counted as at the login: an open session is no way to guess it."""

    form_class = PasswordForm
    template_name = "entrance/password.html"
    success_url = reverse_lazy("reports:overview")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        username = self._username()
        if guard.is_locked_out(request, username):
            return guard.locked_out(request, None, {"username": username})
        return super().post(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{"title": "Change password", **kwargs})

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(self.request, "Your password is changed. Other sessions of yours are logged out.")
        trail.record(self.request, trail.Kind.ACCOUNT, "Changed their password.")
        return super().form_valid(form)

    def form_invalid(self, form: Any) -> HttpResponse:
        if "old_password" in form.errors and form.data.get("old_password"):
            guard.count_failure(self.request, self._username())
        return super().form_invalid(form)

    def _username(self) -> str:
        return cast("User", self.request.user).get_username()  # nobody else is let in
