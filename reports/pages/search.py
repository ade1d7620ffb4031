"""Searching everything that is synced: one list of products, features, tests and bugs, the best first."""

import hashlib
from dataclasses import dataclass

from django.http import HttpResponse
from django.urls import reverse

from reports.pages import access, cells, filters, frame, words
from reports.pages.links import changed
from reports.pages.product_tests import Pager
from reports.search import ENTITIES, Entity, Found, NothingToSearch, Part, Result, paging, search, understand
from sync import access as visible
from sync.access import Access, Request
from sync.api.keyset import BadCursor
from sync.snapshot import snapshot

PAGE = 25
_KINDS = {"product": "Products", "feature": "Features", "test": "Tests", "bug": "Bugs"}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing found; ``where`` says what it belongs to."""

    url: str
    title: list[Part]
    kind: str
    snippet: list[Part]
    where: str


@access.page("sync.view_product")
def page(request: Request) -> HttpResponse:
    who = access.of(request)
    allowed = {entity.name: entity for entity in ENTITIES if who.may(entity.permission)}
    query = filters.text(request.GET, "q")
    kind = filters.one_of(request.GET, "kind", list(allowed))
    after = request.GET.get("after", "")
    found, refusal, after = _found(query, [allowed[kind]] if kind else list(allowed.values()), who, after)
    return frame.show(
        request,
        "reports/search.html",
        "Search",
        query=query,
        kind=kind,
        kinds=[(name, _KINDS[name]) for name in allowed],
        results=[_line(result) for result in found.results],
        pager=_pager(found, request, query, is_first=not after),
        searched=_searched(found),
        nothing=_nothing(query, refusal),
    )


def _found(query: str, entities: list[Entity], who: Access, after: str) -> tuple[Found, str, str]:
    """What was found, or nothing and the sentence that says why; and ``after``, empty where it leads nowhere."""
    nothing = Found([], [], None)
    if not query:
        return nothing, "", ""
    try:
        place = paging.read(after, _belongs_to(query), {entity.name for entity in entities}) if after else None
    except BadCursor:  # a link of yesterday still opens, at the beginning
        place, after = None, ""
    try:
        with snapshot():
            seen = None if who.customers is None else list(visible.products(who).values_list("pk", flat=True))
            question = understand(query)
            found = search(question, entities, product_ids=seen, dates={}, after=place, limit=PAGE)
    except NothingToSearch as refused:
        return nothing, str(refused), ""
    return found, "", after


def _belongs_to(query: str) -> str:
    return hashlib.blake2b(query.encode(), digest_size=6).hexdigest()


def _pager(found: Found, request: Request, query: str, *, is_first: bool) -> Pager:
    path, asked = request.path, request.GET
    end = paging.write(found.end, _belongs_to(query)) if found.end else None
    ranked = sum(each.ranked for each in found.searched)
    is_all = is_first and found.end is None
    more = "at least " if any(each.more for each in found.searched) else ""
    return Pager(
        words.plural(ranked, "result") if is_all else f"{len(found.results)} of {more}{words.plural(ranked, 'result')}",
        "" if is_first else changed(path, asked, after=None),
        changed(path, asked, after=end) if end else "",
    )


def _searched(found: Found) -> str:
    """What the order of the results leaves out."""
    more = [f"{each.ranked} newest {_KINDS[each.type].lower()}" for each in found.searched if each.more]
    return f"Of many matches, the {' and the '.join(more)} are ranked. Add a word to find older ones." if more else ""


def _line(result: Result) -> Line:
    page_of = {"product": "reports:product", "test": "reports:test", "bug": "reports:bug"}
    if result.type in page_of:
        url = reverse(page_of[result.type], args=[result.id])
    else:
        url = reverse("reports:product", args=[result.product_id])
    title = (
        result.title_parts if result.title.strip() else [Part(f"{result.type.capitalize()} {result.id}", match=False)]
    )
    return Line(url, title, result.type, result.snippet, _where(result))


def _where(result: Result) -> str:
    product = "" if result.type == "product" else cells.title(result.product, f"Product {result.product_id}", 60)
    gone = "no longer in TestIO" if result.missing_since else ""
    parts = (str(result.id), product, result.customer, words.day(result.date) if result.date else "", gone)
    return ", ".join(filter(None, parts))


def _nothing(query: str, refusal: str) -> dict[str, str]:
    if refusal:
        return {"title": "Nothing to look for", "text": refusal}
    if query:
        text = 'Try fewer words, the beginning of one with a star ("check*"), or look in everything.'
        return {"title": "Nothing found", "text": text}
    text = "Type words of a title, a goal, a step or a result, or the id of a test or a bug. All words must occur."
    return {"title": "What are you looking for?", "text": text}
