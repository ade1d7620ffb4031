"""The explorer's page, the values it offers to filter by, and its answer as a file."""

import io
from dataclasses import replace

from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from reports import exports
from reports.exports import NoSuchFormat
from reports.limits import limits_of_answer
from reports.metrics import DIMENSIONS, MEASURES, REPORT_MEASURES, Unanswerable, answer
from reports.metrics_document import document
from reports.pages import access, files, frame, sheets
from reports.pages.explorer import drawing, filtering, pivot
from reports.pages.explorer.asked import LIMITS, VIEWS, Asked
from reports.pages.explorer.filtering import NoSuchValue
from reports.pages.filters import text
from reports.pages.parts import Choice, Option
from sync.access import Request, require

PERIODS = {
    "last month": "Last month",
    "last quarter": "Last quarter",
    "this year": "This year",
    "last 12 months": "12 months",
    "": "All time",
}


@access.page("sync.view_bug")
def metrics(request: Request) -> HttpResponse:
    require(request, "sync.view_test")
    who, asked = access.of(request), Asked.read(request.GET)
    adding, value, fault = text(request.GET, "add"), text(request.GET, "value"), ""
    if adding and value:
        try:
            return HttpResponseRedirect(filtering.added(asked, adding, value, who).url(request.path))
        except NoSuchValue as refusal:
            fault = str(refusal)
    found, refused = None, ""
    try:
        found = pivot.ask(asked, who)
    except Unanswerable as refusal:
        refused = str(refusal)
    limited = limits_of_answer(found.main.query, who) if found else None
    return frame.show(
        request,
        "reports/metrics.html",
        "Metrics",
        freshness=limited.freshness if limited else None,
        asked=asked,
        measures=[(each, each.name in asked.measures) for each in MEASURES.values()],
        own_measures=[each for each in asked.asked_measures if each.name not in MEASURES],
        made=[(kind, kind.removeprefix("report_"), words) for kind, words in REPORT_MEASURES.items()],
        dimensions=[each for each in DIMENSIONS.values() if each.groups],
        filterable=list(DIMENSIONS.values()),
        rows=[*asked.rows, "", ""][:2],
        limits=LIMITS,
        periods=_periods(asked, request.path),
        views=_views(asked, request.path),
        chips=filtering.chips(asked, request.path, who),
        adding=adding,
        value=value if fault else "",
        fault=fault,
        refused=refused,
        heading=pivot.title(asked),
        found=found,
        notes=[*found.main.notes, *limited.notes] if found and limited else [],
        sheet=pivot.sheet(found, request.path) if found and asked.view != "chart" else None,
        chart=drawing.chart(found) if found and asked.view != "table" else None,
        files=[(each, asked.url(reverse("reports:metrics_file", args=[each.name]))) for each in sheets.formats()],
        save_url=_save_url(asked),
        values_url=reverse("reports:metrics_values"),
    )


@access.page("sync.view_bug")
def values(request: Request) -> HttpResponse:
    """What ``add`` can be filtered by, for the input beside it."""
    require(request, "sync.view_test")
    found = filtering.suggestions(Asked.read(request.GET), text(request.GET, "add"), access.of(request))
    return render(request, "reports/components/values.html", {"values": found})


@access.page("sync.view_bug")
def file(request: Request, form: str) -> HttpResponse:
    """The answer with all of its rows."""
    require(request, "sync.view_test")
    asked = Asked.read(request.GET)
    try:
        writer = exports.find(form)
        question = asked.query(asked.dimensions, sort=asked.sort)
    except (NoSuchFormat, Unanswerable) as refusal:
        raise Http404(str(refusal)) from None
    who = access.of(request)
    made = document(answer(question, who), pivot.title(asked), timezone.now(), limits_of_answer(question, who))
    out = io.BytesIO()
    writer.write(made, out, lambda _: None)
    return files.attached(out.getvalue(), f"metrics-{made.made_at:%Y-%m-%d-%H%M}", writer.extension(made))


def _save_url(asked: Asked) -> str:
    """The same question as a report."""
    pairs = [("measure", name) for name in asked.measures] + [("dimension", name) for name in asked.dimensions]
    pairs += [("keep", f"{name}={value}") for name, value in asked.filter_pairs()]
    is_period = asked.since == asked.until
    pairs += [("period", asked.since)] if is_period else [("since", asked.since), ("until", asked.until)]
    pairs += [("dated_by", asked.dated_by), ("sort", asked.sort), ("set", "1")]
    pairs.append(("compare", "true" if asked.compare else ""))
    return f"{reverse('reports:report', args=['metrics'])}?{urlencode([pair for pair in pairs if pair[1]])}"


def _periods(asked: Asked, path: str) -> Choice:
    options = [
        Option(name, replace(asked, since=phrase, until=phrase).url(path), asked.since == phrase == asked.until)
        for phrase, name in PERIODS.items()
    ]
    return Choice("Period", options)


def _views(asked: Asked, path: str) -> Choice:
    options = [Option(name, replace(asked, view=view).url(path), asked.view == view) for view, name in VIEWS.items()]
    return Choice("Shown as", options)
