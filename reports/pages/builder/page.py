"""One report: its parameters as a form, what it says as a page, and what can be made of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode

from reports import catalogue, saved
from reports.catalogue import BadParameters, Entry, NoSuchReport, ReportError
from reports.documents import Document, Kind
from reports.exports.cells import shown
from reports.models import SAVED_PREFIX, ReportSchedule, SavedReport
from reports.pages import access, files, frame, sheets
from reports.pages.builder import fields, mailing
from reports.pages.frame import Crumb
from reports.pages.sheets import Part
from reports.recipients import OUTSIDE
from reports.saved import KEEP
from reports.schedules import SCHEDULE
from sync.access import Access, Request
from sync.public_ids import NoSuchId, find
from sync.snapshot import snapshot

#: In the address where it holds all parameters, so that an empty one means "none" and not "as saved".
SET = "set"


@dataclass(frozen=True, slots=True)
class Asked:
    """A report with the parameters of an address: ``entry`` has none of its own where these are all of them."""

    entry: Entry
    given: Mapping[str, Any]
    faults: Mapping[str, str] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, Any]:
        return {**self.entry.parameters, **self.given}

    @property
    def query(self) -> str:
        return urlencode([*fields.pairs(self.parameters), (SET, "1")])


@dataclass(frozen=True, slots=True)
class Preview:
    """What a report says, or why it says nothing."""

    document: Document | None = None
    parts: list[Part] = field(default_factory=list)
    made: str = ""
    faults: Mapping[str, str] = field(default_factory=dict)
    error: str = ""


@access.page("sync.view_product")
def page(request: Request, name: str) -> HttpResponse:
    who = access.of(request)
    asked = read(request, name)
    preview = Preview(faults=asked.faults) if asked.faults else _preview(asked, who)
    entry, own_one = asked.entry, own(asked.entry, who)
    back = reverse("reports:report", args=[name])
    return frame.show(
        request,
        "reports/report.html",
        entry.title,
        above=[Crumb("Reports", reverse("reports:catalogue"))],
        entry=entry,
        is_own=own_one is not None and who.may(KEEP),
        is_shared=bool(own_one and own_one.is_shared),
        whose="" if not entry.is_saved else "yours" if own_one else f"by {entry.owner}",
        fields=fields.fields(entry.report, asked.parameters, preview.faults, who),
        other_faults=_elsewhere(entry, preview.faults),
        preview=preview,
        urls={name: f"{back}{name}/?{asked.query}" for name in ("files", "save", "schedule", "share", "delete")},
        forms=sheets.formats(),
        files=files.of(who),
        schedules=mailing.lines(who, own_one) if own_one else [],
        weekdays=ReportSchedule.Weekday.choices,
        may_save=who.may(KEEP),
        may_schedule=own_one is not None and who.may(SCHEDULE),
        may_mail_outside=who.may(OUTSIDE),
        email=request.user.email,
    )


def read(request: Request, name: str) -> Asked:
    """The report of this name, with the address's parameters. Raises ``Http404``."""
    try:
        entry = catalogue.find(access.of(request), name)
    except NoSuchReport as refusal:
        raise Http404(str(refusal)) from None
    if request.GET.get(SET):
        entry = replace(entry, parameters={})
    try:
        return _checked(Asked(entry, fields.given(entry.report, request.GET)))
    except BadParameters as refusal:
        return Asked(entry, {}, refusal.faults)


def own(entry: Entry, who: Access) -> SavedReport | None:
    """The saved report behind an entry, if it is the caller's."""
    if not entry.is_saved:
        return None
    try:
        return find(saved.own(who), SAVED_PREFIX, entry.saved_id)
    except NoSuchId:
        return None


def _checked(asked: Asked) -> Asked:
    try:
        asked.entry.report.read(asked.parameters)
    except BadParameters as refusal:
        return replace(asked, faults=refusal.faults)
    return asked


def _preview(asked: Asked, who: Access) -> Preview:
    try:
        with snapshot():
            document = asked.entry.run(who, asked.given)
            return Preview(document, sheets.parts(document), _made(document))
    except BadParameters as refusal:
        return Preview(faults=refusal.faults)
    except ReportError as refusal:
        return Preview(error=str(refusal))


def _made(document: Document) -> str:
    made = f"Made at {shown(document.made_at, Kind.DATETIME)} UTC"
    if document.data_as_of is None:
        return made
    return f"{made}, from data of {shown(document.data_as_of, Kind.DATETIME)} UTC"


def _elsewhere(entry: Entry, faults: Mapping[str, str]) -> list[str]:
    """Faults of no field of the form."""
    return [reason for name, reason in faults.items() if name not in entry.report.parameters.model_fields]
