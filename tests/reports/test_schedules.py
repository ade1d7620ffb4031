import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core import mail
from django.core.mail import EmailMessage
from django.db import connection, transaction
from django.db.models.functions import Now
from hypothesis import given
from hypothesis import strategies as st

from reports import background, exports, saved, schedules
from reports.mail import Console
from reports.models import ReportRun, ReportSchedule, SavedReport
from reports.saved import BadFields
from reports.schedules import Timing, next_after
from sync import customers as sync_customers
from sync.access import Access
from sync.models import Customer
from tests.factories import CustomerFactory
from tests.reports import world
from tests.reports.world import of, person

MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
HOURS = st.integers(0, 23)


@given(MOMENTS, HOURS, st.integers(0, 6))
def test_a_weekly_time_is_the_first_of_its_kind_after_now(now: datetime, hour: int, weekday: int) -> None:
    found = next_after(now, hour, weekday=weekday)
    assert (found.weekday(), found.hour, found.minute) == (weekday, hour, 0)
    assert timedelta(0) < found - now <= timedelta(days=7)


@given(MOMENTS, HOURS, st.integers(1, 31))
def test_a_monthly_time_comes_once_in_every_month(now: datetime, hour: int, day: int) -> None:
    first = next_after(now, hour, day=day)
    second = next_after(first, hour, day=day)
    assert first > now
    assert (second.year * 12 + second.month) - (first.year * 12 + first.month) == 1
    assert first.day == day or (first + timedelta(days=1)).day == 1


@pytest.fixture
def ann(settings: Any, tmp_path: Path, transactional_db: None) -> Access:
    settings.DATA_DIR = tmp_path
    world.make()
    return of(person("ann", see_all=True, mails_outside=True))


def scheduled(access: Access, name: str = "bugs") -> ReportSchedule:
    """A weekly one that is due now."""
    title = f"{name.capitalize()}\nof the shop"
    report = saved.save(access, f"weekly-{name}", report=name, parameters={"product_id": [1]}, title=title)
    leads = ["lead@example.com", "qa@example.com"]
    schedule = schedules.create(access, report, Timing(6, weekday=0), form="csv", recipients=leads)
    ReportSchedule.objects.update(next_run_at=Now())
    return schedule


def test_a_schedule_that_is_due_is_mailed_with_its_file_and_comes_again_next_week(ann: Access) -> None:
    schedule = scheduled(ann)
    assert list(schedules.deliver_due()) == [True]
    (message,) = mail.outbox
    assert message.bcc == ["lead@example.com", "qa@example.com"]
    assert message.subject.startswith("Bugs of the shop (")
    ((name, content, kind),) = message.attachments
    assert (name.startswith("weekly-bugs-"), name.endswith(".csv"), kind) == (True, True, "text/csv")
    assert [line.partition(",")[0] for line in str(content).splitlines()] == ["id", "102", "101", "103"]
    schedule.refresh_from_db()
    assert (schedule.last_outcome, schedule.claimed_at, schedule.failures) == ("mailed", None, 0)
    assert schedule.next_run_at == schedule.next_after(datetime.now(UTC))
    assert list(schedules.deliver_due()) == []


def test_a_claimed_schedule_is_begun_once(ann: Access) -> None:
    scheduled(ann)
    (claimed,) = schedules.claim_due()
    assert schedules.claim_due() == []
    assert [schedules.deliver(claimed), schedules.deliver(claimed)] == [True, False]
    assert len(mail.outbox) == 1


def test_a_schedule_that_another_is_claiming_is_passed_over(ann: Access) -> None:
    schedule = scheduled(ann)
    found: list[Any] = []

    def claim() -> None:
        try:
            found.append(schedules.claim_due())
        finally:
            connection.close()

    with transaction.atomic():
        ReportSchedule.objects.select_for_update().get(pk=schedule.pk)

        thread = threading.Thread(target=claim)
        thread.start()
        thread.join()
    assert found == [[]]
    assert schedules.claim_due() == [schedule.pk]


def test_a_claim_nobody_settled_is_due_again_after_a_while(ann: Access) -> None:
    schedule = scheduled(ann)
    (lost,) = schedules.claim_due()
    ReportSchedule.objects.update(claimed_at=Now() - timedelta(seconds=601), begun_at=Now() - timedelta(seconds=600))
    assert schedules.deliver(lost) is False
    assert schedules.claim_due() == [schedule.pk]


