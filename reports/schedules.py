"""Which saved reports are due, and making and mailing them.

A tick claims what is due with a row lock and lends it to a worker, as products are (``sync.refresh.claims``). Whoever
begins a claimed one marks it so, in one guarded statement: a task that comes twice does nothing the second time, and a
claim that nobody settles counts no more after a while.
"""

import logging
from calendar import monthrange
from collections.abc import Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.mail import BadHeaderError
from django.db import connections, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from reports import catalogue, exports, mail, runs
from reports import saved as saved_reports
from reports.catalogue import ReportError
from reports.exports import NoSuchFormat
from reports.models import SCHEDULE_PREFIX, ReportRun, ReportSchedule, SavedReport
from reports.recipients import refuse_strangers
from reports.runs import RunRefused
from reports.saved import BadFields
from sync import access as caller
from sync import public_ids
from sync.access import Access
from sync.models.claim import CLAIM_SECONDS

log = logging.getLogger(__name__)

#: To mail reports of one's own: to oneself and to people who may see what is in them (``reports.recipients``).
SCHEDULE = "reports.add_reportschedule"

#: After a failure it is tried again after so many minutes; then not before its next time.
RETRIES = (15, 60, 240)

Outcome, Every = ReportSchedule.Outcome, ReportSchedule.Every


@dataclass(frozen=True, slots=True)
class Timing:
    """On a ``weekday`` (0: Monday) of every week or on a ``day`` of every month, at an ``hour`` (UTC)."""

    hour: int
    weekday: int | None = None
    day: int | None = None

    def check(self) -> None:
        """Raises ``BadFields``."""
        if (self.weekday is None) == (self.day is None):
            raise BadFields({"weekday": "give a weekday for every week, or a day for every month, and not both"})
        if self.hour not in range(24):
            raise BadFields({"hour": "it is from 0 to 23"})
        if self.weekday is not None and self.weekday not in range(7):
            raise BadFields({"weekday": "it is from 0 (Monday) to 6 (Sunday)"})
        if self.day is not None and self.day not in range(1, 32):
            raise BadFields({"day": "it is from 1 to 31"})


class DeliveryFailed(Exception):
    """Why a scheduled report was not mailed, and what to do."""


def next_after(moment: datetime, hour: int, *, weekday: int | None = None, day: int | None = None) -> datetime:
    """The first time after ``moment`` that is at ``hour`` on that ``weekday`` (0: Monday), or on that ``day`` of the
    month, or on its last where it is shorter."""
    candidate = moment.replace(hour=hour, minute=0, second=0, microsecond=0)
    while candidate <= moment or not _is_on(candidate, weekday, day):
        candidate += timedelta(days=1)
    return candidate


def _is_on(moment: datetime, weekday: int | None, day: int | None) -> bool:
    if weekday is not None:
        return moment.weekday() == weekday
    return moment.day == min(day or 1, monthrange(moment.year, moment.month)[1])


def own(access: Access) -> "QuerySet[ReportSchedule]":
    """Those of the caller's own reports, which they may end."""
    return ReportSchedule.objects.filter(saved__in=saved_reports.own(access).order_by())


def find(access: Access, text: str) -> ReportSchedule:
    """One of the caller's own, by its id. Raises ``NoSuchId``."""
    rows = own(access).select_related("saved__owner").prefetch_related("saved__customers")
    return public_ids.find(rows, SCHEDULE_PREFIX, text)


def create(
    access: Access, saved: SavedReport, when: Timing, *, form: str, recipients: Collection[str]
) -> ReportSchedule:
    """Mail one of the caller's saved reports regularly, the first time when its time comes next.

    Raises ``BadFields``, ``NoSuchFormat``, ``Strangers`` and ``PermissionDenied``.
    """
    _require_scheduling(access, saved)
    when.check()
    schedule = ReportSchedule(
        saved=saved,
        every=Every.WEEK if when.weekday is not None else Every.MONTH,
        weekday=when.weekday,
        day=when.day,
        hour=when.hour,
        format=exports.find(form).name,
        recipients=list(dict.fromkeys(each.strip() for each in recipients)),
    )
    schedule.next_run_at = schedule.next_after(timezone.now())
    try:
        schedule.full_clean(exclude=["saved"])
    except ValidationError as refusal:
        raise BadFields({name: " ".join(texts) for name, texts in refusal.message_dict.items()}) from None
    refuse_strangers(access, saved, schedule.recipients)
    schedule.save()
    return schedule


