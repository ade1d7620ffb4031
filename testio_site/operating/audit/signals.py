"""What announces itself: logins and their failures, logouts, report schedules."""

from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db.models.signals import post_delete, post_save
from django.http import HttpRequest

from reports.models import ReportSchedule
from testio_site.entrance.guard import client_address
from testio_site.operating.audit import trail
from testio_site.operating.audit.trail import Kind

UNKNOWN = "(no such user)"


def connect() -> None:
    """Once Django knows its apps."""
    user_logged_in.connect(logged_in)
    user_logged_out.connect(logged_out)
    user_login_failed.connect(login_failed)
    post_save.connect(scheduled, sender=ReportSchedule)
    post_delete.connect(unscheduled, sender=ReportSchedule)


def logged_in(request: HttpRequest, user: User, **_: Any) -> None:
    trail.record(request, Kind.LOGIN, "Logged in.", by=user)


def logged_out(request: HttpRequest, user: User | None, **_: Any) -> None:
    if user is not None:
        trail.record(request, Kind.LOGOUT, "Logged out.", by=user)


def login_failed(credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    """A name that nobody has may be a password typed into the wrong field: it is not kept."""
    typed = str(credentials.get("username") or "")[:150].replace("\0", "")
    name = typed if User.objects.filter(username=typed).exists() else UNKNOWN
    address = client_address(request) if request else None
    if not trail.is_flooded(kind=Kind.FAILED, name=name, address=address):
        trail.record(request, Kind.FAILED, "A login failed.", name=name)


def scheduled(instance: ReportSchedule, created: bool, **_: Any) -> None:
    if created:
        to = ", ".join(instance.recipients[:5]) + (" and others" if len(instance.recipients) > 5 else "")
        trail.record_here(Kind.REPORT, f"Scheduled the report “{instance.saved.title}”, {instance.every}ly to {to}.")


def unscheduled(instance: ReportSchedule, **_: Any) -> None:
    trail.record_here(Kind.REPORT, f"Ended a schedule of the report “{instance.saved.title}”.")
