"""Taking back what was just done, by the button of its message or of the event's history."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path

from problematic import audit, undo
from problematic.admin import looks
from problematic.admin.addressing import Request
from problematic.admin.clearing import ClearViews
from problematic.admin.steps import REFUSALS
from problematic.models import ProblematicEvent
from problematic.undo import Action
from sync.pipeline import SyncBusy

_SHOWN = 5


class UndoViews(ClearViews):
    def get_urls(self) -> list[URLPattern]:
        undo_view = self.admin_site.admin_view(self.undo_view)
        return [path("undo/", undo_view, name=self.url_name("undo")), *super().get_urls()]

    def undo_view(self, request: Request) -> HttpResponse:
        """POST takes the named step back, as far as it was about events that the user sees."""
        self.require_view(request)
        back = self.list_address(request)
        if request.method != "POST":
            return HttpResponseRedirect(back)
        if (step := _uuid(request.POST.get("step", ""))) is None:
            self.message_user(request, "Nothing was undone: no step was named.", messages.WARNING)
            return HttpResponseRedirect(back)
        self._undo(request, step)
        return HttpResponseRedirect(self._event_page(request) or back)

    def _undo(self, request: Request, step: UUID) -> None:
        seen = self.visible(request, ProblematicEvent.objects.all())
        if not self._may_undo(request, undo.actions_of(step, seen)):
            raise PermissionDenied
        try:
            result = undo.undo(step, request.user, seen)
        except SyncBusy as busy:
            self.message_user(request, looks.with_undo(f"Nothing was undone. {busy}", step), messages.ERROR)
            return
        except REFUSALS as refusal:
            self.message_user(request, f"Nothing was undone. {refusal}", messages.ERROR)
            return
        audit.undone(request.user, result)
        self.message_user(request, audit.undo_summary(result), messages.SUCCESS)
        if result.left_out:
            self.message_user(request, f"Not undone: {_first(result.left_out)}", messages.WARNING)

    def _may_undo(self, request: Request, actions: set[Action]) -> bool:
        """Whoever may do a thing may take it back; a step that nobody knows is refused with a sentence."""
        is_clear = Action.CLEARED in actions
        return self.has_clear_permission(request) if is_clear else self.has_map_permission(request)

    def _event_page(self, request: Request) -> str | None:
        """For whoever pressed the button there."""
        if (event := _uuid(request.POST.get("event", ""))) is None:
            return None
        rows = self.visible(request, ProblematicEvent.objects.filter(pk=event))
        return self.address("change", event) + self.kept(request) if rows.exists() else None


def _first(reasons: list[str]) -> str:
    more = len(reasons) - _SHOWN
    return " ".join([*reasons[:_SHOWN], *([f"And {more:,} more events."] if more > 0 else [])])


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
