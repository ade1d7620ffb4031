"""What people did, in Django's admin log: every doorway that changes something for a user writes it here.

The events' own history (``TriageEntry``) says what happened to them; the admin log says what a user did, beside
everything else that user did in the admin. Call these in the transaction of the change (``cleared`` and ``undone``
right after it: they commit by themselves). Nothing is logged for the command line, nor for a step that changed nothing.
"""

from collections.abc import Collection

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model

from problematic.clearing import Cleared, Scope
from problematic.models import ProblematicEvent, RetryJob
from problematic.triage import By, Mapped
from problematic.undo import Undone

#: More numbers than this are only counted; the event's history has them all.
_SHOWN = 20


def mapped(by: By, event: ProblematicEvent, result: Mapped) -> None:
    parts = [f"Mapped {_numbers(result.added)}."] if result.added else []
    parts += [f"Queued {_numbers(result.revived)} again."] if result.revived else []
    _write(by, event, " ".join(parts))


def unmapped(by: By, event: ProblematicEvent, test_ids: Collection[int]) -> None:
    _write(by, event, f"Unmapped {_numbers(test_ids)}." if test_ids else "")


def retry_started(by: By, job: RetryJob) -> None:
    """Logged with the event it is about, or with the job when it is about several."""
    tests = "1 mapped test" if job.total == 1 else f"{job.total} mapped tests"
    _write(by, job.event or job, f"Started {job}: a retry of {tests}.")


def cleared(by: By, scope: Scope, result: Cleared) -> None:
    """With every event that went when they were named; otherwise one entry for the whole step."""
    if not result.position_ranges_cleared:
        return
    if scope.event_ids is not None:
        if isinstance(by, User):
            LogEntry.objects.log_actions(by.pk, result.events, CHANGE, summary(result))
        return
    customers = ", ".join(sorted(customer.name for customer in scope.customers))
    products = f"products {_numbers(sorted(scope.product_ids))}" if scope.product_ids else "all products"
    which = ", resolved events only" if scope.resolved_only else ""
    _write(
        by,
        ProblematicEvent,
        f"Cleared {result.position_ranges_cleared} position ranges with {result.test_ids_cleared} mapped test ids "
        f"({products} of {customers}{which}).",
    )


def undone(by: By, result: Undone) -> None:
    """With every event it was about."""
    if isinstance(by, User) and result.events:
        LogEntry.objects.log_actions(by.pk, result.events, CHANGE, undo_summary(result))


def undo_summary(result: Undone) -> str:
    """``Took back the clearing of 2 events with 3 mapped test ids.``"""
    if not result.is_clear:
        return f"Took back the {result.what} of test ids {_numbers(result.test_ids)}."
    events = "1 event" if len(result.events) == 1 else f"{len(result.events):,} events"
    tests = "1 mapped test id" if result.count == 1 else f"{result.count:,} mapped test ids"
    return f"Took back the {result.what} of {events} with {tests}."


def summary(result: Cleared) -> str:
    events = "1 event" if result.position_ranges_cleared == 1 else f"{result.position_ranges_cleared:,} events"
    tests = "1 mapped test id" if result.test_ids_cleared == 1 else f"{result.test_ids_cleared:,} mapped test ids"
    return f"Cleared {events} with {tests}."


def _numbers(numbers: Collection[int]) -> str:
    first = ", ".join(map(str, list(numbers)[:_SHOWN]))
    more = len(numbers) - _SHOWN
    return f"{first} and {more} more" if more > 0 else first


def _write(by: By, about: Model | type[Model], message: str) -> None:
    if not message or not isinstance(by, User):
        return
    row = about if isinstance(about, Model) else None
    LogEntry.objects.create(
        user_id=by.pk,
        content_type=ContentType.objects.get_for_model(about),
        object_id=str(row.pk) if row else None,
        object_repr=str(row or about._meta.verbose_name_plural)[:200],
        action_flag=CHANGE,
        change_message=message,
    )
