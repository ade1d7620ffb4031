"""List filters. They never read the table they filter, and they speak the words people see."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import ForeignKey, Model, Q, QuerySet, TextChoices
from django.db.models.functions import Now
from django.http import HttpRequest

from sync import wording
from sync.admin.theme import ChangeList
from sync.models import Person, Product, SyncEvent, SyncPhase
from sync.models.run import Status

if TYPE_CHECKING:
    AutocompleteSelectFilter = admin.RelatedFieldListFilter
    DropdownFilter = admin.SimpleListFilter
else:
    from unfold.contrib.filters.admin import AutocompleteSelectFilter, DropdownFilter


class RelatedFilter(AutocompleteSelectFilter):
    """The related row is found by typing: a list of all products or tests would be endless.

    What is offered, and the name of what is chosen, are rows that the related admin shows to the user.
    """

    template = "admin/filter_form.html"

    def __init__(self, field: Any, request: HttpRequest, *args: Any, **options: Any) -> None:
        super().__init__(field, request, *args, **options)
        self._offered = admin.site.get_model_admin(field.remote_field.model).get_queryset(request)

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        offered: Iterator[Any] = super().choices(changelist)
        for shown in offered:
            shown["form"].fields[self.lookup_kwarg].queryset = self._offered
            yield shown


class WordFilter(DropdownFilter):
    """One of a fixed list of words; another word in the address finds nothing."""

    template = "admin/filter_form.html"
    parameter_name: str

    def words(self) -> Mapping[str, str]:
        """Each word as the address has it, and as people see it."""
        raise NotImplementedError

    def matching(self, word: str) -> Q:
        return Q((self.parameter_name, word))

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(self.words().items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        word = self.value()
        if not word:
            return queryset
        return queryset.filter(self.matching(word)) if word in self.words() else queryset.none()


class ChoiceFilter(WordFilter):
    """One of the words of a column that has fixed ones."""

    vocabulary: type[TextChoices]

    def words(self) -> Mapping[str, str]:
        return dict(self.vocabulary.choices)


def parameters(model: type[Model], list_filter: Iterable[Any]) -> set[str]:
    """The names under which these filters send their values: ``product__id__exact``, ``status``."""
    return {_parameter(model, declared) for declared in list_filter}


def _parameter(model: type[Model], declared: Any) -> str:
    if not isinstance(declared, tuple):
        return str(declared.parameter_name)
    field = model._meta.get_field(declared[0])
    if not isinstance(field, ForeignKey):
        raise TypeError(f"{declared[0]} of {model.__name__} leads to no other row: use a WordFilter.")
    return f"{field.name}__{field.target_field.name}__exact"


def _capitalized(words: Iterable[str]) -> dict[str, str]:
    return {word: word.replace("_", " ").capitalize() for word in words}


class TestStatusFilter(WordFilter):
    title = "status"
    parameter_name = "status"

    def words(self) -> Mapping[str, str]:
        return _capitalized(wording.TEST_STATUSES)


class TestingTypeFilter(WordFilter):
    title = "testing type"
    parameter_name = "testing_type"

    def words(self) -> Mapping[str, str]:
        return _capitalized(wording.shown_testing_type(stored) for stored in wording.TESTING_TYPES)

    def matching(self, word: str) -> Q:
        return Q(testing_type=wording.stored_testing_type(word))


class BugStatusFilter(WordFilter):
    title = "status"
    parameter_name = "status"

    def words(self) -> Mapping[str, str]:
        return _capitalized(wording.shown_bug_status(stored) for stored in wording.BUG_STATUSES)

    def matching(self, word: str) -> Q:
        return Q(status=wording.stored_bug_status(word))


class SeverityFilter(WordFilter):
    title = "severity"
    parameter_name = "severity"

    def words(self) -> Mapping[str, str]:
        return _capitalized(wording.BUG_SEVERITIES)


class MissingFilter(WordFilter):
    """Whether TestIO still has the record."""

    title = "presence at TestIO"
    parameter_name = "presence"

    def words(self) -> Mapping[str, str]:
        return _capitalized(("present", "missing"))

    def matching(self, word: str) -> Q:
        return Q(missing_since__isnull=word == "present")


class PersonKindFilter(ChoiceFilter):
    title = "kind"
    parameter_name = "kind"
    vocabulary = Person.Kind


class RunStatusFilter(ChoiceFilter):
    title = "status"
    parameter_name = "status"
    vocabulary = Status


class TriggerFilter(ChoiceFilter):
    title = "trigger"
    parameter_name = "trigger"
    vocabulary = SyncEvent.Trigger


class PhaseNameFilter(ChoiceFilter):
    title = "phase"
    parameter_name = "name"
    vocabulary = SyncPhase.Name


#: How a product stands with its background refresh.
REFRESH_STANDINGS = {"due": "Due", "next": "Coming due", "failing": "Failing", "paused": "Paused"}


class RefreshFilter(WordFilter):
    title = "background refresh"
    parameter_name = "refresh"

    def words(self) -> Mapping[str, str]:
        return REFRESH_STANDINGS

    def matching(self, word: str) -> Q:
        match word:
            case "due":
                return Q(pk__in=Product.objects.due().values("pk"))
            case "next":
                claimed_or_later = Q(next_sync_at__gt=Now()) | ~Q(claimed_at=None)
                return Q(pk__in=Product.objects.refreshed().values("pk")) & claimed_or_later
            case "failing":
                return Q(missing_since=None, failures__gt=0)
            case _:
                return Q(missing_since=None, customer__is_active=True, customer__paused_at__isnull=False)
