"""The steps an operator takes on an event's page: map, unmap, retry. Each is one call of the core and one message.

Only POST changes anything; whoever comes by GET (back from a login, say) is led to the page.
"""

from collections.abc import Callable
from typing import ClassVar
from urllib.parse import urlencode
from uuid import uuid4

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import URLPattern, path

from problematic import audit, choice, claims, jobs, triage
from problematic.admin import looks, retrying
from problematic.admin.addressing import ByPublicId, Request
from problematic.forms import TestIdsForm
from problematic.models import ProblematicEvent
from problematic.triage import AlreadyClaimed, Mapped, TriageRefused
from sync.leases import LeaseLost
from sync.pipeline import SyncBusy, SyncImpossible
from sync.public_ids import NoSuchId

#: What the core says instead of doing something; its sentence is shown.
REFUSALS = (TriageRefused, AlreadyClaimed, SyncBusy, SyncImpossible, LeaseLost)

#: Text that was refused comes back into its field, unless it is too long for an address.
_LONGEST_TEXT = 2_000

#: What Django's admin calls the filters of the list somebody came from.
FILTERS = "_changelist_filters"

Step = Callable[[Request, ProblematicEvent], str]


class StepViews(ByPublicId):
    steps: ClassVar[tuple[str, ...]] = ("map", "unmap", "retry")

    def get_urls(self) -> list[URLPattern]:
        views = [self.map_view, self.unmap_view, self.retry_view]
        return [
            *(
                path(f"<str:object_id>/{name}/", self.admin_site.admin_view(view), name=self.url_name(name))
                for name, view in zip(self.steps, views, strict=True)
            ),
            *super().get_urls(),
        ]

    def url_name(self, name: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{name}"

    def has_map_permission(self, request: HttpRequest) -> bool:
        return self._may(request, "map_tests")

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return self._may(request, "retry_tests")

    def has_clear_permission(self, request: HttpRequest) -> bool:
        return self._may(request, "clear_events")

    def map_view(self, request: Request, object_id: str) -> HttpResponse:
        return self._take(request, object_id, self._map, allowed=self.has_map_permission(request))

    def unmap_view(self, request: Request, object_id: str) -> HttpResponse:
        return self._take(request, object_id, self._unmap, allowed=self.has_map_permission(request))

    def retry_view(self, request: Request, object_id: str) -> HttpResponse:
        return self._take(request, object_id, self._retry, allowed=self.has_retry_permission(request))

    def _may(self, request: HttpRequest, permission: str) -> bool:
        return self.has_view_permission(request) and request.user.has_perm(f"problematic.{permission}")

    def _take(self, request: Request, object_id: str, step: Step, *, allowed: bool) -> HttpResponse:
        if not allowed:
            raise PermissionDenied
        try:
            event: ProblematicEvent = self.find(request, object_id)
        except NoSuchId as error:
            return self.not_found(request, error)
        page = self.address("change", event.pk)
        if request.method != "POST":
            return HttpResponseRedirect(page + self.kept(request))
        try:
            self.message_user(request, step(request, event), messages.SUCCESS)
        except REFUSALS as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return HttpResponseRedirect(page + self.kept(request, **_refused_text(request)))
        return HttpResponseRedirect(page + self.kept(request))

    def kept(self, request: HttpRequest, **more: str) -> str:
        """The query string that keeps the list somebody came from, as Django's own links in the admin do."""
        filters = self.list_filters(request)
        parameters = {**more, **({FILTERS: filters} if filters else {})}
        return f"?{urlencode(parameters)}" if parameters else ""

    def list_filters(self, request: HttpRequest) -> str:
        """How the list is filtered that somebody looks at, or came from."""
        kept = QueryDict(self.get_preserved_filters(request)).get(FILTERS, "")
        return QueryDict(kept).urlencode()

    def list_address(self, request: HttpRequest) -> str:
        """The list somebody came from."""
        filters = self.list_filters(request)
        return self.address("changelist") + (f"?{filters}" if filters else "")

    def _map(self, request: Request, event: ProblematicEvent) -> str:
        test_ids, step = _posted_ids(request), uuid4()
        with transaction.atomic():
            result = triage.map_tests(event, test_ids, by=request.user, step=step)
            audit.mapped(request.user, event, result)
        return looks.with_undo(_said(result), step) if result.added or result.revived else _said(result)

    def _unmap(self, request: Request, event: ProblematicEvent) -> str:
        test_ids, step = _posted_ids(request), uuid4()
        claims.release_abandoned()
        with transaction.atomic():
            removed = triage.unmap(event, test_ids, by=request.user, step=step)
            audit.unmapped(request.user, event, removed)
        if not removed:
            return "It was not mapped any more."
        return looks.with_undo(f"Unmapped {looks.some_ids(removed)}.", step)

    def _retry(self, request: Request, event: ProblematicEvent) -> str:
        return retrying.started(jobs.start(choice.of_event(event), by=request.user))


def _posted_ids(request: Request) -> list[int]:
    """Those of the field or of one row's button; otherwise those of the rows that were ticked."""
    text = request.POST.get("test_ids")
    if text is None and not (text := " ".join(request.POST.getlist("ticked"))):
        raise TriageRefused("Tick at least one test.")
    form = TestIdsForm({"test_ids": text})
    if not form.is_valid():
        raise TriageRefused(form.complaint)
    test_ids: list[int] = form.cleaned_data["test_ids"]
    return test_ids


def _refused_text(request: Request) -> dict[str, str]:
    """What brings refused text back into its field."""
    text = request.POST.get("test_ids", "")
    return {"test_ids": text} if 0 < len(text) <= _LONGEST_TEXT else {}


def _said(result: Mapped) -> str:
    parts = {"Mapped": result.added, "Queued again": result.revived, "Mapped before": result.unchanged}
    return " ".join(f"{words}: {looks.some_ids(test_ids)}." for words, test_ids in parts.items() if test_ids)
