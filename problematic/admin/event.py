"""Events: what could not be read, found at a glance, and everything that can be done about one on its page."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.views.main import PAGE_VAR
from django.core.exceptions import PermissionDenied
from django.db.models import Count, JSONField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import JSONObject
from django.forms.widgets import Script
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from problematic import choice, jobs
from problematic.admin import looks, page, retrying, walking
from problematic.admin.addressing import Request
from problematic.admin.event_ids import EventIds
from problematic.admin.filters import EVERYTHING, AgeFilter, CustomerFilter, StateFilter
from problematic.admin.quick import NO_KEY, QuickChangeList, for_row
from problematic.admin.steps import REFUSALS
from problematic.admin.undoing import UndoViews
from problematic.choice import Choice
from problematic.models import EVENT_PREFIX, EventStatus, MappingState, ProblematicEvent, ProblematicMapping
from sync import access
from sync.admin import display
from sync.admin.base import ReadOnlyAdmin
from sync.admin.filters import RelatedFilter
from sync.admin.moving import MovingPage

TEMPLATES = "admin/problematic/problematicevent"


@admin.register(ProblematicEvent)
class ProblematicEventAdmin(MovingPage, UndoViews, ReadOnlyAdmin):
    customer_path = "product__customer"
    id_prefix = EVENT_PREFIX
    list_display = (
        "event", "status_shown", "product_shown", "place_shown", "tests", "seen", "first_seen", "last_seen",
    )  # fmt: skip
    list_select_related = ("product__customer",)
    list_only = (
        "product__name", "product__customer__name", "first_position", "last_position", "boundary_before_id",
        "boundary_after_id", "status", "occurrences", "first_seen_at", "last_seen_at",
    )  # fmt: skip
    list_filter = (StateFilter, ("product", RelatedFilter), CustomerFilter, AgeFilter)
    list_per_page = 25
    list_before_template = f"{TEMPLATES}/states.html"
    sortable_by = ("seen", "first_seen", "last_seen")
    ordering: ClassVar[tuple[str, ...]] = ("-last_seen_at",)
    search_numbers = ("pk",)
    search_help_text = "Event ids, or their beginnings; mapped test ids"
    change_form_outer_before_template = f"{TEMPLATES}/next_step.html"
    change_form_outer_after_template = f"{TEMPLATES}/triage.html"
    moving_template = f"{TEMPLATES}/progress.html"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("product", "positions"), ("before", "after"), ("first_seen_at", "last_seen_at"),
                    ("occurrences", "recovery_attempts"), ("last_seen_by", "event_id"),
                )
            },
        ),
    )  # fmt: skip
    end = ("How it ended", {"fields": ("resolution", "resolved_at")})

    class Media:
        css: ClassVar[dict[str, list[str]]] = {"all": ["problematic/triage.css"]}
        js: ClassVar[list[Script]] = [Script("problematic/keys.js", type="module")]

    # The list -----------------------------------------------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return _with_counts(super().get_queryset(request))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[QuickChangeList]:
        return QuickChangeList

    def action_checkbox(self, obj: ProblematicEvent) -> SafeString:
        return for_row(self._checkbox, obj)

    @cached_property
    def _checkbox(self) -> str:
        return super().action_checkbox(ProblematicEvent(pk=NO_KEY))

    @property
    def id_search(self) -> EventIds:
        return EventIds(self.id_prefix)

    def get_actions(self, request: HttpRequest) -> Any:
        return {name: self.get_action(name) for name, may in self._may_do(request).items() if may}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """As Django's, which passes over an action that is not allowed as if none had been chosen."""
        if self._may_do(request).get(request.POST.get("action", "")) is False:
            raise PermissionDenied
        shown = {"states": list(_state_links(request)), "undo_url": self.address("undo") + self.kept(request)}
        return super().changelist_view(request, {**(extra_context or {}), **shown})

    def _may_do(self, request: HttpRequest) -> dict[str, bool]:
        return {
            "retry_selected": self.has_retry_permission(request),
            "clear_selected": self.has_clear_permission(request),
        }

    @admin.action(description="Retry selected events")
    def retry_selected(self, request: Request, queryset: QuerySet[ProblematicEvent]) -> None:
        chosen = list(queryset.order_by().values_list("pk", "status"))
        is_open = [pk for pk, status in chosen if status == EventStatus.OPEN]
        if passed_over := len(chosen) - len(is_open):
            are = "is" if passed_over == 1 else "are"
            said = f"Passed over {looks.many(passed_over, 'event')} that {are} no longer open."
            self.message_user(request, said, messages.WARNING)
        try:
            job = jobs.start(_chosen([pk for pk, _ in chosen], is_open), by=request.user)
        except REFUSALS as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return
        for note in job.notes:
            self.message_user(request, note, messages.WARNING)
        watch = display.link(display.detail_url(type(job), job.pk), "Watch it.")
        self.message_user(request, format_html("{} {}", retrying.started(job), watch), messages.SUCCESS)

    @admin.action(description="Clear selected events…")
    def clear_selected(self, request: Request, queryset: QuerySet[ProblematicEvent]) -> HttpResponse:
        return self.ask(request, list(queryset.order_by().values_list("pk", flat=True)))

    # The page of one event ----------------------------------------------------------------------------------------

    def whole(self, request: HttpRequest, event: ProblematicEvent) -> dict[str, Any]:
        text, kept = request.GET.get("test_ids", ""), self.kept(request)
        whole = page.whole(event, self._allowed(request), text, kept)
        return {**whole, "place": walking.place(self, request, event)}

    def moving(self, request: HttpRequest, event: ProblematicEvent) -> dict[str, Any]:
        return {**page.moving(event, self._allowed(request), self.kept(request)), "is_fragment": True}

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        facts = super().get_fieldsets(request, obj)
        return facts if obj is None or obj.is_open else (*facts, self.end)

    def _allowed(self, request: HttpRequest) -> page.Allowed:
        return page.Allowed(
            access.of_request(request),
            self.has_map_permission(request),
            self.has_retry_permission(request),
            self.has_clear_permission(request),
        )

    @admin.display(description="Event")
    def event(self, event: ProblematicEvent) -> str:
        return event.public_id

    @admin.display(description="Product")
    def product_shown(self, event: ProblematicEvent) -> SafeString:
        name = display.title(event.product.name, "Untitled product")
        customer = event.product.customer
        return format_html('<div class="whose">{} ({}), {}</div>', name, event.product_id, customer)

    @admin.display(description="Positions")
    def positions(self, event: ProblematicEvent) -> str:
        return event.position_range

    @admin.display(description="Positions")
    def place_shown(self, event: ProblematicEvent) -> SafeString:
        before, after = event.boundary_before_id or "top", event.boundary_after_id or "end"
        return format_html(
            '<div>{}<br><span class="beside">{} and {}</span></div>', event.position_range, before, after
        )

    @admin.display(description="Tests")
    def tests(self, event: ProblematicEvent) -> SafeString:
        """``3 mapped, 1 stored, 1 failed``; with what the keyboard's script counts before something is done."""
        counts: dict[str, int] = getattr(event, "counts", None) or {}
        words = [f"{counts[word]:,}\xa0{word}" for word in ("mapped", "stored", "failed") if counts.get(word)]
        mapped = counts.get("mapped", 0)
        waiting = mapped - counts.get("stored", 0) if event.is_open else 0
        said = ", ".join(words) or "none\xa0mapped"
        return format_html('<span data-mapped="{}" data-waiting="{}">{}</span>', mapped, waiting, said)

    @admin.display(description="State")
    def status_shown(self, event: ProblematicEvent) -> str:
        return looks.event_status(event)

    @admin.display(description="Seen", ordering="occurrences")
    def seen(self, event: ProblematicEvent) -> str:
        return f"{event.occurrences:,}×"

    @admin.display(description="First seen", ordering="first_seen_at")
    def first_seen(self, event: ProblematicEvent) -> str:
        return looks.ago(event.first_seen_at)

    @admin.display(description="Last seen", ordering="last_seen_at")
    def last_seen(self, event: ProblematicEvent) -> str:
        return looks.ago(event.last_seen_at)

    @admin.display(description="Last seen by")
    def last_seen_by(self, event: ProblematicEvent) -> str:
        run = event.sync_event
        return display.link(display.detail_url(type(run), run.pk), run.public_id) if run else display.EMPTY

    @admin.display(description="Neighbour before")
    def before(self, event: ProblematicEvent) -> str:
        return looks.neighbour(
            event.product, event.boundary_before_id, event.boundary_before_end_at, "none: the top of the list"
        )

    @admin.display(description="Neighbour after")
    def after(self, event: ProblematicEvent) -> str:
        return looks.neighbour(
            event.product, event.boundary_after_id, event.boundary_after_end_at, "none: the end of the list"
        )


