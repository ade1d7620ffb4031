"""Users, the customers whose data they see, and groups, in the theme of the other pages."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group, User
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from sync import access
from sync.admin.theme import ModelAdmin, TabularInline
from sync.models import Customer

if TYPE_CHECKING:  # generic to mypy only
    DjangoUserAdmin = auth_admin.UserAdmin[User]
else:
    DjangoUserAdmin = auth_admin.UserAdmin

for model in (User, Group):
    admin.site.unregister(model)


class MembershipTable(TabularInline):
    """Whose data the user sees. Customers are offered as far as the reader sees them (see ``OfCustomers``)."""

    model = Customer.members.through
    autocomplete_fields = ("customer",)
    extra = 0
    verbose_name = "customer"
    verbose_name_plural = "Customers whose data this user sees"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return access.seen(super().get_queryset(request), access.of_request(request), "customer")


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    inlines = (MembershipTable,)


@admin.register(Group)
class GroupAdmin(auth_admin.GroupAdmin, ModelAdmin):
    pass
