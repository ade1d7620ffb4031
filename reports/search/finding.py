"""The search itself: candidates of every kind, ranked together, and a page of them made ready to be shown."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import DateTimeField, F, Q, Value
from django.db.models.functions import Left

from reports.search import candidates, highlight
from reports.search.candidates import Candidates, Rows, Search, Window
from reports.search.entities import Entity
from reports.search.highlight import Part
from reports.search.words import Question
from sync.models import Bug

#: Of each text, so many characters are looked through for a snippet.
_READ = 4_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ended, and which rows of each kind are ranked, by the kind's name."""

    points: int
    kind: str
    id: int
    windows: Mapping[str, Window]


@dataclass(frozen=True, slots=True)
class Result:
    """``rank`` as points: titles above texts above mere numbers; ``date`` is None for products and features."""

    type: str
    id: int
    title: str
    title_parts: list[Part]
    snippet: list[Part]
    rank: int
    product_id: int
    product: str
    customer: str
    date: datetime | None
    missing_since: datetime | None


@dataclass(frozen=True, slots=True)
class Searched:
    """How many records of a kind were ranked, and whether older ones match too."""

    type: str
    ranked: int
    more: bool


@dataclass(frozen=True, slots=True)
class Found:
    """``end`` is None on the last page."""

    results: list[Result]
    searched: list[Searched]
    end: Place | None


def search(
    question: Question,
    entities: Sequence[Entity],
    *,
    product_ids: Sequence[int] | None,
    dates: Mapping[str, Q],
    after: Place | None,
    limit: int,
) -> Found:
    """The next ``limit`` results among these kinds, the best first, then by kind and the newest.

    ``product_ids``: the products the caller may see and asks about, None for all there are; ``dates``: what the date of
    each kind must meet. A number of statements that does not depend on the number of results. Pages stay in step while
    rows are inserted. Needs an open transaction: a snapshot.
    """
    ranked = _candidates(question, entities, product_ids, dates, after)
    order = {entity.name: place for place, entity in enumerate(entities)}
    hits = sorted((-points, order[name], -pk) for name, each in ranked.items() for pk, points in each.found.items())
    if after is not None:
        hits = [hit for hit in hits if hit > (-after.points, order[after.kind], -after.id)]
    page = [(entities[place], -pk, -points) for points, place, pk in hits[:limit]]
    shown = {entity: _shown(entity, page, question) for entity in {entity for entity, _, _ in page}}
    return Found(
        # A row that was deleted since it was ranked is left out: nobody reads it any more.
        results=[shown[entity][pk] for entity, pk, _ in page if pk in shown[entity]],
        searched=[Searched(name, len(each.found), each.more) for name, each in ranked.items()],
        end=_end(page, ranked) if len(hits) > limit else None,
    )


def _candidates(
    question: Question,
    entities: Sequence[Entity],
    product_ids: Sequence[int] | None,
    dates: Mapping[str, Q],
    after: Place | None,
) -> dict[str, Candidates]:
    windows = after.windows if after else {}
    searches = [
        Search(entity, _rows(entity, product_ids, dates.get(entity.date, Q())), windows.get(entity.name))
        for entity in entities
    ]
    return candidates.find(searches, question)


def _rows(entity: Entity, product_ids: Sequence[int] | None, dates: Q) -> Rows:
    rows = entity.rows.filter(dates)
    return rows if product_ids is None else rows.filter(**{f"{entity.product_id}__in": product_ids})


def _end(page: Sequence[tuple[Entity, int, int]], ranked: Mapping[str, Candidates]) -> Place:
    entity, pk, points = page[-1]
    return Place(points, entity.name, pk, {name: each.window for name, each in ranked.items()})


def _shown(entity: Entity, page: Iterable[tuple[Entity, int, int]], question: Question) -> dict[int, Result]:
    points = {pk: points for each, pk, points in page if each == entity}
    rows = entity.rows.filter(pk__in=points).values_list(
        "pk",
        F(entity.title),
        F(entity.product_id),
        F(entity.of_product("name")),
        F(entity.of_product("customer__name")),
        F(entity.date) if entity.date else Value(None, output_field=DateTimeField()),
        F("missing_since"),
        *(_text(entity, name) for name in entity.texts),
    )
    return {row[0]: _result(entity, row, points[row[0]], question) for row in rows}


def _text(entity: Entity, name: str) -> Any:
    return F(name) if entity.manager.model is Bug and name == "steps" else Left(name, _READ)


def _result(entity: Entity, row: tuple[Any, ...], points: int, question: Question) -> Result:
    pk, title, product_id, product, customer, date, missing_since, *texts = row
    plain = [text if isinstance(text, str) else "\n".join(text)[:_READ] for text in texts]
    return Result(
        type=entity.name,
        id=pk,
        title=title,
        title_parts=highlight.marked(title[:_READ], question),
        snippet=highlight.snippet(plain, question),
        rank=points,
        product_id=product_id,
        product=product,
        customer=customer,
        date=date,
        missing_since=missing_since,
    )
