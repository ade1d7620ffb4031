"""Kept filters: made above the lists they filter, renamed, shared and deleted here. Everybody has their own."""

from itertools import chain
from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from sync.access import Request
from sync.admin import display
from sync.admin.steps import Steps
from sync.admin.theme import ModelAdmin, ModelForm
from testio_site import saved_filters
from testio_site.admin.looking import OnlyOfferedLookups
from testio_site.models import SavedFilter

#: More than these make no bar above a list that anybody reads.
MOST = 50


class SaveForm(ModelForm):
    """Names a filter. The owner and the list are given; the name is looked for among theirs."""

    class Meta:
        model = SavedFilter
        fields = ("name", "is_shared")

    def clean(self) -> dict[str, Any]:
        self.instance.name = self.cleaned_data.get("name", "")
        self.instance.validate_constraints()
        return self.cleaned_data


@admin.register(SavedFilter)
class SavedFilterAdmin(OnlyOfferedLookups, Steps, ModelAdmin):
    form = SaveForm
    list_display = ("name", "list", "is_shared", "open")
    list_display_links = ("name",)
    sortable_by = ()
    list_per_page = 100
    show_full_result_count = False
    actions = None
    fields = ("name", "is_shared", "list", "query_shown")
    readonly_fields = ("list", "query_shown")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(owner=cast("Request", request).user)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and getattr(request.user, "is_staff", False))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # they are made above a list

    def has_view_permission(self, request: HttpRequest, obj: SavedFilter | None = None) -> bool:
        return self._is_own(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: SavedFilter | None = None) -> bool:
        return self._is_own(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: SavedFilter | None = None) -> bool:
        return self._is_own(request, obj)

    def _is_own(self, request: HttpRequest, obj: SavedFilter | None) -> bool:
        return self.has_module_permission(request) and (obj is None or obj.owner_id == request.user.pk)

    def get_urls(self) -> list[URLPattern]:
        save = self.admin_site.admin_view(self.save_view)
        return [path("save/", save, name=self.url_name("save")), *super().get_urls()]

    def save_view(self, request: Request) -> HttpResponse:
        """Keeps the filter that a list was sent with, and leads back there."""
        page = saved_filters.page_of(request.POST.get("place", ""))
        if request.method != "POST" or page is None:
            return HttpResponseRedirect(self.address("changelist"))
        self.require(self.has_module_permission(request))
        if not page.has_view_permission(request):
            raise PermissionDenied
        query = saved_filters.cleaned(page, request.POST.get("query", ""))
        said, level = self._save(request, saved_filters.place_of(page), query)
        self.message_user(request, said, level)
        return HttpResponseRedirect(saved_filters.back_to(page, query))

    def _save(self, request: Request, place: str, query: str) -> tuple[str, int]:
        if not query:
            return "Nothing was saved: this list is not filtered. Choose a filter or search first.", messages.WARNING
        if SavedFilter.objects.filter(owner=request.user, place=place).count() >= MOST:
            return f"Nothing was saved: you have {MOST} filters of this list. Delete one first.", messages.ERROR
        form = SaveForm(request.POST, instance=SavedFilter(owner=request.user, place=place, query=query))
        if not form.is_valid():
            complaints = (str(each) for each in chain.from_iterable(form.errors.values()))
            return f"Nothing was saved. {' '.join(complaints)}", messages.ERROR
        row = form.save()
        self.log_addition(request, row, [{"added": {}}])
        return f"Saved this filter as {row.name}.", messages.SUCCESS

    @admin.display(description="List")
    def list(self, row: SavedFilter) -> str:
        page = saved_filters.page_of(row.place)
        return str(page.opts.verbose_name_plural).capitalize() if page else display.EMPTY

    @admin.display(description="Filter")
    def query_shown(self, row: SavedFilter) -> SafeString:
        return display.link(saved_filters.address(row), row.query)

    @admin.display(description="Open")
    def open(self, row: SavedFilter) -> SafeString:
        return display.link(saved_filters.address(row), "Open the list")