def test_a_mail_that_cannot_be_sent_is_tried_again_and_the_reason_kept(ann: Access, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nobody listens there
    schedule = scheduled(ann)
    assert list(schedules.deliver_due()) == [False]
    schedule.refresh_from_db()
    assert (schedule.last_outcome, schedule.failures) == ("failed", 1)
    assert schedule.last_error.startswith("The mail could not be sent: ")
    assert schedule.next_run_at - datetime.now(UTC) < timedelta(minutes=16)


def test_the_owners_rights_are_those_of_the_day(ann: Access) -> None:
    schedule = scheduled(ann)
    ann.user.user_permissions.remove(Permission.objects.get(codename="view_bug"))
    assert list(schedules.deliver_due()) == [False]
    schedule.refresh_from_db()
    assert schedule.last_error.startswith("There is no report ")
    ann.user.user_permissions.clear()
    ReportSchedule.objects.update(next_run_at=Now())
    assert list(schedules.deliver_due()) == [False]
    schedule.refresh_from_db()
    assert schedule.last_error.startswith("ann may not mail reports any more.")
    assert (mail.outbox, ReportRun.objects.count()) == ([], 0)


def test_a_cycle_without_a_worker_mails_what_is_due(ann: Access) -> None:

    scheduled(ann)
    stop = threading.Event()
    assert background.deliver_in_cycle(stop=stop, dry_run=True) == {"reports_to_mail": 1}
    assert background.deliver_in_cycle(stop=stop, dry_run=False) == {"reports_mailed": 1}
    assert background.deliver_in_cycle(stop=stop, dry_run=False) == {}


def test_one_that_breaks_keeps_no_other_from_being_mailed(
    ann: Access, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def break_down(*_: object) -> None:
        raise TypeError("must be real number, not str")

    broken, well = scheduled(ann), scheduled(ann, "tests")
    ReportSchedule.objects.filter(pk=broken.pk).update(next_run_at=Now() - timedelta(hours=1), format="xlsx")
    monkeypatch.setitem(exports.FORMATS, "xlsx", replace(exports.FORMATS["xlsx"], write=break_down))
    figures = background.deliver_in_cycle(stop=threading.Event(), dry_run=False)
    assert figures == {"reports_mailed": 1, "reports_not_mailed": 1}
    assert [message.subject.split(" (")[0] for message in mail.outbox] == ["Tests of the shop"]
    broken.refresh_from_db()
    assert (broken.last_outcome, broken.failures, broken.claimed_at) == ("failed", 1, None)
    assert broken.last_error == "It stopped on an unexpected error; the log has its details."
    assert "must be real number, not str" in caplog.text
    well.refresh_from_db()
    assert (well.last_outcome, well.claimed_at) == ("mailed", None)


def test_what_a_stopped_cycle_did_not_reach_is_due_at_once(ann: Access) -> None:
    scheduled(ann)
    scheduled(ann, "tests")
    stop = threading.Event()
    stop.set()
    assert background.deliver_in_cycle(stop=stop, dry_run=False) == {"reports_mailed": 1}
    assert ReportSchedule.objects.due().count() == 1


def test_what_cannot_be_scheduled_is_refused(ann: Access) -> None:
    report = saved.save(ann, "mine", report="bugs", parameters={})
    for wrong in (Timing(6), Timing(6, weekday=0, day=1), Timing(24, day=1), Timing(6, weekday=7), Timing(6, day=0)):
        with pytest.raises(BadFields):
            schedules.create(ann, report, wrong, form="csv", recipients=["a@example.com"])
    with pytest.raises(BadFields, match="recipients: "):
        schedules.create(ann, report, Timing(6, day=31), form="csv", recipients=["nobody"])
    with pytest.raises(BadFields, match="recipients: "):
        schedules.create(ann, report, Timing(6, day=31), form="csv", recipients=[])


def test_without_a_mail_server_standard_error_shows_what_would_be_sent(capsys: pytest.CaptureFixture[str]) -> None:
    message = EmailMessage("Bugs", "The file is attached.", bcc=["lead@example.com"])
    message.attach("bugs.csv", b"id\n", "text/csv")
    assert Console().send_messages([message]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "Not sent, because EMAIL_BACKEND names no way to:\nTo: lead@example.com\nSubject: Bugs\n"
        "Attached: bugs.csv (3 bytes)\n\nThe file is attached.\n"
    )


def test_a_report_about_customers_that_are_removed_goes_with_the_last_of_them_and_is_never_about_all(
    ann: Access,
) -> None:
    one, two = CustomerFactory.create_batch(2)
    boss = Access(User.objects.create(username="boss", is_superuser=True))
    kept = {
        names: saved.save(boss, f"about-{len(names)}", report="bugs", parameters={}, customers=names)
        for names in ((one.name,), (one.name, two.name))
    }
    for report in kept.values():
        schedules.create(boss, report, Timing(6, weekday=0), form="csv", recipients=["lead@example.com"])
    sync_customers.remove(one)
    (left,) = SavedReport.objects.all()
    assert (left.pk, list(left.customers.all())) == (kept[one.name, two.name].pk, [two])
    assert [schedule.saved for schedule in ReportSchedule.objects.all()] == [left]
    left.customers.add(another := CustomerFactory.create())
    Customer.objects.filter(pk__in=(two.pk, another.pk)).delete()
    assert (SavedReport.objects.count(), ReportSchedule.objects.count()) == (0, 0)
