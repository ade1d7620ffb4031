"""The catalogue of reports, and reports as files, for programs, under ``/api/v1/reports``."""

from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import FileResponse, Http404, HttpResponse
from django.urls import reverse
from ninja import Field, P, PathEx, Query, Router, Schema, Status
from ninja.errors import ValidationError
from pydantic import BaseModel, ConfigDict

from reports import catalogue, exports, mail, runs
from reports.api.saved import refuse_missing
from reports.catalogue import Entry, NoSuchReport
from reports.exports import NoSuchFormat
from reports.models import RUN_PREFIX, ReportRun
from reports.runs import TooManyRuns
from sync.access import Request, require
from sync.api import params
from sync.pipeline import SyncImpossible
from sync.public_ids import find
from sync.summaries import when

router = Router(tags=["Reports"])

VIEW = "reports.view_reportrun"

RunId = PathEx[str, P(description="The UUID, the public id, or the beginning of either.", example="rep_0123456789ab")]
Name = PathEx[str, P(max_length=63, description="A report's name, or the id of a saved one.", example="bugs")]
FormatName = Literal["csv", "xlsx", "markdown", "json", "pdf"]
RunStatus = Literal["running", "succeeded", "failed", "interrupted"]

STARTED = {"responses": {202: {"headers": {"Location": {"description": "The run.", "schema": {"type": "string"}}}}}}
FILE = {"responses": {200: {"description": "The file.", "content": {each: {} for each in exports.MEDIA_TYPES}}}}


class CatalogueQuery(Schema):
    q: str = Field("", max_length=200, description="Words that must all be in a report's name, title, tags or text.")
    tag: str = Field("", max_length=40, description="Only reports with this tag.")


class ReportCard(BaseModel):
    name: str = Field(examples=["bugs"])
    title: str
    description: str
    tags: list[str]
    id: str | None = Field(description="The public id of a saved report; null for one that is built in.")
    owner: str | None = Field(description="Who saved it.")
    report: str = Field(description="The built-in report it is made of.")
    set_parameters: dict[str, Any] = Field(description="What it sets itself; a run may set them otherwise.")
    parameters: dict[str, Any] = Field(description="JSON Schema of the parameters it takes.")


class Catalogue(BaseModel):
    reports: list[ReportCard]


class RunOrder(Schema):
    model_config = ConfigDict(extra="forbid")

    report: str = Field(max_length=63, description="Its name, or the id of a saved one.", examples=["bugs"])
    format: FormatName = Field(description="What to write.")
    parameters: dict[str, Any] = Field({}, description="As the catalogue describes them.")


class RunCard(BaseModel):
    id: str = Field(examples=["rep_0123456789ab"])
    report: str
    title: str
    parameters: dict[str, Any]
    format: FormatName
    status: RunStatus
    progress: float | None = Field(description="From 0 to 1; null while nobody knows how much there is to write.")
    rows_written: int
    rows_expected: int | None
    size: int | None = Field(description="Bytes of the file.")
    error: str
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime = Field(description="When the run and its file are removed.")
    is_expired: bool = Field(description="Past that moment: its file is not to be had any more.")
    file: str | None = Field(description="Where to download it; null until there is something, and once it expired.")


class RunList(BaseModel):
    runs: list[RunCard]


class RunQuery(Schema):
    status: Annotated[list[RunStatus], *params.SEVERAL] = Field(
        [], description="Only runs in these states; may be repeated."
    )
    limit: int = Field(50, ge=1, le=200, description="How many to answer with at most, the newest first.")


# The catalogue --------------------------------------------------------------------------------------------------------


@router.get("/reports/catalogue", response=Catalogue)
def list_reports(request: Request, query: Query[CatalogueQuery]) -> Catalogue:
    """The reports you may run, with their parameters; the best matches of `q` first."""
    found = catalogue.search(request.access, query.q, tag=query.tag)
    return Catalogue(reports=[_card(entry) for entry in found])


