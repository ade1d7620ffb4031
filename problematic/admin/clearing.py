"""Putting events away: first a page that says exactly what will go, then exactly that, or the page again."""

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Self
from uuid import UUID, uuid4

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from problematic import audit, claims, clearing
from problematic.admin import looks, tables
from problematic.admin.addressing import Request
from problematic.admin.steps import REFUSALS, StepViews
from problematic.clearing import Scope
from problematic.forms import ClearForm
from problematic.models import EventStatus, MappingState, ProblematicEvent, ProblematicMapping
from sync.public_ids import NoSuchId

#: What is cleared in one go; a selection over all pages reaches no further.
MOST = 10_000

_EVENTS_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Selection:
    """What would go: events, and the test ids mapped to each. What is being retried right now stays."""

    events: list[ProblematicEvent]
    test_ids: dict[UUID, list[int]]
    left_out: list[ProblematicEvent]

    @classmethod
    def of(cls, event_ids: Collection[UUID]) -> Self:
        rows = Scope.of(event_ids).events().select_related("product").defer("product__raw", "product__search")
        found = list(rows.order_by("product_id", "first_position", "pk"))
        mappings = ProblematicMapping.objects.filter(event__in=found).order_by("test_id")
        running = set(mappings.filter(state=MappingState.RUNNING).values_list("event_id", flat=True))
        events = [event for event in found if event.pk not in running]
        test_ids: dict[UUID, list[int]] = {event.pk: [] for event in events}
        for event_id, test_id in mappings.values_list("event_id", "test_id"):
            if event_id in test_ids:
                test_ids[event_id].append(test_id)
        return cls(events, test_ids, [event for event in found if event.pk in running])

    @property
    def mapped(self) -> int:
        return sum(map(len, self.test_ids.values()))

    @property
    def fingerprint(self) -> str:
        """Changes with everything the confirmation promised."""
        return sha256(repr(sorted(self.test_ids.items())).encode()).hexdigest()

    @property
    def staying(self) -> str:
        """What was chosen and stays; nothing when all of it goes."""
        names = ", ".join(map(str, self.left_out))
        return f"Left out, because tests of it are being retried right now: {names}." if names else ""

    @property
    def described(self) -> str:
        return f"{looks.many(len(self.events), 'event')} and {looks.many(self.mapped, 'mapped test id')}"


class ClearViews(StepViews):
    def get_urls(self) -> list[URLPattern]:
        site = self.admin_site
        return [
            path("clear/", site.admin_view(self.clear_view), name=self.url_name("clear")),
            path("<str:object_id>/clear/", site.admin_view(self.ask_view), name=self.url_name("ask_clear")),
            *super().get_urls(),
        ]

    def ask_view(self, request: Request, object_id: str) -> HttpResponse:
        """The confirmation for one event."""
        self._require_clear(request)
        try:
            event: ProblematicEvent = self.find(request, object_id)
        except NoSuchId as error:
            return self.not_found(request, error)
        return self.ask(request, [event.pk])

    def clear_view(self, request: Request) -> HttpResponse:
        """Clears what its confirmation page named."""
        self._require_clear(request)
        if request.method != "POST":
            return HttpResponseRedirect(self.list_address(request))
        form = ClearForm(request.POST)
        if not form.is_valid():
            return self._refuse(request, "Choose the events to clear in the list.")
        claims.release_abandoned()
        chosen = self.visible(request, ProblematicEvent.objects.filter(pk__in=form.cleaned_data["events"]))
        selection = Selection.of(list(chosen.order_by().values_list("pk", flat=True)))
        if selection.events and selection.fingerprint != form.cleaned_data["fingerprint"]:
            said = "Nothing was cleared: what would go has changed meanwhile. Look at it again."
            self.message_user(request, said, messages.WARNING)
        elif selection.events and self._cleared(request, selection):
            return HttpResponseRedirect(self.list_address(request))
        return self.ask(request, [event.pk for event in selection.events])

    def ask(self, request: Request, event_ids: Collection[UUID]) -> HttpResponse:
        """The page that says what will go; back to the list when nothing would."""
        if len(event_ids) > MOST:
            return self._refuse(request, f"At most {MOST:,} events can be cleared at a time. Narrow the list down.")
        claims.release_abandoned()
        selection = Selection.of(event_ids)
        if not selection.events:
            said = f" now. {selection.staying}" if selection.staying else ": what you chose was cleared before."
            return self._refuse(request, f"Nothing to clear{said}")
        return TemplateResponse(
            request,
            "admin/problematic/problematicevent/clear_confirmation.html",
            {**self.admin_site.each_context(request), **self._confirmation(request, selection)},
        )

    def _confirmation(self, request: Request, selection: Selection) -> dict[str, Any]:
        shown = selection.events[:_EVENTS_SHOWN]
        ids = " ".join(str(event.pk) for event in selection.events)
        one = len(selection.events) == 1
        return {
            "title": "Clear problematic events",
            "opts": self.opts,
            "media": self.media,
            "selection": selection,
            "still_open": sum(event.status == EventStatus.OPEN for event in selection.events),
            "table": tables.events(shown, selection.test_ids),
            "more": len(selection.events) - len(shown),
            "form": ClearForm(initial={"events": ids, "fingerprint": selection.fingerprint}),
            "clear_url": self.address("clear") + self.kept(request),
            "back_url": self._page(request, selection.events[0]) if one else self.list_address(request),
        }

    def _page(self, request: Request, event: ProblematicEvent) -> str:
        return self.address("change", event.pk) + self.kept(request)

    def _cleared(self, request: Request, selection: Selection) -> bool:
        scope, step = Scope.of([event.pk for event in selection.events]), uuid4()
        try:
            result = clearing.clear(scope, by=request.user, agreed=selection.test_ids, step=step)
        except REFUSALS as refusal:
            self.message_user(request, f"Nothing was cleared. {refusal}", messages.ERROR)
            return False
        audit.cleared(request.user, scope, result)
        self.message_user(request, looks.with_undo(audit.summary(result), step), messages.SUCCESS)
        if staying := " ".join(filter(None, (selection.staying, result.remark))):
            self.message_user(request, staying, messages.WARNING)
        return True

    def _require_clear(self, request: Request) -> None:
        if not self.has_clear_permission(request):
            raise PermissionDenied

    def _refuse(self, request: Request, sentence: str) -> HttpResponse:
        self.message_user(request, sentence, messages.WARNING)
        return HttpResponseRedirect(self.list_address(request))
