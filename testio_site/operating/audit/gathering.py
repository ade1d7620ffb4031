"""Entries from what the rooms write down themselves: the admin's log, and the runs with whoever asked for them.

Everything takes ``apps``, so that the migration that begins the trail can copy what was there before it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import apps as current_apps
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.db.models import Q

from sync.models.run import RUN_PREFIX
from sync.public_ids import public_id

#: Rows asked for at once.
_PIECE = 5_000


@dataclass(frozen=True, slots=True)
class Found:
    """What a row says. ``source`` names the row."""

    source: str
    at: datetime
    kind: str
    by: Any
    what: str
    customer: Any = None


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows, and since when; everybody's and all where it is not said."""

    user: Any = None
    since: datetime | None = None

    def rows(self, rows: Any, user: str, at: str) -> Any:
        wanted = {f"{user}__isnull": False} if self.user is None else {user: self.user.pk}
        return rows.filter(**wanted, **({f"{at}__gte": self.since} if self.since else {}))


def gather(
    scope: Scope,
    *,
    apps: Any = current_apps,
    began: datetime | None = None,
    address: str | None = None,
    through: str = "",
) -> int:
    """Write down what is not in the trail yet; how many of it are of the request that ``began`` then.

    Those are given its ``address``; what is older came from somewhere nobody knows any more.
    """
    model = apps.get_model("testio_site", "AuditEntry")
    found = {each.source: each for each in (*_logged(scope, apps), *_runs(scope, apps))}
    known = _known(model, list(found))
    new = [each for source, each in found.items() if source not in known]
    of_request = {each.source for each in new if began and each.at >= began}
    entries = (
        model(
            source=each.source,
            at=each.at,
            kind=each.kind,
            by_id=each.by.pk,
            name=each.by.username,
            what=each.what,
            customer_id=each.customer.pk if each.customer else None,
            customer_name=each.customer.name if each.customer else "",
            address=address if each.source in of_request else None,
            through=through if each.source in of_request else "",
        )
        for each in new
    )
    model.objects.bulk_create(entries, batch_size=1_000, ignore_conflicts=True)
    return len(of_request)


def _known(model: Any, sources: Sequence[str]) -> set[str]:
    """Those of the sources that have an entry already; asked in pieces, as there may be a year's."""
    pieces = (sources[first : first + _PIECE] for first in range(0, len(sources), _PIECE))
    return {
        source for piece in pieces for source in model.objects.filter(source__in=piece).values_list("source", flat=True)
    }


# The admin's log ------------------------------------------------------------------------------------------------------


def _logged(scope: Scope, apps: Any) -> Iterator[Found]:
    rows = scope.rows(apps.get_model("admin", "LogEntry").objects, "user", "action_time")
    entries = list(rows.select_related("user", "content_type").order_by("pk"))
    of_row = _customers(entries, apps)
    for entry in entries:
        yield Found(
            f"log:{entry.pk}",
            entry.action_time,
            _kind(entry),
            entry.user,
            _what(entry),
            of_row.get((_model(entry), entry.object_id)),
        )


def _model(entry: Any) -> str:
    return entry.content_type.model if entry.content_type else ""


def _kind(entry: Any) -> str:
    if _model(entry) == "apitoken":
        return "token"
    room = entry.content_type.app_label if entry.content_type else ""
    if room == "sync" and entry.action_flag == CHANGE and not entry.change_message.startswith("["):
        return "sync"  # a step, in a sentence: what a form changed the log keeps as JSON
    return "triage" if room == "problematic" else "change"


def _what(entry: Any) -> str:
    """ "Customer acme: Changed name." The log's own words, after what they are about."""
    name = _name(entry)
    about = f"{name} {entry.object_repr}".strip()
    if entry.action_flag == DELETION:
        return f"Deleted {about}."
    said = LogEntry.get_change_message(entry)
    if entry.action_flag == ADDITION:
        return f"Added {about}."
    return f"{about[:1].upper() if name else about[:1]}{about[1:]}: {said or 'saved, nothing changed.'}"


def _name(entry: Any) -> str:
    """What the thing is called; nothing for what has a public id, which says it."""
    model = _model(entry)
    if model in ("problematicevent", "retryjob", "syncevent"):
        return ""
    known = current_apps.all_models.get(entry.content_type.app_label, {}).get(model) if entry.content_type else None
    return str(known._meta.verbose_name) if known else model


def _customers(entries: Collection[Any], apps: Any) -> Mapping[tuple[str, str], Any]:
    """The customer of each row the log speaks of, as far as it is there still and belongs to one."""
    found: dict[tuple[str, str], Any] = {}
    for name, (app, way) in _WAYS.items():
        ids = {each.object_id for each in entries if _model(each) == name and each.object_id}
        if not ids:
            continue
        rows = apps.get_model(app, name).objects.filter(pk__in=list(_readable(ids)))
        found |= {(name, str(row.pk)): _at(row, way) for row in (rows.select_related(way) if way else rows)}
    return found


def _at(row: Any, way: str) -> Any:
    """What the way leads to; None where it ends before."""
    for part in filter(None, way.split("__")):
        row = getattr(row, part) if row is not None else None
    return row


#: The way from what the log speaks of to its customer; itself where there is none.
_WAYS = {
    "customer": ("sync", ""),
    "product": ("sync", "customer"),
    "synclease": ("sync", "product__customer"),
    "problematicevent": ("problematic", "product__customer"),
    "retryjob": ("problematic", "event__product__customer"),
}


def _readable(ids: Collection[str]) -> Iterator[str]:
    """Keys that the database can compare with."""
    for text in ids:
        if text.isdecimal() or _is_uuid(text):
            yield text


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


# Runs -----------------------------------------------------------------------------------------------------------------


def _runs(scope: Scope, apps: Any) -> Iterator[Found]:
    runs = apps.get_model("sync", "SyncEvent").objects.select_related("customer")
    started = scope.rows(runs.select_related("requested_by", "customer"), "requested_by", "started_at")
    for run in started.order_by("started_at"):
        words = f"Started {_run(run)} of {run.customer.name} ({str(run.mode).replace('_', ' ')})."
        yield Found(f"run:{run.pk}", run.started_at, "sync", run.requested_by, words, run.customer)
    cancelled = runs.select_related("cancel_requested_by", "customer").filter(~Q(cancel_requested_at=None))
    for run in scope.rows(cancelled, "cancel_requested_by", "cancel_requested_at").order_by("cancel_requested_at"):
        words = f"Cancelled {_run(run)} of {run.customer.name}."
        yield Found(f"cancel:{run.pk}", run.cancel_requested_at, "sync", run.cancel_requested_by, words, run.customer)


def _run(run: Any) -> str:
    return public_id(RUN_PREFIX, run.pk)
