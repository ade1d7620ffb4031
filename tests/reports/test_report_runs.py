import os
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

import openpyxl
import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from reports import catalogue, exports, runs
from reports.catalogue import BadParameters, Entry, NotThere
from reports.documents import Document
from reports.exports import Format, NoSuchFormat
from reports.exports.rows import Seen
from reports.models import ReportRun, exports_folder
from reports.runs import TooManyRuns
from sync.access import Access
from sync.models import Customer
from sync.models.process import this_process
from tests.reports import world
from tests.reports.world import of, person
from tests.sync.support import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ann(settings: Any, tmp_path: Path) -> Access:
    settings.DATA_DIR = tmp_path
    world.make()
    return of(person("ann", see_all=True))


def bugs(access: Access) -> Entry:
    return catalogue.find(access, "bugs")


def finished(run: ReportRun) -> ReportRun:
    def has_ended() -> bool:
        run.refresh_from_db()
        return run.status != ReportRun.Status.RUNNING

    wait_until(has_ended, "a report that is written")
    return run


def test_a_report_is_written_in_the_background_to_a_place_of_our_choosing(ann: Access) -> None:
    run = finished(runs.start(bugs(ann), {"product_id": [1]}, "xlsx", ann))
    assert (run.status, run.rows_written, run.progress, run.error) == ("succeeded", 3, 1.0, "")
    assert run.path == exports_folder() / f"{run.run_id.hex}.xlsx"
    assert run.path.stat().st_size == run.size
    assert run.path.stat().st_mode & 0o077 == 0
    assert openpyxl.load_workbook(run.path)["Bugs"].max_row == 4
    assert [path.name for path in exports_folder().iterdir()] == [run.path.name]


def test_what_cannot_be_asked_for_is_refused_at_once(ann: Access) -> None:
    with pytest.raises(BadParameters):
        runs.start(bugs(ann), {"severity": ["awful"]}, "csv", ann)
    with pytest.raises(NoSuchFormat):
        runs.start(bugs(ann), {}, "docx", ann)
    entry = bugs(ann)
    with pytest.raises(PermissionDenied):
        runs.start(entry, {}, "csv", of(User.objects.create_user("nobody")))
    assert not ReportRun.objects.exists()


def test_a_report_that_turns_out_impossible_says_why(ann: Access) -> None:
    run = runs.make(bugs(ann), {"product_id": [404]}, "csv", ann)
    assert (run.status, run.error) == ("failed", "product_id: there is no product 404.")
    assert list(exports_folder().iterdir()) == []


def test_an_impossible_report_is_not_begun(ann: Access) -> None:
    with pytest.raises(NotThere, match=r"product_id: there is no product 404\."):
        runs.start(bugs(ann), {"product_id": [404]}, "csv", ann)
    assert not ReportRun.objects.exists()


def test_one_user_writes_so_many_at_once_and_no_more(ann: Access) -> None:
    for _ in range(runs.MOST_AT_ONCE):
        made(ann)
    with pytest.raises(TooManyRuns, match="3 of your reports are being written"):
        runs.start(bugs(ann), {}, "csv", ann)


def test_a_run_that_was_deleted_counts_until_its_thread_has_noticed(
    ann: Access, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()
    monkeypatch.setattr(runs, "_do_and_close", lambda *_: ended.wait(30))
    try:
        for _ in range(runs.MOST_AT_ONCE):
            with django_capture_on_commit_callbacks(execute=True):
                started = runs.start(bugs(ann), {}, "csv", ann)
            runs.delete(started)
        with pytest.raises(TooManyRuns):
            runs.start(bugs(ann), {}, "csv", ann)
    finally:
        ended.set()


def test_a_run_whose_process_is_gone_is_interrupted(ann: Access) -> None:
    dead = made(ann, pid=2**22 + 1)
    alive = made(ann)
    assert dead.is_abandoned
    assert runs.interrupt_dead() == 1
    dead.refresh_from_db()
    alive.refresh_from_db()
    assert (dead.status, alive.status) == ("interrupted", "running")
    assert dead.error == "The process that wrote it is gone. Run the report again."


def test_expired_runs_go_with_their_files_and_forgotten_drafts_too(ann: Access) -> None:
    kept, old = (runs.make(bugs(ann), {}, "csv", ann) for _ in range(2))
    ReportRun.objects.filter(pk=old.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    draft = exports_folder() / ".draft-of-a-dead-process"
    draft.touch()
    os.utime(draft, (1, 1))
    os.utime(kept.path, (1, 1))
    assert runs.prune() == 1
    assert [path.name for path in exports_folder().iterdir()] == [kept.path.name]
    assert list(ReportRun.objects.all()) == [kept]


def test_deleting_a_run_stops_it(ann: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that never ends by itself, in place of one that takes long."""

    def endless(_: Document, __: BinaryIO, seen: Seen) -> None:
        while True:
            seen(1)

    monkeypatch.setitem(exports.FORMATS, "csv", Format("csv", "CSV", "text/csv", endless))
    run = runs.start(bugs(ann), {}, "csv", ann)
    runs.delete(run)
    wait_until(lambda: list(exports_folder().iterdir()) == [], "a writer that has stopped")
    assert not ReportRun.objects.exists()


def test_a_run_is_seen_by_its_owner_as_long_as_they_see_its_customers(ann: Access) -> None:
    acme, other = (Customer.objects.get(name=name) for name in ("acme", "other"))
    mia = person("mia", acme, other)
    run = runs.make(bugs(of(mia)), {}, "csv", of(mia))
    assert run.customer_ids == sorted([acme.pk, other.pk])
    assert list(ReportRun.objects.seen(of(mia))) == [run]
    assert not ReportRun.objects.seen(ann).exists()
    assert not ReportRun.objects.seen(of(mia).limited_to(frozenset(), [acme.pk])).exists()
    other.members.remove(mia)
    assert not ReportRun.objects.seen(of(mia)).exists()


def made(access: Access, **values: Any) -> ReportRun:
    return ReportRun.objects.create(
        report="bugs", title="Bugs", format="csv", owner=access.user, permission="sync.view_bug",
        expires_at=timezone.now() + timedelta(days=1), **{**this_process(), **values},
    )  # fmt: skip


@pytest.fixture(autouse=True)
def no_writer_left() -> Iterator[None]:
    yield
    wait_until(
        lambda: not any(each.name.startswith(("report-", "heartbeat of report")) for each in threading.enumerate()),
        "quiet",
    )
