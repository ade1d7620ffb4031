"""A finished report as mail. How it is sent is Django's (EMAIL_BACKEND and what belongs to it)."""

import sys
from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.utils.text import get_valid_filename

from reports import exports
from reports.models import ReportRun, ReportSchedule

#: Larger files are refused by many servers: the mail then says where the file is.
MOST_BYTES = 15_000_000


class Console(BaseEmailBackend):
    """Sends nothing: shows on standard error what would be sent, and how large its files are instead of the files."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            sys.stderr.write(_told(message))
        return len(email_messages)


def _told(message: EmailMessage) -> str:
    files = [f"Attached: {each[0]} ({len(each[1] or b''):,} bytes)" for each in message.attachments]
    head = [f"To: {', '.join(message.recipients())}", f"Subject: {message.subject}", *files]
    return "\n".join(["Not sent, because EMAIL_BACKEND names no way to:", *head, "", str(message.body), ""])


def send(schedule: ReportSchedule, run: ReportRun) -> None:
    """One message for all recipients, none of whom sees the others. Raises what the backend raises."""
    attached = run.size is not None and run.size <= MOST_BYTES
    message = EmailMessage(subject=_subject(run), body=_body(schedule, run, attached), bcc=list(schedule.recipients))
    if attached:
        message.attach(file_name(run), run.path.read_bytes(), exports.media_type(run.extension).partition(";")[0])
    message.send()


def file_name(run: ReportRun) -> str:
    """What the file is called outside: from the report's name, with nothing in it that a system might trip over."""
    stem = get_valid_filename(run.report.encode("ascii", "ignore").decode() or "report").strip("._-")[:80] or "report"
    return f"{stem}-{run.created_at:%Y-%m-%d-%H%M}.{run.extension}"


def _subject(run: ReportRun) -> str:
    return " ".join(f"{run.title} ({run.created_at:%Y-%m-%d})".split())


def _body(schedule: ReportSchedule, run: ReportRun, attached: bool) -> str:
    where = f"The file is attached: {file_name(run)}."
    if not attached:
        where = (
            f"The file is too large for a mail ({run.size or 0:,} bytes). {schedule.saved.owner} can download it as "
            f"{run.public_id} until {run.expires_at:%Y-%m-%d %H:%M} UTC."
        )
    return (
        f"{run.title}\n\n{where}\n\n"
        f"Sent {schedule.get_every_display()} for {schedule.saved.owner}, who scheduled the report "
        f'"{schedule.saved}" in TestIO Desk and can change or end this.\n'
    )
