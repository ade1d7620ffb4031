"""What can be made of a report: a file, a saved report of one's own, a mail every week or month."""

import re

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.urls import reverse
from django.utils.text import slugify

from reports import runs, saved, schedules
from reports.catalogue import BadParameters, ReportError
from reports.exports import NoSuchFormat
from reports.models import SavedReport
from reports.pages import access, files
from reports.pages.builder.page import Asked, own, read
from reports.pages.filters import text
from reports.runs import RunRefused
from reports.saved import KEEP, BadFields
from reports.schedules import SCHEDULE, Timing
from sync.access import Request
from sync.models import Customer


@access.action(files.VIEW)
def order(request: Request, name: str) -> HttpResponse:
    """Begin to write the report to a file."""
    asked, back = read(request, name), _page(request, name)
    if asked.faults:
        return files.answered(request, back, str(BadParameters(asked.faults)))
    try:
        runs.start(asked.entry, asked.given, request.POST.get("format", ""), access.of(request))
    except (BadParameters, NoSuchFormat, RunRefused) as refusal:
        return files.answered(request, back, str(refusal))
    return files.answered(request, back)


@access.action(KEEP)
def save(request: Request, name: str) -> HttpResponse:
    """Keep the report with its parameters under a title of one's own."""
    asked, who, body = read(request, name), access.of(request), request.POST
    title = text(body, "title")[:200] or asked.entry.title
    try:
        if asked.faults:
            raise BadParameters(asked.faults)
        kept = saved.save(
            who,
            _name(body, title),
            report=asked.entry.report.name,
            parameters=asked.parameters,
            title=title,
            description=text(body, "description")[:2000],
            tags=text(body, "tags")[:400].split(","),
            is_shared=bool(body.get("shared")),
            customers=_customers(asked),
        )
    except ReportError as refusal:
        messages.error(request, str(refusal))
        return HttpResponseRedirect(_page(request, name))
    messages.success(request, f"{kept.title} is saved.")
    return HttpResponseRedirect(reverse("reports:report", args=[kept.public_id]))


@access.action(KEEP)
def share(request: Request, name: str) -> HttpResponse:
    """Show one's saved report to others, or to nobody else any more."""
    kept = _own(request, name)
    if kept is not None:
        kept.is_shared = not kept.is_shared
        kept.save(update_fields=["is_shared"])
        words = "Everybody who may see such data finds it now." if kept.is_shared else "Only you find it now."
        messages.success(request, words)
    return HttpResponseRedirect(_page(request, name))


@access.action(KEEP)
def delete(request: Request, name: str) -> HttpResponse:
    """Delete one's saved report, with what is mailed of it."""
    kept = _own(request, name)
    if kept is None:
        return HttpResponseRedirect(_page(request, name))
    messages.success(request, f"{kept.title} is deleted.")
    saved.delete(access.of(request), kept)
    return HttpResponseRedirect(reverse("reports:catalogue"))


@access.action(SCHEDULE)
def schedule(request: Request, name: str) -> HttpResponse:
    """Mail one's saved report regularly."""
    kept = _own(request, name)
    if kept is None:
        return HttpResponseRedirect(_page(request, name))
    body = request.POST
    try:
        timing = _timing(body)
        recipients = re.split(r"[\s,;]+", text(body, "recipients")[:2000])
        chosen = [each for each in recipients if each]
        schedules.create(access.of(request), kept, timing, form=body.get("format", ""), recipients=chosen)
    except (ReportError, NoSuchFormat) as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{kept.title} is mailed from now on.")
    return HttpResponseRedirect(f"{_page(request, name)}#mail")


def _own(request: Request, name: str) -> SavedReport | None:
    """Raises ``Http404`` for what the caller cannot even see."""
    kept = own(read(request, name).entry, access.of(request))
    if kept is None:
        messages.error(request, "Only whoever saved a report changes it. Save it under a title of your own.")
    return kept


def _page(request: Request, name: str) -> str:
    query = request.GET.urlencode()
    return reverse("reports:report", args=[name]) + (f"?{query}" if query else "")


def _name(body: QueryDict, title: str) -> str:
    """What commands call it: given, or made of the title."""
    return slugify(text(body, "name") or title)[:63] or "report"


def _customers(asked: Asked) -> list[str]:
    """A report that was about some customers only stays so."""
    if asked.entry.customers is None:
        return []
    return list(Customer.objects.filter(pk__in=asked.entry.customers).values_list("name", flat=True))


def _timing(body: QueryDict) -> Timing:
    """Raises ``BadFields``."""
    hour = _number(body, "hour")
    if hour is None:
        raise BadFields({"hour": "it is from 0 to 23"})
    if body.get("every") == "month":
        return Timing(hour, day=_number(body, "day"))
    return Timing(hour, weekday=_number(body, "weekday"))


def _number(body: QueryDict, name: str) -> int | None:
    value = text(body, name)
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 4 else None
