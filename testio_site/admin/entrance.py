"""Who came in, who did not, and whose login asks for a code: to look at, to unlock, to take a lost app away."""

from axes.models import AccessAttempt, AccessLog
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from sync.admin.theme import ModelAdmin
from testio_site.admin.looking import OnlyOfferedLookups

for model in (TOTPDevice, StaticDevice):
    if admin.site.is_registered(model):
        admin.site.unregister(model)  # their own pages show the secrets


class ToLookAt(OnlyOfferedLookups, ModelAdmin):
    """Written by the login alone."""

    date_hierarchy = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(AccessAttempt)
class FailedLoginAdmin(ToLookAt):
    """Deleting one unlocks the user name at that address."""

    list_display = ("username", "ip_address", "failures_since_start", "attempt_time", "user_agent")
    search_fields = ("username", "ip_address")
    fields = ("username", "ip_address", "failures_since_start", "attempt_time", "user_agent", "path_info")


@admin.register(AccessLog)
class LoginAdmin(ToLookAt):
    list_display = ("username", "ip_address", "attempt_time", "logout_time", "user_agent")
    search_fields = ("username", "ip_address")
    fields = ("username", "ip_address", "attempt_time", "logout_time", "user_agent")

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(TOTPDevice)
class AppAdmin(ToLookAt):
    """Deleting one lets its user in by password alone, until they set up another. Secrets are shown to nobody."""

    list_display = ("user", "created_at", "last_used_at")
    search_fields = ("user__username",)
    fields = ("user", "created_at", "last_used_at")

    def get_queryset(self, request: HttpRequest) -> "QuerySet[TOTPDevice]":
        apps: QuerySet[TOTPDevice] = super().get_queryset(request)
        return apps.filter(confirmed=True)
