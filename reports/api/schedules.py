"""Saved reports that are mailed regularly, for programs, under ``/api/v1/reports/schedules``."""

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.urls import reverse
from ninja import P, PathEx, Router, Status

from reports import saved, schedules
from reports.api.saved import kept
from reports.models import ReportSchedule
from reports.recipients import Strangers
from reports.schedules import SCHEDULE, Timing
from reports.schemas.saved import WEEKDAYS, ScheduleCard, ScheduleList, ScheduleOrder
from sync.access import NotHere, Request, require
from sync.public_ids import NoSuchId

router = Router(tags=["Reports"])

VIEW = "reports.view_reportschedule"

ScheduleId = PathEx[
    str, P(description="The UUID, the public id, or the beginning of either.", example="sch_0123456789ab")
]
BEGUN = {"responses": {201: {"headers": {"Location": {"description": "The schedule.", "schema": {"type": "string"}}}}}}


@router.get("/reports/schedules", response=ScheduleList)
def list_schedules(request: Request) -> ScheduleList:
    """What is mailed of your saved reports, the next first."""
    require(request, VIEW)
    return ScheduleList(schedules=[_card(row) for row in schedules.own(request.access).select_related("saved")])


@router.post("/reports/schedules", response={201: ScheduleCard, 404: None}, openapi_extra=BEGUN)
def schedule_report(request: Request, body: ScheduleOrder, response: HttpResponse) -> Status[ScheduleCard]:
    """Have one of your saved reports made and mailed every week or month, with your eyes as they are on that day.

    To yourself and to people who see all customers it is about; other addresses (403) need the permission
    `reports.mail_outside`, which operators have.
    """
    require(request, SCHEDULE)
    try:
        report = saved.find(request.access, body.saved)
    except NoSuchId as refusal:
        raise NotHere({"saved": str(refusal)}) from None
    when = Timing(body.hour, weekday=None if body.weekday is None else WEEKDAYS.index(body.weekday), day=body.day)
    try:
        row = kept(lambda: schedules.create(request.access, report, when, form=body.format, recipients=body.recipients))
    except Strangers as refusal:
        raise PermissionDenied(str(refusal)) from None
    response["Location"] = reverse("api:read_schedule", args=[row.public_id])
    return Status(201, _card(row))


@router.get("/reports/schedules/{schedule}", response={200: ScheduleCard, 404: None}, url_name="read_schedule")
def read_schedule(request: Request, schedule: ScheduleId) -> ScheduleCard:
    """When one of your reports is mailed next, and how it went last."""
    require(request, VIEW)
    return _card(schedules.find(request.access, schedule))


@router.delete("/reports/schedules/{schedule}", response={204: None, 404: None})
def end_schedule(request: Request, schedule: ScheduleId) -> Status[None]:
    """End it: the report is mailed no more."""
    require(request, VIEW)
    schedules.find(request.access, schedule).delete()
    return Status(204, None)


def _card(row: ReportSchedule) -> ScheduleCard:
    plain = ("every", "day", "hour", "format", "recipients", "is_enabled", "next_run_at", "last_run_at", "last_error")
    return ScheduleCard(
        id=row.public_id,
        saved=row.saved.public_id,
        title=row.saved.title,
        weekday=None if row.weekday is None else WEEKDAYS[row.weekday],
        last_outcome=row.last_outcome or None,
        **{name: getattr(row, name) for name in plain},
    )
