"""Whether TestIO answers, and whether the work that nobody starts by hand goes on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, DurationField, ExpressionWrapper, F, Max, Min, Q, Sum
from django_celery_beat.models import PeriodicTask

from reports.pages import words
from sync import access, limiter, refresh
from sync.access import Access
from sync.models import Customer, Product, SyncEvent, SyncPhase
from sync.models.status import Status

#: Customers in the table: those in trouble first.
SHOWN = 10
#: Beat ticks every ten seconds; after so long without one it is not there.
BEAT_IS_GONE = timedelta(minutes=2)
#: A product that has been due for so long waits for a worker that does not come.
LATE = timedelta(minutes=10)
_DAY = timedelta(days=1)

# A session lock's number is split into two halves of 32 bits; see sync.limiter for what it is made of.
_SLOTS = """
    SELECT ((classid::bigint << 32 | objid::bigint) >> 16) & 4294967295, count(*) FROM pg_locks
    JOIN pg_database ON pg_database.oid = database AND datname = current_database()
    WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND classid::bigint >> 16 = %s
    GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Api:
    """How TestIO answered for one customer in the last day. ``pace``: seconds for a call, storing included."""

    customer: str
    calls: str
    failed: str
    pace: str
    last: str
    limiter: str
    tone: str
    error: str


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign of life: good, or what to do."""

    name: str
    text: str
    tone: str
    advice: str = ""


def api(customers: Sequence[Customer], who: Access, now: datetime) -> list[Api]:
    if not who.may("sync.view_syncevent"):
        return []
    ids = [customer.pk for customer in customers]
    calls, errors, slots = _calls(ids, now), _errors(ids, now), _slots()
    rows = [
        _api(each, calls.get(each.pk, {}), errors.get(each.pk, ""), slots.get(each.pk, 0), now) for each in customers
    ]
    return sorted(rows, key=lambda row: ("bad", "warn", "").index(row.tone))[:SHOWN]


def _api(customer: Customer, row: Mapping[str, Any], error: str, slots: int, now: datetime) -> Api:
    calls, failed, seconds = row.get("calls") or 0, row.get("failed") or 0, row.get("seconds")
    waits = customer.api_paused_until is not None and customer.api_paused_until > now
    return Api(
        customer=customer.name,
        calls=words.count(calls),
        failed=words.count(failed),
        pace=f"{seconds.total_seconds() / calls:.2f} s" if calls and seconds else words.NONE,
        last=words.ago(row.get("last"), now),
        limiter=_limiter(customer, slots, now, waits=waits),
        tone="bad" if customer.paused_at else "warn" if waits or failed else "",
        error=customer.paused_reason or error,
    )


def _limiter(customer: Customer, slots: int, now: datetime, *, waits: bool) -> str:
    if waits and customer.api_paused_until:
        seconds = words.duration((customer.api_paused_until - now).total_seconds())
        return f"waits {seconds}: TestIO asked for it (429)"
    return f"{slots} of {settings.TESTIO_MAX_CONCURRENT_REQUESTS} in use"


def _calls(customers: Sequence[int], now: datetime) -> Mapping[int, Mapping[str, Any]]:
    """From the phases, which are counted while they run."""
    took = ExpressionWrapper(F("finished_at") - F("started_at"), output_field=DurationField())
    phases = SyncPhase.objects.filter(event__customer__in=customers, event__started_at__gte=now - _DAY).order_by()
    rows = phases.values(customer=F("event__customer")).annotate(
        calls=Sum("api_calls"),
        failed=Count("pk", filter=Q(status=Status.FAILED)),
        seconds=Sum(took),
        last=Max("started_at"),
    )
    return {row["customer"]: row for row in rows}


def _errors(customers: Sequence[int], now: datetime) -> Mapping[int, str]:
    """The last one of each customer, and when: what came after it may have gone well."""
    failed = SyncEvent.objects.filter(customer__in=customers, status=Status.FAILED, finished_at__gte=now - _DAY)
    last = failed.order_by("customer", "-started_at").distinct("customer")
    rows = last.values_list("customer", "finished_at", "error")
    return {pk: f"{words.ago(at, now)}: {error}" for pk, at, error in rows if error}


def _slots() -> Mapping[int, int]:
    """Calls under way, by customer."""
    with connection.cursor() as cursor:
        cursor.execute(_SLOTS, [limiter.NAMESPACE])
        return dict(cursor.fetchall())


def background(who: Access, now: datetime) -> list[Sign]:
    """Who refreshes the data, and whether it keeps up."""
    if not who.may("sync.view_product"):
        return []
    return [_motor(now), _queue(who, now)]


def _motor(now: datetime) -> Sign:
    """The watcher, or beat: one of them has to tick."""
    watcher = refresh.watching()
    if watcher is not None:
        cycle = f"last cycle {words.ago(watcher.last_cycle_at, now)}" if watcher.last_cycle_at else "in its first cycle"
        return Sign("Watcher", f"Process {watcher.pid} on {watcher.host.split()[0]}, {cycle}", "good")
    ticked = PeriodicTask.objects.filter(enabled=True).aggregate(last=Max("last_run_at"))["last"]
    if ticked and now - ticked < BEAT_IS_GONE:
        return Sign("Beat", f"Ticked {words.ago(ticked, now)}", "good")
    when = f"Last seen {words.ago(ticked, now)}" if ticked else "Never seen"
    advice = "Nothing is refreshed by itself. Start “make worker”, or “manage.py refresh --watch”."
    return Sign("Watcher or beat", when, "bad", advice)


def _queue(who: Access, now: datetime) -> Sign:
    rows = access.products(who).filter(missing_since=None).order_by()
    due = rows.filter(pk__in=Product.objects.due()).aggregate(count=Count("pk"), oldest=Min("next_sync_at"))
    settled = rows.aggregate(last=Max("settled_at"))["last"]
    last = f"last one done {words.ago(settled, now)}"
    if not due["count"]:
        return Sign("Refreshes", f"None is due, {last}", "good")
    is_late = due["oldest"] < now - LATE
    advice = "Workers do not keep up, or there are none: start more of them." if is_late else ""
    text = f"{words.plural(due['count'], 'product')} due, the first since {words.ago(due['oldest'], now)}; {last}"
    return Sign("Refreshes", text, "warn" if is_late else "good", advice)
