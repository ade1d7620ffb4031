"""People: testers and customer users."""

from django.contrib import admin

from sync.admin import display
from sync.admin.base import ReadOnlyAdmin
from sync.admin.filters import PersonKindFilter, RelatedFilter
from sync.models import Bug, Person, Test


@admin.register(Person)
class PersonAdmin(ReadOnlyAdmin):
    customer_path = "customer"
    list_display = ("username", "kind", "customer", "first_seen_at")
    list_select_related = ("customer",)
    list_only = ("username", "kind", "customer__name", "first_seen_at")
    list_filter = (("customer", RelatedFilter), PersonKindFilter)
    sortable_by = ()
    ordering = ("customer_id", "kind", "username")  # as the index "person_once" has them
    search_texts = ("username",)
    search_help_text = "User name"
    fieldsets = ((None, {"fields": ("username", "kind", "customer", "first_seen_at", "lists")}),)

    @admin.display(description="Show their")
    def lists(self, person: Person) -> str:
        return display.links(
            (display.list_url(Bug, author__id__exact=person.pk), "bugs"),
            (display.list_url(Test, created_by__id__exact=person.pk), "tests created"),
            (display.list_url(Test, submitted_by__id__exact=person.pk), "tests submitted"),
        )
