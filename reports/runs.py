"""Reports written to files, in the background or here: as rows whose progress their owners can watch.

A thread of the process that was asked does the work, so that a site without a worker can do it too. Everything that is
read is as of one moment (``snapshot``), while a second thread says how far it is and notices when the run is deleted.
"""

import logging
import os
import tempfile
import threading
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, InterfaceError, OperationalError, connection, connections, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from reports import exports
from reports.catalogue import Entry, ReportError, narrowed
from reports.exports import Format
from reports.models import ReportRun, SavedReport, exports_folder
from sync.access import Access
from sync.heartbeat import Heartbeat
from sync.leases import lock_timeout
from sync.models.process import this_process
from sync.snapshot import snapshot

log = logging.getLogger(__name__)

#: One user's at once: each reads much and takes a thread of the site.
MOST_AT_ONCE = 3

#: What no row knows is removed after so many seconds: until then its row may still be about to say so.
_ORPHANED_AFTER = 24 * 3600
_DRAFT = ".draft-"

Status = ReportRun.Status


class RunRefused(Exception):
    """Why a report is not written to a file now, and what to do."""


class TooManyRuns(RunRefused):
    """Somebody has as many running as they may."""


class _Deleted(Exception):
    """The run is not wanted any more."""


def start(
    entry: Entry, given: Mapping[str, Any], name: str, access: Access, *, saved: SavedReport | None = None
) -> ReportRun:
    """Begin to write a report once the current transaction is committed; the run to watch.

    Raises ``BadParameters``, ``NoSuchFormat``, ``TooManyRuns`` and ``PermissionDenied``.
    """
    entry.check(access, given)
    interrupt_dead()
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=access.user.pk)  # one after the other, so that all count
        running = ReportRun.objects.filter(owner=access.user, status=Status.RUNNING).count()
        running = max(running, _at_work(access.user.pk))  # one that was deleted goes on until it notices
        if running >= MOST_AT_ONCE:
            raise TooManyRuns(f"{running} of your reports are being written. Wait for one of them, or delete one.")
        run = _create(entry, given, exports.find(name), access, saved)
        transaction.on_commit(lambda: _in_thread(run, entry, access))
    return run


def make(
    entry: Entry, given: Mapping[str, Any], name: str, access: Access, *, saved: SavedReport | None = None
) -> ReportRun:
    """Write a report now; the run as it ended. Raises as ``start`` does."""
    run = _create(entry, given, exports.find(name), access, saved)
    _do(run, entry, access)
    run.refresh_from_db()
    return run


def delete(run: ReportRun) -> None:
    """With its file. One that is being written stops by itself soon."""
    ReportRun.objects.filter(pk=run.pk).delete()
    if run.extension:
        run.path.unlink(missing_ok=True)


def interrupt_dead() -> int:
    """Mark runs whose process is gone, or silent elsewhere."""
    running = ReportRun.objects.filter(status=Status.RUNNING)
    silent = Q(heartbeat_at__lt=Now() - lock_timeout())
    gone = Q(pk__in=[run.pk for run in running if run.process_is_gone])
    error = "The process that wrote it is gone. Run the report again."
    return running.filter(silent | gone).update(status=Status.INTERRUPTED, finished_at=Now(), error=error)


def prune() -> int:
    """Remove what has expired, and files of runs that ended without a word; how many runs that were."""
    expired = list(ReportRun.objects.expired())
    for run in expired:
        delete(run)
    _remove_orphans()
    return len(expired)


def _create(
    entry: Entry, given: Mapping[str, Any], form: Format, access: Access, saved: SavedReport | None
) -> ReportRun:
    if not access.may(entry.report.permission):
        raise PermissionDenied(f"Your account lacks the permission {entry.report.permission}.")
    sees = narrowed(access, entry.customers).customers
    return ReportRun.objects.create(
        report=entry.name,
        title=entry.title,
        saved=saved,
        parameters=entry.asked(given),
        format=form.name,
        owner=access.user,
        permission=entry.report.permission,
        customer_ids=None if sees is None else sorted(sees),
        expires_at=timezone.now() + timedelta(days=settings.DESK_EXPORT_DAYS),
        **this_process(),
    )


