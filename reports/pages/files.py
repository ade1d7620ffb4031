"""Reports as files: one's own runs with how far they are, ordering one, deleting one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header

from reports import exports, runs
from reports.models import RUN_PREFIX, ReportRun
from reports.pages import access, sheets, words
from sync.access import Access, Request
from sync.public_ids import NoSuchId, find

VIEW = "reports.view_reportrun"
SHOWN = 8
_TONES = {"running": "info", "succeeded": "good", "failed": "bad", "interrupted": "bad"}
_WORDS = {"running": "writing", "succeeded": "ready", "failed": "failed", "interrupted": "interrupted"}


@dataclass(frozen=True, slots=True)
class Run:
    """One file. ``percent`` is from 0 to 100, None while nobody knows how much there is."""

    id: str
    title: str
    form: str
    state: str
    tone: str
    more: str
    is_running: bool
    percent: float | None
    file_url: str
    delete_url: str


@dataclass(frozen=True, slots=True)
class Files:
    """``url`` shows them again; it is asked while ``is_moving``. ``error``: why the last order was refused."""

    runs: Sequence[Run]
    url: str
    is_moving: bool
    error: str = ""


def of(who: Access, *, error: str = "") -> Files | None:
    """The caller's newest runs; None for those who may have none."""
    if not who.may(VIEW):
        return None
    newest = ReportRun.objects.seen(who)[: SHOWN * 2]
    if any(run.is_abandoned for run in newest) and runs.interrupt_dead():
        newest = newest.all()
    now = timezone.now()
    rows = [run for run in newest if who.may(run.permission)]
    shown = [_run(run, now) for run in rows[:SHOWN]]
    return Files(shown, reverse("reports:files"), any(run.is_running for run in shown), error)


@access.page(VIEW)
def panel(request: Request) -> HttpResponse:
    return _panel(request)


@access.action(VIEW)
def delete(request: Request, run: str) -> HttpResponse:
    """Delete one's own file; one that is being written stops."""
    try:
        found = find(ReportRun.objects.seen(access.of(request)), RUN_PREFIX, run)
    except NoSuchId as refusal:
        raise Http404(str(refusal)) from None
    runs.delete(found)
    return answered(request, reverse("reports:catalogue"))


def answered(request: Request, back: str, error: str = "") -> HttpResponse:
    """After a change: the files again, in their place on the page, or the page ``back``."""
    if request.headers.get("HX-Request"):
        return _panel(request, error)
    if error:
        messages.error(request, error)
    return HttpResponseRedirect(f"{back}#files")


def attached(content: bytes, stem: str, extension: str) -> HttpResponse:
    """A file to be saved: no browser may take it for a page of ours."""
    answer = HttpResponse(content, content_type=exports.media_type(extension))
    answer["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=f"{stem}.{extension}")
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer["Cache-Control"] = "private, no-store"
    return answer


def _panel(request: Request, error: str = "") -> HttpResponse:
    found = of(access.of(request), error=error)
    if found is None:
        raise PermissionDenied(f"Your account lacks the permission {VIEW}.")
    return render(request, "reports/components/files.html", {"files": found})


def _run(run: ReportRun, now: datetime) -> Run:
    progress = run.progress
    return Run(
        id=run.public_id,
        title=run.title,
        form=_short(run.format),
        state="expired" if run.is_expired else _WORDS.get(run.status, run.status),
        tone="" if run.is_expired else _TONES.get(run.status, ""),
        more=_more(run, now),
        is_running=run.status == ReportRun.Status.RUNNING,
        percent=None if progress is None else round(progress * 100, 1),
        file_url=reverse("api:run_file", args=[run.public_id]) if run.has_file else "",
        delete_url=reverse("reports:delete_file", args=[run.public_id]),
    )


def _short(name: str) -> str:
    return next((form.short for form in sheets.formats() if form.name == name), name)


def _more(run: ReportRun, now: datetime) -> str:
    if run.error:
        return run.error
    if run.is_expired:
        return f"Kept until {words.day(run.expires_at)}. Run the report again for a new file."
    rows = words.plural(run.rows_written, "row")
    if run.status == ReportRun.Status.RUNNING:
        return f"{rows} of {words.count(run.rows_expected)}" if run.rows_expected else f"{rows} so far"
    size = _size(run.size or 0)
    return f"{rows}, {size}, {words.ago(run.finished_at, now)}; kept until {words.day(run.expires_at)}"


def _size(size: int) -> str:
    if size < 1_000:
        return words.plural(size, "byte")
    return f"{size / 1_000:,.0f} kB" if size < 1_000_000 else f"{size / 1_000_000:,.1f} MB"