def _chosen(event_ids: Collection[UUID], is_open: Sequence[UUID]) -> Choice:
    """A job on one open event is that event's job: its page shows it, whatever else was chosen."""
    chosen = choice.of_events(ProblematicEvent.objects.filter(pk__in=event_ids))
    return replace(chosen, event=ProblematicEvent.objects.get(pk=is_open[0])) if len(is_open) == 1 else chosen


def _state_links(request: HttpRequest) -> Iterator[dict[str, Any]]:
    """The list in each state, with whatever else it is filtered by."""
    shown = request.GET.get("status") or EventStatus.OPEN
    for word in (*EventStatus.values, EVERYTHING):
        parameters = request.GET.copy()
        parameters["status"] = word
        parameters.pop(PAGE_VAR, None)
        yield {"word": word.capitalize(), "url": f"?{parameters.urlencode()}", "is_shown": word == shown}


def _with_counts(events: QuerySet[Any]) -> QuerySet[Any]:
    """With ``counts`` of mapped tests, read by the rows of a page only; null where nothing is mapped."""
    of_event = ProblematicMapping.objects.filter(event=OuterRef("pk")).order_by().values("event")
    counted = of_event.annotate(
        counts=JSONObject(
            mapped=Count("pk"),
            stored=Count("pk", filter=Q(state=MappingState.SUCCEEDED)),
            failed=Count("pk", filter=Q(state__in=(MappingState.FAILED, MappingState.DEAD))),
        )
    )
    annotated: QuerySet[Any] = events.annotate(counts=Subquery(counted.values("counts"), output_field=JSONField()))
    return annotated
