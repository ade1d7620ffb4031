"""Which rows are ranked: all that match, or the newest where a word is in so many that nobody could read them all.

"Newest" is by TestIO's number, which only grows. Finding rows has two prices: walking down from the newest costs by
row, whatever is looked for; the index of words costs by match. A common word is found soon on a short walk, a rare one
has few matches. What the walk has seen of a word tells how far down the index has to be asked for those between.

Whether the words of a phrase follow each other cannot be seen in the index, so of rows that have them all at most
``HORIZON`` are looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.search import SearchRank
from django.db import connection
from django.db.models import BigIntegerField, BooleanField, Case, F, Func, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Cast, Least, Round

from reports.search.entities import Entity
from reports.search.words import Parsed, Question

#: Of each kind of record, so many are ranked at most.
RANKED = 200
#: Rows of the walk.
WALK = 1_000
HORIZON = 2_000

Rows = QuerySet[Any]

# The planner takes comparing words for cheap, as if they were not kept beside their rows, and would read hundreds of
# thousands of them instead of asking the index of words, which only bitmaps can use. So it is told which way to go, and
# to begin at once instead of starting helpers.
_DOWN_THE_KEY = {
    "enable_seqscan": "off",
    "enable_indexscan": "on",
    "enable_bitmapscan": "off",
    "max_parallel_workers_per_gather": "0",
}
_BY_WORDS = _DOWN_THE_KEY | {"enable_indexscan": "off", "enable_bitmapscan": "on"}
_ITS_OWN = {"enable_seqscan": "on", "enable_indexscan": "on", "enable_bitmapscan": "on"}

# Points: where it is found outweighs how often.
_IS_THE_NUMBER = 4_000_000
_IN_TITLE = 2_000_000
_MOST_BY_RANK = 1_999_999
_PER_RANK = 100_000


@dataclass(frozen=True, slots=True)
class Window:
    """The numbers between which rows of one kind are ranked, both included. It stays from page to page: what is
    inserted meanwhile pushes nothing out."""

    oldest: int
    newest: int


@dataclass(frozen=True, slots=True)
class Candidates:
    """``found``: points by number; ``more``: older rows may match too and were not ranked."""

    found: dict[int, int]
    window: Window
    more: bool


@dataclass(frozen=True, slots=True)
class Search:
    """Candidates of one kind among ``rows``; ``window`` is None on the first page."""

    entity: Entity
    rows: Rows
    window: Window | None = None

    @property
    def oldest(self) -> int:
        return self.window.oldest if self.window else 0

    @property
    def most(self) -> int:
        """On later pages there is room for what was inserted between those that are ranked already."""
        return 2 * RANKED if self.window else RANKED


@dataclass(frozen=True, slots=True)
class Walk:
    """The newest number there is, and the last on the way down: 0 if the walk reaches every row."""

    newest: int
    floor: int

    def reach(self, matches: int, wanted: int) -> int:
        """Down to which number, about, there are ``wanted`` rows like those ``matches``: 0 if nobody can tell."""
        if not matches:
            return 0
        return max(0, self.newest - (self.newest - self.floor) * 2 * wanted // matches)


def find(searches: Sequence[Search], question: Question) -> dict[str, Candidates]:
    """By the kind's name. Needs an open transaction: for as long as it looks, the planner's settings are its own."""
    walks = _walks(searches)
    _plan(_DOWN_THE_KEY)
    found = {
        each.entity.name: _chosen(each, walk.newest, _along(each, walk, question.match), question)
        for each, walk in zip(searches, walks, strict=True)
    }
    _plan(_BY_WORDS)
    for each, walk in zip(searches, walks, strict=True):
        walked = found[each.entity.name]
        if not walked.more and each.oldest <= walk.floor > 0:
            found[each.entity.name] = _by_index(each, walk, len(walked.found), question)
    _plan(_ITS_OWN)
    if question.number is None:
        return found
    return {each.entity.name: _with_number(found[each.entity.name], each, question) for each in searches}


def _walks(searches: Sequence[Search]) -> list[Walk]:
    """One statement for all of them."""
    parts = [
        rows.order_by("-pk").values_list(Value(place), Value(step), "pk")[step : step + 1]
        for place, rows in enumerate(_in_window(each) for each in searches)
        for step in (0, WALK)
    ]
    numbers = {(place, step): pk for place, step, pk in parts[0].union(*parts[1:], all=True)}
    return [Walk(numbers.get((place, 0), 0), numbers.get((place, WALK), 0)) for place in range(len(searches))]


def _in_window(search: Search) -> Rows:
    if search.window is None:
        return search.rows
    return search.rows.filter(pk__gte=search.window.oldest, pk__lte=search.window.newest)


def _plan(way: dict[str, str]) -> None:
    with connection.cursor() as cursor:
        for_each = ", ".join(["set_config(%s, %s, true)"] * len(way))
        cursor.execute(f"SELECT {for_each}", [part for setting in way.items() for part in setting])


def _along(search: Search, walk: Walk, words: str) -> Rows:
    rows = _in_window(search).filter(pk__gt=walk.floor, pk__lte=walk.newest)
    return rows.filter(search=Parsed(words)).order_by("-pk")


def _by_index(search: Search, walk: Walk, walked: int, question: Question) -> Candidates:
    rows = _in_window(search).filter(pk__lte=walk.newest)
    if question.loose != question.match:
        return _by_index_in_order(search, walk, rows, question)
    if oldest := walk.reach(walked, search.most):
        near = _chosen(search, walk.newest, _indexed(rows.filter(pk__gte=oldest), question.match), question)
        if near.more:
            return near
    return _chosen(search, walk.newest, _indexed(rows, question.match), question)


def _by_index_in_order(search: Search, walk: Walk, rows: Rows, question: Question) -> Candidates:
    _plan(_DOWN_THE_KEY)
    oldest = walk.reach(_along(search, walk, question.loose).count(), HORIZON)
    _plan(_BY_WORDS)
    ids = list(_indexed(rows.filter(pk__gte=oldest), question.loose).values_list("pk", flat=True)[:HORIZON])
    if oldest and len(ids) < HORIZON:
        ids = list(_indexed(rows, question.loose).values_list("pk", flat=True)[:HORIZON])
    in_order = search.rows.filter(_is_one_of(ids), search=Parsed(question.match)).order_by("-pk")
    _plan(_DOWN_THE_KEY)
    found = _chosen(search, walk.newest, in_order, question, looked_until=ids[-1] if len(ids) == HORIZON else 0)
    _plan(_BY_WORDS)
    return found


def _is_one_of(ids: list[int]) -> Func:
    """The list as one value, where ``pk__in`` would make thousands of it."""
    array = Value(ids, output_field=ArrayField(BigIntegerField()))
    anything = Func(array, template="ANY (%(expressions)s)", output_field=BigIntegerField())
    return Func(F("pk"), anything, template="%(expressions)s", arg_joiner=" = ", output_field=BooleanField())


def _indexed(rows: Rows, words: str) -> Rows:
    # Something to compute keeps the planner from walking down the primary key after all.
    return rows.filter(search=Parsed(words)).order_by((F("pk") + Value(0)).desc())


def _chosen(search: Search, newest: int, rows: Rows, question: Question, *, looked_until: int = 0) -> Candidates:
    """The newest of ``rows``, which come in that order, with their points."""
    found = _ranked(search.entity, rows[: search.most + 1], question)
    oldest = max(search.oldest, looked_until)
    more = len(found) > search.most
    if more:
        del found[min(found)]
        oldest = min(found)
    return Candidates(found, search.window or Window(oldest, newest), more or oldest > 0)


def _ranked(entity: Entity, ids: Rows, question: Question) -> dict[int, int]:
    # Chosen first, in a statement within, so that only those are ranked.
    return dict(entity.rows.filter(pk__in=ids.values("pk")).values_list("pk", _points(question)))


def _points(question: Question) -> Any:
    rank = SearchRank(F("search"), Parsed(question.match)) * Value(float(_PER_RANK))
    whole = Cast(Least(Round(rank), Value(float(_MOST_BY_RANK))), IntegerField())
    in_title = Case(When(search=Parsed(question.title), then=Value(_IN_TITLE)), default=Value(0))
    is_number = Case(When(Q(pk=question.number or 0), then=Value(_IS_THE_NUMBER)), default=Value(0))
    return whole + in_title + is_number


def _with_number(candidates: Candidates, search: Search, question: Question) -> Candidates:
    """A number alone also means the record with that id."""
    found = _ranked(search.entity, search.rows.filter(pk=question.number), question)
    return Candidates(candidates.found | found, candidates.window, candidates.more)
