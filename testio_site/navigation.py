"""What the sidebar and the front page of the admin offer, by what people come for and not by the alphabet.

Settings name ``sidebar``. A model that is registered and not named here is offered last, under its app's name.
"""

from typing import Any

from axes.models import AccessAttempt, AccessLog
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_otp.plugins.otp_totp.models import TOTPDevice

from problematic.models import ProblematicEvent, ProblematicMapping, RetryAttempt, RetryJob, TriageEntry
from sync import models
from testio_site.models import ApiToken

GROUPS: dict[str, dict[type[Model], str]] = {
    "Problems": {ProblematicEvent: "report", RetryJob: "autorenew"},
    "TestIO": {
        models.Product: "inventory_2",
        models.Test: "labs",
        models.Bug: "bug_report",
        models.Feature: "extension",
        models.Person: "group",
    },
    "Sync": {models.SyncEvent: "sync", models.SyncLease: "lock"},
    "Background": {models.Watcher: "visibility", PeriodicTask: "schedule_send", IntervalSchedule: "timer"},
    "Set-up": {models.Customer: "domain", User: "person", Group: "groups", ApiToken: "key"},
    "Logins": {AccessAttempt: "gpp_maybe", AccessLog: "login", TOTPDevice: "phonelink_lock"},
    "Details": {
        models.Section: "segment",
        models.UserStory: "article",
        models.TestFeature: "checklist",
        models.TestPlatform: "devices",
        models.TestFreshness: "schedule",
        models.TestCase: "rule",
        models.TestCaseResult: "fact_check",
        models.BugDevice: "smartphone",
        models.CustomReport: "assignment",
        models.SyncPhase: "steps",
        ProblematicMapping: "link",
        RetryAttempt: "replay",
        TriageEntry: "history",
    },
}


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups of links this user may follow, in the form the theme reads."""
    offered = [(title, list(icons.items())) for title, icons in (*GROUPS.items(), *_others().items())]
    groups = [
        (title, [_item(model, icon) for model, icon in icons if _may_see(request, model)]) for title, icons in offered
    ]
    return [{"title": title, "collapsible": title == "Details", "items": items} for title, items in groups if items]


def _others() -> dict[str, dict[type[Model], str]]:
    named = {model for icons in GROUPS.values() for model in icons}
    found: dict[str, dict[type[Model], str]] = {}
    for model in apps.get_models():
        if model not in named and admin.site.is_registered(model):
            found.setdefault(str(model._meta.app_config.verbose_name), {})[model] = "table"
    return found


def _may_see(request: HttpRequest, model: type[Model]) -> bool:
    return admin.site.get_model_admin(model).has_view_permission(request)


def _item(model: type[Model], icon: str) -> dict[str, Any]:
    options = model._meta
    address = reverse(f"admin:{options.app_label}_{options.model_name}_changelist")
    return {"title": str(options.verbose_name_plural).capitalize(), "icon": icon, "link": address}
