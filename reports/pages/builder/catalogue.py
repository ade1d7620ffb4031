"""All reports there are: found by name, tag or description; with one's files and what is mailed."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpResponse
from django.urls import reverse

from reports import catalogue
from reports.builtin import REPORTS
from reports.catalogue import Entry
from reports.pages import access, files, frame
from reports.pages.builder import mailing
from reports.pages.filters import text
from reports.pages.links import changed
from reports.pages.parts import Choice, Option
from sync.access import Request

_ICONS = {"quality": "monitoring", "metrics": "query_stats", "bugs": "bug_report", "tests": "labs", "gaps": "report"}
_ICONS |= {"freshness": "schedule", "custom-reports": "assignment", "test-cases": "checklist", "features": "extension"}


@dataclass(frozen=True, slots=True)
class Card:
    title: str
    description: str
    url: str
    icon: str
    tags: Sequence[str]
    note: str = ""


@access.page("sync.view_product")
def page(request: Request) -> HttpResponse:
    who = access.of(request)
    words, tag = text(request.GET, "q")[:200], text(request.GET, "tag")[:40]
    found = catalogue.search(who, words, tag=tag)
    everything = catalogue.entries(who)
    return frame.show(
        request,
        "reports/catalogue.html",
        "Reports",
        query=words,
        tag=tag,
        tags=_tags(everything, request),
        built_in=[_card(each, who.user.get_username()) for each in _in_order(found, words) if not each.is_saved],
        saved=[_card(each, who.user.get_username()) for each in found if each.is_saved],
        is_narrowed=bool(words or tag),
        files=files.of(who),
        schedules=mailing.lines(who),
    )


def url_of(entry: Entry) -> str:
    """A saved one by its id: several people may use the same name."""
    return reverse("reports:report", args=[entry.saved_id or entry.name])


def _card(entry: Entry, reader: str) -> Card:
    whose = "yours" if entry.owner == reader else f"by {entry.owner}"
    note = f"{entry.report.title}, {whose}" if entry.is_saved else ""
    return Card(entry.title, entry.description, url_of(entry), _icon(entry), entry.tags, note)


def _in_order(found: Sequence[Entry], words: str) -> Sequence[Entry]:
    """The best match first; without words as the program offers them, the most asked for first."""
    if words:
        return found
    order = [report.name for report in REPORTS]
    return sorted(found, key=lambda entry: order.index(entry.report.name))


def _icon(entry: Entry) -> str:
    return _ICONS.get(entry.report.name, "summarize")


def _tags(everything: Sequence[Entry], request: Request) -> Choice:
    path, query, chosen = request.path, request.GET, request.GET.get("tag", "")
    tags = sorted({tag for entry in everything for tag in entry.tags})
    options = [Option(tag, changed(path, query, tag=None if tag == chosen else tag), tag == chosen) for tag in tags]
    return Choice("Tags", options)
