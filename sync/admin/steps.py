"""Things that can be done about a row that is otherwise only shown. Only POST does them; GET asks first."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse

from sync.admin.theme import ModelAdmin

if TYPE_CHECKING:
    Base = ModelAdmin
else:
    Base = object


class Steps(Base):
    """Mixed into an admin that has views of its own."""

    def url_name(self, name: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{name}"

    def address(self, name: str, *args: object) -> str:
        return reverse(f"admin:{self.url_name(name)}", args=args)

    def may(self, request: HttpRequest, permission: str) -> bool:
        """Whether this user sees these rows and has one of the model's own permissions."""
        return self.has_view_permission(request) and self._has(request, permission)

    def require(self, allowed: bool) -> None:
        if not allowed:
            raise PermissionDenied

    def log_steps(self, request: HttpRequest, rows: Collection[Model], sentence: str) -> None:
        """What was done with each of them, in the admin's log."""
        user: Any = request.user
        LogEntry.objects.log_actions(user.pk, rows, CHANGE, sentence)

    def ask(self, request: HttpRequest, title: str, *, sentence: str, yes: str, back: str) -> HttpResponse:
        """The page that asks before a step is taken; its form posts to the same address."""
        context = {"title": title, "sentence": sentence, "yes": yes, "back_url": back, "opts": self.opts}
        return TemplateResponse(
            request, "admin/sync/confirmation.html", {**self.admin_site.each_context(request), **context}
        )

    def _has(self, request: HttpRequest, permission: str) -> bool:
        user: Any = request.user
        return bool(user.has_perm(f"{self.opts.app_label}.{permission}"))
