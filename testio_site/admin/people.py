"""Users, the customers whose data they see, and groups, in the theme of the other pages."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group, User
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.http import HttpRequest
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from sync import access
from sync.admin import display
from sync.admin.theme import ModelAdmin, TabularInline
from sync.models import Customer
from testio_site.admin.looking import OnlyOfferedLookups

if TYPE_CHECKING:  # generic to mypy only
    DjangoUserAdmin = auth_admin.UserAdmin[User]
    DropdownFilter = admin.SimpleListFilter
else:
    from unfold.contrib.filters.admin import DropdownFilter

    DjangoUserAdmin = auth_admin.UserAdmin

for model in (User, Group):
    admin.site.unregister(model)


class OneOfRows(DropdownFilter):
    """One of some rows, by its key; another key in the address finds nobody."""

    template = "admin/filter_form.html"
    parameter_name: str

    def rows(self, request: HttpRequest) -> Iterable[tuple[int, str]]:
        raise NotImplementedError

    def matching(self, chosen: str) -> Q:
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(key), name) for key, name in self.rows(request)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if not (chosen := self.value()):
            return queryset
        offered = {key for key, _ in self.lookup_choices}
        return queryset.filter(self.matching(chosen)) if chosen in offered else queryset.none()


class RoleFilter(OneOfRows):
    title = "role"
    parameter_name = "role"

    def rows(self, request: HttpRequest) -> Iterable[tuple[int, str]]:
        return Group.objects.order_by("name").values_list("pk", "name")

    def matching(self, chosen: str) -> Q:
        return Q(groups=chosen)


class CustomerFilter(OneOfRows):
    """Of the customers that the reader sees."""

    title = "customer"
    parameter_name = "customer"

    def rows(self, request: HttpRequest) -> Iterable[tuple[int, str]]:
        return access.customers(access.of_request(request)).order_by("name").values_list("pk", "name")

    def matching(self, chosen: str) -> Q:
        return Q(customers=chosen)


class MembershipTable(TabularInline):
    """Whose data the user sees. Customers are offered as far as the reader sees them (see ``OfCustomers``)."""

    model = Customer.members.through
    autocomplete_fields = ("customer",)
    extra = 0
    verbose_name = "customer"
    verbose_name_plural = "Customers whose data this user sees"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return access.seen(super().get_queryset(request), access.of_request(request), "customer")


def _who_sees_all() -> "QuerySet[User]":
    return User.objects.with_perm(access.SEE_ALL, backend="django.contrib.auth.backends.ModelBackend")


@admin.register(User)
class UserAdmin(OnlyOfferedLookups, DjangoUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    inlines = (MembershipTable,)
    list_display = ("username", "full_name", "email", "roles", "customers_shown", "is_active", "is_staff", "last_login")
    list_filter = (RoleFilter, CustomerFilter, "is_active", "is_staff", "is_superuser")
    list_filter_submit = True
    show_facets = admin.ShowFacets.NEVER

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With their roles, and no more of their customers than the reader sees."""
        shown = access.customers(access.of_request(request)).order_by("name").only("name")
        roles = Prefetch("groups", Group.objects.order_by("name"), to_attr="shown_roles")
        rows = super().get_queryset(request).annotate(sees_all=Exists(_who_sees_all().filter(pk=OuterRef("pk"))))
        return rows.prefetch_related(roles, Prefetch("customers", shown, "shown_customers"))

    @admin.display(description="Name", ordering="last_name")
    def full_name(self, user: User) -> str:
        return user.get_full_name() or display.EMPTY

    @admin.display(description="Roles")
    def roles(self, user: User) -> str:
        names = [*(["Superuser"] if user.is_superuser else []), *map(str, getattr(user, "shown_roles", ()))]
        return ", ".join(names) or display.EMPTY

    @admin.display(description="Customers")
    def customers_shown(self, user: User) -> str:
        if getattr(user, "sees_all", False):
            return "all"
        return ", ".join(map(str, getattr(user, "shown_customers", ()))) or display.EMPTY


@admin.register(Group)
class GroupAdmin(OnlyOfferedLookups, auth_admin.GroupAdmin, ModelAdmin):
    pass
