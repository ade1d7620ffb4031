"""What the pages over people's own reports have in common: one looks at one's own, or manages those of all."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from sync import access
from sync.access import Access
from sync.admin import display
from sync.admin.base import ReadOnlyAdmin


class OwnedAdmin(ReadOnlyAdmin):
    """Nobody adds or changes here: that is done on the pages, with one's own eyes. Whoever has the permission to delete
    such rows sees and deletes those of others too, as far as they see the customers these are about."""

    customer_path = None  # several: see ``of_visible_customers``

    def of_visible_customers(self, rows: Any, who: Access) -> QuerySet[Any]:
        raise NotImplementedError

    def of_owner(self, rows: Any, who: Access) -> QuerySet[Any]:
        raise NotImplementedError

    def visible(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        who = access.of_request(request)
        seen = self.of_visible_customers(rows, who)
        return seen if self.has_delete_permission(request) else self.of_owner(seen, who)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        user: Any = request.user
        return bool(user.has_perm(f"{self.opts.app_label}.delete_{self.opts.model_name}"))


def coloured(status: str) -> str:
    """The label of an outcome."""
    colours = {"succeeded": "success", "mailed": "success", "running": "info", "failed": "danger"}
    return display.label(status, colours.get(status, "warning")) if status else display.EMPTY
