"""Pages that are found by the id people have: the UUID, the public id, or an unambiguous beginning of either."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from sync.admin import pasted
from sync.admin.base import ReadOnlyAdmin
from sync.public_ids import NoSuchId, find

if TYPE_CHECKING:
    Base = ReadOnlyAdmin
else:
    Base = object


class Request(HttpRequest):
    """A request that has come through the login of the admin."""

    user: User


class ByPublicId(Base):
    """Mixed into a read-only admin whose model has a UUID key and a public id."""

    id_prefix: ClassVar[str]

    def address(self, page: str, *args: object) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}", args=args)

    def rows(self) -> QuerySet[Any]:
        """All of them, bare."""
        return QuerySet(self.model)

    def find(self, request: HttpRequest, text: str) -> Any:
        """Raises ``NoSuchId``, for what the user may not see too."""
        return find(self.visible(request, self.rows()), self.id_prefix, text)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return self._elsewhere(request, object_id, "change") or super().change_view(
            request, object_id, form_url, extra_context
        )

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return self._elsewhere(request, object_id, "history") or super().history_view(request, object_id, extra_context)

    @property
    def id_search(self) -> "pasted.Numbers | pasted.Keys":
        return pasted.Keys(self.id_prefix)

    def not_found(self, request: HttpRequest, error: NoSuchId) -> HttpResponse:
        self.message_user(request, str(error), messages.ERROR)
        return HttpResponseRedirect(self.address("changelist"))

    def require_view(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def _elsewhere(self, request: HttpRequest, object_id: str, page: str) -> HttpResponse | None:
        """Where the row of this id has its page, when that is not here."""
        self.require_view(request)
        try:
            row: Model = self.find(request, object_id)
        except NoSuchId as error:
            return self.not_found(request, error)
        if str(row.pk) == object_id:
            return None
        query = request.META.get("QUERY_STRING", "")
        return HttpResponseRedirect(self.address(page, row.pk) + (f"?{query}" if query else ""))
