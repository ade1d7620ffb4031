"""Which rows are ranked: all that match, or the newest where a word is in so many that nobody could read them all.

"Newest" is by TestIO's number, which only grows. Finding rows has two prices: walking down from the newest costs by
row, whatever is looked for; the index of words costs by match, all of them. A common word is found soon on a walk, a
rare one has few matches. What a short walk has seen of a word tells whether to walk on, and else how far down the
index has to be asked.

Whether the words of a phrase follow each other cannot be seen in the index, so of rows that have them all at most
``HORIZON`` are looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.search import SearchRank
from django.db import connection
from django.db.models import BigIntegerField, BooleanField, ExpressionWrapper, F, Func, Q, QuerySet, Value

from reports.search.entities import Entity
from reports.search.words import Parsed, Question

#: Of each kind of record, so many are ranked at most.
RANKED = 200
#: Rows of the walk, and how many times that far it goes on where enough is to be found.
WALK = 1_000
FURTHER = 6
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
    """The newest number there is, and the last of a short walk down: 0 if it comes by every row."""

    newest: int
    floor: int

    def reach(self, matches: int, wanted: int) -> int:
        """Down to which number, about, there are ``wanted`` rows like those ``matches``: 0 if nobody can tell."""
        if not matches:
            return 0
        return max(0, self.newest - (self.newest - self.floor) * 2 * wanted // matches)

    def may_go_on(self, down_to: int) -> bool:
        return self.newest - down_to <= (self.newest - self.floor) * FURTHER


@dataclass(frozen=True, slots=True)
class Look:
    """Points by number of one row more than are ranked, if there is one; ``until``: no match is missing above it."""

    found: dict[int, int]
    until: int = 0


def find(searches: Sequence[Search], question: Question) -> dict[str, Candidates]:
    """By the kind's name. Needs an open transaction: for as long as it looks, the planner's settings are its own."""
    walks = _walks(searches)
    _plan(_DOWN_THE_KEY)
    looks = [_walked(search, walk, question) for search, walk in zip(searches, walks, strict=True)]
    if not all(map(_is_enough, searches, looks)):
        _plan(_BY_WORDS)
        looks = [
            look if _is_enough(search, look) else _by_index(search, walk, len(look.found), question)
            for search, walk, look in zip(searches, walks, looks, strict=True)
        ]
    _plan(_ITS_OWN)
    return {
        search.entity.name: _with_number(_candidates(search, walk.newest, look), search, question)
        for search, walk, look in zip(searches, walks, looks, strict=True)
    }


def _walks(searches: Sequence[Search]) -> list[Walk]:
    """One statement for all of them."""
    ends = (0, WALK)
    parts = [
        rows.order_by("-pk").values_list(Value(number), "pk")[end : end + 1]
        for number, (rows, end) in enumerate((_in_window(each), end) for each in searches for end in ends)
    ]
    numbers = dict(parts[0].union(*parts[1:], all=True))
    return [Walk(numbers.get(2 * place, 0), numbers.get(2 * place + 1, 0)) for place in range(len(searches))]


def _in_window(search: Search) -> Rows:
    if search.window is None:
        return search.rows
    return search.rows.filter(pk__gte=search.window.oldest, pk__lte=search.window.newest)


def _plan(way: dict[str, str]) -> None:
    with connection.cursor() as cursor:
        for_each = ", ".join(["set_config(%s, %s, true)"] * len(way))
        cursor.execute(f"SELECT {for_each}", [part for setting in way.items() for part in setting])


def _is_enough(search: Search, look: Look) -> bool:
    return len(look.found) > search.most or look.until <= search.oldest


def _candidates(search: Search, newest: int, look: Look) -> Candidates:
    """What is ranked: one row more shows that older rows may match too, and is left out."""
    ranked = dict(sorted(look.found.items(), reverse=True)[: search.most])
    oldest = max(search.oldest, look.until, min(ranked) if len(look.found) > len(ranked) else 0)
    return Candidates(ranked, search.window or Window(oldest, newest), more=oldest > 0)


def _walked(search: Search, walk: Walk, question: Question) -> Look:
    """Only as far as it pays."""
    look = _look(search, _along(search, walk.floor, walk.newest, question.match), question)
    further = walk.reach(len(look.found), search.most)
    if len(look.found) > search.most or not walk.floor or not walk.may_go_on(further):
        return Look(look.found, walk.floor)
    below = _along(search, further, walk.floor, question.match)
    return Look(look.found | _look(search, below, question, room=search.most - len(look.found)).found, further)


def _along(search: Search, above: int, until: int, words: str) -> Rows:
    rows = _in_window(search).filter(pk__gt=above, pk__lte=until)
    return rows.filter(search=Parsed(words)).order_by("-pk")


def _by_index(search: Search, walk: Walk, walked: int, question: Question) -> Look:
    rows = _in_window(search).filter(pk__lte=walk.newest)
    if question.loose != question.match:
        return _by_index_in_order(search, walk, rows, question)
    if oldest := walk.reach(walked, search.most):
        near = _look(search, _indexed(rows.filter(pk__gte=oldest), question.match), question)
        if len(near.found) > search.most:
            return near
    return _look(search, _indexed(rows, question.match), question)


def _by_index_in_order(search: Search, walk: Walk, rows: Rows, question: Question) -> Look:
    _plan(_DOWN_THE_KEY)
    oldest = walk.reach(_along(search, walk.floor, walk.newest, question.loose).count(), HORIZON)
    _plan(_BY_WORDS)
    ids = list(_indexed(rows.filter(pk__gte=oldest), question.loose).values_list("pk", flat=True)[:HORIZON])
    if oldest and len(ids) < HORIZON:
        ids = list(_indexed(rows, question.loose).values_list("pk", flat=True)[:HORIZON])
    in_order = search.rows.filter(_is_one_of(ids), search=Parsed(question.match)).order_by("-pk")
    _plan(_DOWN_THE_KEY)
    look = _look(search, in_order, question)
    _plan(_BY_WORDS)
    return Look(look.found, until=ids[-1] if len(ids) == HORIZON else 0)


def _is_one_of(ids: list[int]) -> Func:
    """The list as one value, where ``pk__in`` would make thousands of it."""
    array = Value(ids, output_field=ArrayField(BigIntegerField()))
    anything = Func(array, template="ANY (%(expressions)s)", output_field=BigIntegerField())
    return Func(F("pk"), anything, template="%(expressions)s", arg_joiner=" = ", output_field=BooleanField())


def _indexed(rows: Rows, words: str) -> Rows:
    # Something to compute keeps the planner from walking down the primary key after all.
    return rows.filter(search=Parsed(words)).order_by((F("pk") + Value(0)).desc())


def _look(search: Search, rows: Rows, question: Question, *, room: int | None = None) -> Look:
    """The newest of ``rows``, which come in that order: ``room`` of them and one more, with their points."""
    return Look(_points(search.entity, rows[: (search.most if room is None else room) + 1], question))


def _points(entity: Entity, ids: Rows, question: Question) -> dict[int, int]:
    # Chosen first, in a statement within, so that only those are ranked.
    rows = entity.rows.filter(pk__in=ids.values("pk")).values_list(
        "pk",
        SearchRank(F("search"), Parsed(question.match)),
        ExpressionWrapper(Q(search=Parsed(question.title)), output_field=BooleanField()),
    )
    return {
        pk: min(round(rank * _PER_RANK), _MOST_BY_RANK)
        + (_IN_TITLE if in_title else 0)
        + (_IS_THE_NUMBER if pk == question.number else 0)
        for pk, rank, in_title in rows
    }


def _with_number(candidates: Candidates, search: Search, question: Question) -> Candidates:
    """A number alone also means the record with that id."""
    if question.number is None:
        return candidates
    found = _points(search.entity, search.rows.filter(pk=question.number), question)
    return Candidates(candidates.found | found, candidates.window, candidates.more)