def _require_scheduling(access: Access, saved: SavedReport) -> None:
    if not access.may(SCHEDULE):
        raise PermissionDenied(f"Mailing reports needs the permission {SCHEDULE}. Ask an administrator for it.")
    if saved.owner_id != access.user.pk:
        raise PermissionDenied("Only whoever saved a report mails it. Save it under a name of your own.")
    if saved_reports.is_narrowed(access) and not saved.customers.exists():
        # It is made with its owner's eyes, who see more than this token does.
        raise PermissionDenied(
            "This report is about all customers of yours, and this token is for some of them. Save one about those."
        )


@transaction.atomic
def claim_due(limit: int = 100) -> list[UUID]:
    """Claim schedules whose time has come, the longest overdue first. Two callers at once never get the same one."""
    due = ReportSchedule.objects.due().select_for_update(skip_locked=True, no_key=True).order_by("next_run_at")
    chosen = list(due.values_list("pk", flat=True)[:limit])
    ReportSchedule.objects.filter(pk__in=chosen).update(claimed_at=Now(), begun_at=None)
    return chosen


def deliver(schedule_id: UUID) -> bool:
    """Make and mail one that was claimed; whether it was mailed. Does nothing when somebody has begun it already."""
    now = timezone.now()
    if not _begun(schedule_id):
        return False
    schedule = ReportSchedule.objects.select_related("saved__owner").get(pk=schedule_id)
    error = "It stopped on an unexpected error; the log has its details."
    try:
        _make_and_mail(schedule)
        error = ""
    except (ReportError, RunRefused, NoSuchFormat, DeliveryFailed) as trouble:
        error = str(trouble)
    except (OSError, BadHeaderError) as trouble:  # SMTP's errors are OSErrors
        log.warning("The report %s could not be mailed: %s", schedule, trouble)
        error = f"The mail could not be sent: {trouble}. Check EMAIL_HOST and what belongs to it."
    finally:
        _settle(schedule, error, now)
    return not error


def deliver_due() -> Iterator[bool]:
    """Everything that is due, here and now: for a site without a worker.

    One is claimed when its turn comes, so that what is not reached stays due. Each has a thread and a connection of its
    own, as it has with a worker: an error that nobody foresaw is written down and logged, and the next one is made.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="scheduled-report") as worker:
        while claimed := claim_due(1):
            yield _was_mailed(worker.submit(_deliver_and_close, *claimed))


def _deliver_and_close(schedule_id: UUID) -> bool:
    try:
        return deliver(schedule_id)
    finally:
        connections.close_all()


def _was_mailed(delivery: Future[bool]) -> bool:
    if error := delivery.exception():
        log.error("A scheduled report stopped on an unexpected error.", exc_info=error)
        return False
    return delivery.result()


def _begun(schedule_id: UUID) -> bool:
    claimed = ReportSchedule.objects.filter(pk=schedule_id, claimed_at__isnull=False, begun_at=None)
    return claimed.filter(~Q(claimed_at__lte=Now() - timedelta(seconds=CLAIM_SECONDS))).update(begun_at=Now()) == 1


def _make_and_mail(schedule: ReportSchedule) -> None:
    owner = schedule.saved.owner
    if not isinstance(owner, User) or not owner.is_active:
        raise DeliveryFailed(f"{owner} may not log in any more. Let somebody else save the report and schedule it.")
    who = caller.of_user(owner)
    if not who.may(SCHEDULE):
        raise DeliveryFailed(
            f"{owner} may not mail reports any more. Let somebody else save the report and schedule it."
        )
    refuse_strangers(who, schedule.saved, schedule.recipients)
    entry = catalogue.find(who, schedule.saved.public_id)
    run = runs.make(entry, {}, exports.find(schedule.format).name, who, saved=schedule.saved)
    if run.status != ReportRun.Status.SUCCEEDED:
        raise DeliveryFailed(run.error)
    mail.send(schedule, run)


def _settle(schedule: ReportSchedule, error: str, began: datetime) -> None:
    now = timezone.now()
    next_run_at, failures = schedule.next_after(now), 0
    if error:
        log.warning("The scheduled report %s was not mailed: %s", schedule, error)
        failures = schedule.failures + 1
        if failures <= len(RETRIES):
            next_run_at = min(next_run_at, now + timedelta(minutes=RETRIES[failures - 1]))
        else:
            failures = 0
    ReportSchedule.objects.filter(pk=schedule.pk).update(
        claimed_at=None,
        begun_at=None,
        failures=failures,
        next_run_at=next_run_at,
        last_run_at=began,
        last_outcome=Outcome.FAILED if error else Outcome.MAILED,
        last_error=error,
    )
