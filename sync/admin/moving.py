"""Pages with a part that moves: it is asked for again and again while something goes on."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from sync.admin.theme import ModelAdmin

if TYPE_CHECKING:
    Base = ModelAdmin
else:
    Base = object


class MovingPage(Base):
    """Mixed into an admin whose rows change while somebody looks at them."""

    moving_template: ClassVar[str]

    def whole(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What the page shows beside the row's own fields, its moving part included."""
        raise NotImplementedError

    def moving(self, request: HttpRequest, row: Any) -> dict[str, Any] | None:
        """What the moving part shows now; None when all is over and the page shall load itself anew."""
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        # Not wrapped like the others: a login page has no place inside a page that asks how things stand.
        name = f"{self.opts.app_label}_{self.opts.model_name}_progress"
        return [path("<str:object_id>/progress/", self.progress_view, name=name), *super().get_urls()]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        row = self.get_object(request, object_id or "")
        context = self.whole(request, row) if row else {}
        return super().changeform_view(request, object_id, form_url, {**(extra_context or {}), **context})

    def progress_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The moving part alone. A page that may not know, or has nothing to wait for, is told to load itself anew."""
        if not (self.admin_site.has_permission(request) and self.has_view_permission(request)):
            return _load_anew(403)
        row = self.get_object(request, object_id)
        if row is None:
            return _load_anew(404)
        context = self.moving(request, row)
        return _load_anew() if context is None else TemplateResponse(request, self.moving_template, context)


def _load_anew(status: int = 200) -> HttpResponse:
    return HttpResponse(status=status, headers={"HX-Refresh": "true"})
