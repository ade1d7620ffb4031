"""The schedule of background work, in the theme of the other pages."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest
from django_celery_beat import admin as beat_admin
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from kombu.exceptions import OperationalError as BrokerError

from sync.admin.theme import ModelAdmin, ModelForm
from testio_site.admin.looking import OnlyOfferedLookups

for model in (PeriodicTask, IntervalSchedule, ClockedSchedule, CrontabSchedule, SolarSchedule):
    admin.site.unregister(model)


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(OnlyOfferedLookups, beat_admin.PeriodicTaskAdmin, ModelAdmin):
    """What beat does when. The entries are the program's own (see ``testio_site.schedule``): how often they run, and
    whether, is the operator's; there are only intervals, since a crontab would mean another hour twice a year."""

    form = ModelForm
    change_form_template = None
    date_hierarchy = None
    list_display = ("name", "enabled", "interval", "last_run_at", "total_run_count")
    list_filter = ("enabled",)
    actions = ("enable_tasks", "disable_tasks", "run_tasks")
    search_fields = ("name", "description")
    fieldsets = None
    fields = ("name", "description", "enabled", "interval", "expire_seconds", "last_run_at", "total_run_count")
    readonly_fields = ("name", "description", "last_run_at", "total_run_count")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: PeriodicTask | None = None) -> bool:
        return False  # the next migration would bring it back; it can be disabled

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """For those who may change entries."""
        found: dict[str, Any] = super().get_actions(request)
        return found if self.has_change_permission(request) else {}

    @admin.action(description="Enable selected tasks")
    def enable_tasks(self, request: HttpRequest, queryset: "QuerySet[PeriodicTask]") -> None:
        super().enable_tasks(request, queryset)
        self._log(request, queryset, "Enabled.")

    @admin.action(description="Disable selected tasks")
    def disable_tasks(self, request: HttpRequest, queryset: "QuerySet[PeriodicTask]") -> None:
        super().disable_tasks(request, queryset)
        self._log(request, queryset, "Disabled.")

    @admin.action(description="Run selected tasks now")
    def run_tasks(self, request: HttpRequest, queryset: "QuerySet[PeriodicTask]") -> None:
        try:
            super().run_tasks(request, queryset)
            self._log(request, queryset, "Run at once.")
        except BrokerError:
            refusal = "Nothing was started: the broker does not answer. Check CELERY_BROKER_URL, then try again."
            self.message_user(request, refusal, messages.ERROR)

    def _log(self, request: HttpRequest, tasks: "QuerySet[PeriodicTask]", sentence: str) -> None:
        user: Any = request.user
        LogEntry.objects.log_actions(user.pk, tasks.all(), CHANGE, sentence)


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(OnlyOfferedLookups, ModelAdmin):
    list_display = ("__str__",)

    def has_delete_permission(self, request: HttpRequest, obj: IntervalSchedule | None = None) -> bool:
        return False  # its tasks would be deleted with it
