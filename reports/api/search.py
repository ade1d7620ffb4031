"""The search for programs."""

from collections.abc import Sequence
from typing import Annotated

from django.db.models import Q, QuerySet
from ninja import Field, Query, Router
from pydantic import BeforeValidator

from reports.search import ENTITIES, Entity, Found, NothingToSearch, Place, Question, paging, search, understand
from reports.search.documents import Kind, SearchPage
from reports.search.words import LONGEST
from sync import freshness
from sync.access import NotHere, Request, require
from sync.api import keyset, params
from sync.api.conditional import Answer, documented, reads
from sync.api.listing import age_of, belongs_to, products_in_scope
from sync.models import Product

router = Router(tags=["Search"])

MOST_RESULTS = 100


class SearchFilters(params.OfProducts):
    q: str = Field(
        min_length=1,
        max_length=LONGEST,
        pattern=r"^[^\u0000]*$",
        description=(
            "Words that must all be there, in any form; the last may be unfinished. `word*`: anything that begins so; "
            '`"two words"`: next to each other; `-word`: without it; a number also finds the record with that id.'
        ),
        examples=['checkout "discount code" -android'],
    )
    type: Annotated[list[Kind], BeforeValidator(params.separate), Field(max_length=20)] = Field(
        [], description="Only these kinds of records; may be repeated, or several with commas."
    )
    since: params.Day | None = Field(None, description=f"Only tests that ended and bugs reported on {params.SINCE}")
    until: params.Day | None = Field(None, description=f"Only tests that ended and bugs reported on {params.UNTIL}")
    limit: int = Field(20, ge=1, le=MOST_RESULTS, description="How many results to answer with at most.")
    cursor: str | None = Field(
        None,
        max_length=keyset.LONGEST_CURSOR,
        pattern=r"^[-_A-Za-z0-9]+$",
        description="`next_cursor` of the page before; all other parameters but `limit` as they were then.",
    )


@router.get("/search", response=documented(SearchPage))
@reads("sync.view_product")
def search_everything(request: Request, query: Query[SearchFilters]) -> Answer:
    """Products, features with their user stories, tests and bugs by their words, titles first.

    Of each kind the newest 200 that match are ranked; `searched` says when there are more. Products and features have
    no date, so they are left out as soon as `since` or `until` is given. Pages stay in step while data is stored.
    """
    scope = products_in_scope(request.access, query.customer, query.product_id)
    entities = _entities(request, query)
    try:
        question = understand(query.q)
    except NothingToSearch as error:
        return _nothing(scope, str(error))
    if not entities:
        return _nothing(scope, "Products and features have no date. Ask for tests or bugs, or give no dates.")
    found = _found(request, query, question, entities, scope)
    shown = {result.product_id for result in found.results}
    age, stale = age_of(Product.objects.filter(pk__in=shown) if shown else scope, freshness.PARTS)
    document = {
        "results": found.results,
        "searched": found.searched,
        "note": None,
        "next_cursor": _cursor(request, found.end) if found.end else None,
        **age,
    }
    return Answer(document, stale)


def _nothing(scope: "QuerySet[Product]", reason: str) -> Answer:
    age, _ = age_of(scope, freshness.PARTS)
    return Answer({"results": [], "searched": [], "note": reason, "next_cursor": None, **age})


def _entities(request: Request, query: SearchFilters) -> list[Entity]:
    """What was asked for, or else all that the caller may see; none of those without a date where dates are given."""
    for entity in ENTITIES:
        if entity.name in query.type:
            require(request, entity.permission)
    dated = query.since is not None or query.until is not None
    wanted = [each for each in ENTITIES if each.name in query.type or not query.type]
    return [each for each in wanted if request.access.may(each.permission) and (each.date or not dated)]


def _found(
    request: Request, query: SearchFilters, question: Question, entities: Sequence[Entity], scope: "QuerySet[Product]"
) -> Found:
    everything = request.access.customers is None and not (query.customer or query.product_id)
    return search(
        question,
        entities,
        product_ids=None if everything else list(scope.values_list("pk", flat=True)),
        dates={each.date: _between(each, query) for each in entities if each.date},
        after=_place(request, query.cursor, entities),
        limit=query.limit,
    )


def _between(entity: Entity, query: SearchFilters) -> Q:
    return params.between(entity.date, query.since, query.until)


# Cursors --------------------------------------------------------------------------------------------------------------


def _cursor(request: Request, place: Place) -> str:
    return paging.write(place, belongs_to(request))


def _place(request: Request, cursor: str | None, entities: Sequence[Entity]) -> Place | None:
    if cursor is None:
        return None
    try:
        return paging.read(cursor, belongs_to(request), {entity.name for entity in entities})
    except keyset.BadCursor as error:
        raise NotHere({"cursor": str(error)}) from None
