"""What all pages over synced rows and runs have in common: they only show, and they stay quick on large tables."""

from functools import cached_property
from typing import Any, ClassVar

from django.contrib.admin import ShowFacets, display
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from sync import access
from sync.admin import pasted, searching
from sync.admin.display import detail_url, label, lines, link, pretty_json
from sync.admin.filters import parameters
from sync.admin.paging import ReachPaginator
from sync.admin.theme import ChangeList, ModelAdmin, TabularInline
from sync.models.synced import Synced


class LeanChangeList(ChangeList):
    """Reads the columns its admin declares in ``list_only`` and nothing else: payloads and long texts stay put."""

    model_admin: "ReadOnlyAdmin"
    paginator: ReachPaginator

    def get_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> QuerySet[Any]:
        return super().get_queryset(request, *args, **kwargs).only(*self.model_admin.list_only)

    @cached_property
    def said_of_ids(self) -> str:
        """Which of the ids somebody pasted into the search are not in the list, and why."""
        return self.model_admin.said_of_ids(self.query, self.queryset, self.root_queryset)

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if self.paginator.is_cut or not (self.query or self.get_filters_params()):
            # Equal numbers keep the theme from writing "10000 results (Show all)" over the list.
            self.full_result_count = self.result_count


class ViewOnly:
    """Nobody adds, changes or deletes here, superusers included: the rows belong to the sync."""

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


class OfCustomers(ModelAdmin):
    """Shows everybody the rows of the customers they see, and no others: in lists, pages, and where other pages offer
    rows to choose from, since Django asks ``get_queryset`` for all of them. Views of one's own ask ``visible``.

    Every admin of a room names the way from its row to the customer; ``None``: its rows belong to no customer.
    """

    customer_path: ClassVar[str | None]

    def visible(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Those of ``rows`` (of this admin's model) that the user may see."""
        path = self.customer_path
        return rows if path is None else access.seen(rows, access.of_request(request), path)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return self.visible(request, super().get_queryset(request))

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only what the filters send. Django's own rule would look into any column the address names, payloads too."""
        return lookup in parameters(self.model, self.list_filter)


class ReadOnlyAdmin(ViewOnly, OfCustomers):
    """Subclasses declare the columns their list shows, the ones it reads, and what a search looks at.

    ``list_only`` names the columns to read, those of related rows with ``__``; a column that is shown but not named
    costs one query per row, which a test over all lists refuses.
    """

    list_only: ClassVar[tuple[str, ...]] = ()
    #: Lookups with an index, for searches that are a number.
    search_numbers: ClassVar[tuple[str, ...]] = ()
    #: Text columns, for all other searches.
    search_texts: ClassVar[tuple[str, ...]] = ()

    actions: tuple[str, ...] | None = None
    ordering: ClassVar[tuple[str, ...]] = ("-pk",)
    paginator = ReachPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    list_filter_submit = True
    list_before_template = "admin/list_head.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return LeanChangeList

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return (*self.search_numbers, *self.search_texts)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        if ids := self.ids_in(term):
            return self.id_search.rows(queryset, ids[: pasted.MOST]), False
        if not self.search_texts:
            return queryset.none(), False
        return searching.by_words(queryset, self.search_texts, term), False

    @property
    def id_search(self) -> "pasted.Numbers | pasted.Keys":
        """How rows are found by ids."""
        return pasted.Numbers(self.search_numbers, str(self.opts.model_name))

    def ids_in(self, term: str) -> "list[pasted.Pasted]":
        """The ids a search consists of; [] for any other search."""
        found = pasted.read(term) or []
        return found if self.id_search.takes(found) else []

    def said_of_ids(self, term: str, shown: QuerySet[Any], everything: QuerySet[Any]) -> str:
        """Which of the ids in a search are not ``shown``, and which of those are among ``everything``."""
        found = self.ids_in(term)
        asked = found[: pasted.MOST]
        absent = self.id_search.absent(shown, asked) if asked else []
        nowhere = self.id_search.absent(everything, absent) if absent else []
        filtered = [each for each in absent if each not in nowhere]
        return pasted.told(nowhere, filtered, len(found) - len(asked))


SYNC_FIELDSETS = (
    ("Sync", {"fields": ("first_seen_at", "changed_at", "missing_since", "notes_shown")}),
    ("What TestIO sent", {"classes": ("collapse",), "fields": ("raw_shown",)}),
)


class SyncedAdmin(ReadOnlyAdmin):
    """For rows that mirror a TestIO record: every page ends with the record's own history and payload."""

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return (*super().get_fieldsets(request, obj), *SYNC_FIELDSETS)

    @display(description="Altered to be stored")
    def notes_shown(self, row: Synced) -> str:
        return lines(row.notes)

    @display(description="Payload")
    def raw_shown(self, row: Synced) -> str:
        return pretty_json(row.raw)


class ReadOnlyTable(ViewOnly, TabularInline):
    """Rows of a child model as a table below their parent; the names are as for ``ReadOnlyAdmin``."""

    fields: ClassVar[tuple[str, ...]]
    list_only: ClassVar[tuple[str, ...]] = ()
    list_select_related: ClassVar[tuple[str, ...]] = ()
    extra = 0
    can_delete = False
    hide_title = True

    def get_readonly_fields(self, request: HttpRequest, obj: object = None) -> tuple[str, ...]:
        return self.fields

    @display(description="Id")
    def page(self, row: Model) -> str:
        """A key that leads to the row's own page. (The theme hides the key itself in tables.)"""
        return link(detail_url(type(row), row.pk), row.pk)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        return rows.select_related(*self.list_select_related).only(*self.list_only) if self.list_only else rows


class ReadOnlyStack(ReadOnlyTable):
    """One row with long texts below its parent."""

    template = "admin/edit_inline/stacked.html"


@display(description="Missing")
def missing(row: Any) -> str:
    """A list column for rows that TestIO no longer has; needs ``missing_since`` in ``list_only``."""
    return label("missing", "danger") if row.missing_since else ""