@router.get("/reports/catalogue/{name}", response={200: ReportCard, 404: None})
def read_report(request: Request, name: Name) -> ReportCard:
    """One report and its parameters."""
    return _card(_entry(request, name))


# Runs -----------------------------------------------------------------------------------------------------------------


@router.post("/reports/runs", response={202: RunCard, 404: None, 409: None}, openapi_extra=STARTED)
def start_run(request: Request, body: RunOrder, response: HttpResponse) -> Status[RunCard]:
    """Begin to write a report to a file. `Location` is the run to watch; its `file` is there when it has succeeded.

    What the parameters name and is not there, or not yours to see, is answered with 404.
    """
    require(request, VIEW)
    entry = _entry(request, body.report)
    refuse_missing(request, entry, body.parameters)
    try:
        run = runs.start(entry, body.parameters, body.format, request.access)
    except NoSuchFormat as error:
        raise ValidationError([{"loc": ("body", "format"), "msg": str(error)}]) from None
    except TooManyRuns as error:
        raise SyncImpossible(str(error)) from None
    response["Location"] = reverse("api:read_run", args=[run.public_id])
    return Status(202, _run_card(run))


@router.get("/reports/runs", response=RunList)
def list_runs(request: Request, query: Query[RunQuery]) -> RunList:
    """Your runs, the newest first, as long as they have not expired."""
    require(request, VIEW)
    rows = ReportRun.objects.seen(request.access).kept()
    if query.status:
        rows = rows.filter(status__in=query.status)
    return RunList(runs=[_run_card(run) for run in rows[: query.limit]])


@router.get("/reports/runs/{run}", response={200: RunCard, 404: None}, url_name="read_run")
def read_run(request: Request, run: RunId) -> RunCard:
    """How far a run has come, and where its file is; of one that expired, that it did, until it is removed."""
    return _run_card(_run(request, run))


@router.delete("/reports/runs/{run}", response={204: None, 404: None})
def delete_run(request: Request, run: RunId) -> Status[None]:
    """Delete a run with its file. One that is being written stops."""
    runs.delete(_run(request, run))
    return Status(204, None)


@router.get("/reports/runs/{run}/file", response={200: None, 404: None}, openapi_extra=FILE, url_name="run_file")
def download(request: Request, run: RunId) -> FileResponse:
    """The file of a run that has succeeded, until it expires. Only whoever ordered it gets it."""
    row = _run(request, run)
    if row.is_expired:
        raise Http404(
            f"Report {row} expired at {when(row.expires_at)}: files are not kept longer. Run the report again."
        )
    if not row.has_file:
        raise Http404(f"Report {row} has no file: it is {row.status}. {row.error}".strip())
    try:
        file = row.path.open("rb")
    except FileNotFoundError:
        raise Http404(f"The file of report {row} is not here any more. Run the report again.") from None
    response = FileResponse(
        file, as_attachment=True, filename=mail.file_name(row), content_type=exports.media_type(row.extension)
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "private, no-store"
    return response


# ----------------------------------------------------------------------------------------------------------------------


def _entry(request: Request, name: str) -> Entry:
    try:
        return catalogue.find(request.access, name)
    except NoSuchReport as error:
        raise Http404(str(error)) from None


def _run(request: Request, text: str) -> ReportRun:
    """The caller's own run; for a caller who may not read such data (any more) there is none."""
    require(request, VIEW)
    row = find(ReportRun.objects.seen(request.access), RUN_PREFIX, text)
    if not request.access.may(row.permission):
        raise Http404(f'There is no report run "{text}".')
    if row.is_abandoned and runs.interrupt_dead():
        row.refresh_from_db()
    return row


def _card(entry: Entry) -> ReportCard:
    return ReportCard(**catalogue.described(entry))


def _run_card(run: ReportRun) -> RunCard:
    card = {name: getattr(run, name) for name in RunCard.model_fields.keys() - {"id", "file"}}
    file = reverse("api:run_file", args=[run.public_id]) if run.has_file else None
    return RunCard(id=run.public_id, file=file, **card)