def _in_thread(run: ReportRun, entry: Entry, access: Access) -> None:
    name = f"{_thread_of(access.user.pk)}{run}"
    threading.Thread(target=_do_and_close, args=(run, entry, access), name=name, daemon=True).start()


def _thread_of(owner: int) -> str:
    return f"report-of-{owner}-"


def _at_work(owner: int) -> int:
    """Threads of this process that write reports of this user."""
    return sum(thread.name.startswith(_thread_of(owner)) for thread in threading.enumerate())


def _do_and_close(run: ReportRun, entry: Entry, access: Access) -> None:
    try:
        _do(run, entry, access)
    except (DatabaseError, InterfaceError):
        log.exception("The end of report %s could not be stored.", run)
    finally:
        connections.close_all()


def _do(run: ReportRun, entry: Entry, access: Access) -> None:
    """Write the file and record how it ended."""
    # Until something better is known: an exception nobody named must not leave the run "running".
    error = "It stopped on an unexpected error; the log of the site has its details."
    try:
        _write(run, entry, access)
        error = ""
    except _Deleted:
        log.info("Report %s was deleted while it was written.", run)
    except ReportError as trouble:
        error = str(trouble)
    except (OperationalError, InterfaceError) as trouble:
        log.warning("Report %s lost the database: %s", run, trouble)
        error = "The database went away while the report was read. Run it again."
        connection.close()
    except OSError as trouble:
        log.warning("Report %s could not be written: %s", run, trouble)
        error = (
            f"The file could not be written: {trouble.strerror}. Free some space where DATA_DIR is, and run it again."
        )
    finally:
        _running(run).update(status=Status.FAILED, finished_at=Now(), error=error)


def _write(run: ReportRun, entry: Entry, access: Access) -> None:
    folder = exports_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=folder, prefix=_DRAFT)  # for its owner only
    try:
        with os.fdopen(handle, "w+b") as file, _Pulse(run) as pulse, snapshot():
            document = entry.run(access, run.parameters)
            pulse.expected = document.expected_rows
            exports.write(document, run.format, file, pulse.seen)
        run.extension = exports.find(run.format).extension(document)
        _finish(run, Path(draft), pulse)
    finally:
        Path(draft).unlink(missing_ok=True)


def _finish(run: ReportRun, draft: Path, pulse: "_Pulse") -> None:
    size = draft.stat().st_size
    draft.replace(run.path)
    done = _running(run).update(
        status=Status.SUCCEEDED,
        finished_at=Now(),
        extension=run.extension,
        size=size,
        rows_written=pulse.rows,
        rows_expected=pulse.rows,
    )
    if not done:
        run.path.unlink(missing_ok=True)


def _running(run: ReportRun) -> Any:
    return ReportRun.objects.filter(pk=run.pk, status=Status.RUNNING)


def _remove_orphans() -> None:
    folder, old = exports_folder(), time.time() - _ORPHANED_AFTER
    if not folder.is_dir():
        return
    files = [path for path in folder.iterdir() if path.is_file() and path.stat().st_mtime < old]
    known = {f"{run.hex}.{ending}" for run, ending in ReportRun.objects.values_list("pk", "extension")}
    for path in files:
        if path.name not in known:
            path.unlink(missing_ok=True)


class _Pulse(Heartbeat):
    """Stores how far a run is, for as long as the block lasts, and notices when the run is deleted.

    What is read in the block is read inside one transaction, where nothing can be stored.
    """

    def __init__(self, run: ReportRun) -> None:
        super().__init__(f"report {run}", look=self._store)
        self._report = run
        self._deleted = threading.Event()
        self.rows = 0
        self.expected: int | None = None

    def seen(self, rows: int) -> None:
        """For the writer. Raises ``_Deleted``."""
        self.rows = rows
        if self._deleted.is_set():
            raise _Deleted

    def _store(self) -> None:
        so_far = {"rows_written": self.rows, "rows_expected": self.expected, "heartbeat_at": Now()}
        if not _running(self._report).update(**so_far):
            self._deleted.set()
