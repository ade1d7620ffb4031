"""The answer to a question: rows, totals, the period before, and what has to be known to read them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any, TypeAlias

from reports.figures import EXECUTED_STATUSES
from reports.metrics.counting import count
from reports.metrics.facts import Facts
from reports.metrics.labels import Cell, cells, places
from reports.metrics.query import Query
from reports.metrics.shell import Groups, Raw
from sync.access import Access

Values: TypeAlias = dict[str, float | None]
Group: TypeAlias = tuple[Cell, ...]
#: The cells of one dimension, by the values as the database gives them.
Column: TypeAlias = Mapping[Any, Cell]


@dataclass(frozen=True, slots=True)
class Row:
    """One group: what it is grouped by, its figures by measure, and those of the period before, where asked for.

    None where it is grouped by time: March has no March in the period before.
    """

    cells: Group
    values: Values
    previous: Values | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """``rows`` as sorted and limited; ``groups`` is how many there are without the limit.

    ``totals`` count every record once, whatever groups it is in and whatever the limit leaves out.
    ``previous_totals``: None, too, where a filter by time leaves the period before out.
    """

    query: Query
    rows: list[Row]
    groups: int
    totals: Values
    previous_totals: Values | None
    notes: list[str]


def worked_out(query: Query, access: Access | None) -> Answer:
    """What the data says to a question, whatever was asked before. Within ``one_moment``."""
    whole = replace(query, limit=None)
    before = whole.previous if query.compare and not query.kept_times else None
    has_past = before is not None and not query.times
    # What has a past only is a row as well, so that the first rows are known when all are.
    asked = whole if has_past else query
    facts = Facts(asked, access)
    numbers = count(asked, facts)
    earlier = count(before, Facts(before, access)) if before else None
    past = earlier.groups if earlier and has_past else None
    keys = list(dict.fromkeys((*numbers.groups, *(past or ()))))
    columns = [cells(each, {key[place] for key in keys}) for place, each in enumerate(query.grouped)]
    notes = _notes(query, facts)
    # There may be a hundred thousand groups: only those that are kept become rows.
    kept = _sorted(query, keys, columns, numbers.groups)[: query.limit]
    return Answer(
        query,
        [_row(query, key, columns, numbers.groups, past) for key in kept],
        len(keys) if numbers.count is None else numbers.count,
        _values(query, numbers.total),
        _values(query, earlier.total) if earlier else None,
        notes,
    )


def _row(query: Query, key: Raw, columns: Sequence[Column], current: Groups, past: Groups | None) -> Row:
    group = tuple(column[value] for column, value in zip(columns, key, strict=True))
    previous = None if past is None else _values(query, past.get(key, {}))
    return Row(group, _values(query, current.get(key, {})), previous)


def _values(query: Query, numbers: Mapping[str, Any]) -> Values:
    return {measure.name: measure.value(numbers) for measure in query.asked}


# -- order; ``first`` says the same to the database


def _sorted(query: Query, keys: Sequence[Raw], columns: Sequence[Column], groups: Groups) -> list[Raw]:
    """By what was asked for, and where that is equal by the cells, from the first on."""
    place_of = [places(each, column) for each, column in zip(query.grouped, columns, strict=True)]
    ordered = sorted(keys, key=lambda key: [place[value] for place, value in zip(place_of, key, strict=True)])
    wanted, descending = query.order
    if not wanted:
        return ordered
    found: list[tuple[float | None, Raw]]
    if wanted in query.dimensions:
        number = query.dimensions.index(wanted)
        place, column = place_of[number], columns[number]
        found = [(None if column[key[number]].key is None else place[key[number]], key) for key in ordered]
    else:
        measure = next(each for each in query.asked if each.name == wanted)
        found = [(measure.value(groups.get(key, {})), key) for key in ordered]
    # What is not known is last in both directions.
    known = [(value, key) for value, key in found if value is not None]
    unknown = [key for value, key in found if value is None]
    return [key for _, key in sorted(known, key=itemgetter(0), reverse=descending)] + unknown


# -- notes


def _notes(query: Query, facts: Facts) -> list[str]:
    statuses = query.test_statuses
    notes = []
    if statuses == EXECUTED_STATUSES:
        notes.append(f"Executed tests only ({', '.join(EXECUTED_STATUSES)}).")
    elif statuses is None:
        notes.append("Tests of every status.")
    notes.append("What TestIO has no more is left out.")
    if not facts.admits_bare_bugs and (unread := facts.unread_bugs().count()):
        notes.append(f"{_count(unread, 'bug')} left out: the test {_whose(unread)} was not read yet.")
    if query.range and (undated := facts.undated().count()):
        what, date_of = ("test", "end") if query.dated_by == "end_at" else ("bug", "moment of reporting")
        notes.append(
            f"{_count(undated, what)} left out, whose {date_of} is not known: the range of days is about that."
        )
    if any(each.repeats for each in query.grouped):
        names = " and ".join(each.title.lower() for each in query.grouped if each.repeats)
        notes.append(f"A record counts in every {names} it has, and once in the totals.")
    return notes + _notes_on_comparing(query)


def _notes_on_comparing(query: Query) -> list[str]:
    if not query.compare:
        return []
    if query.kept_times:
        names = " and ".join(each.name for each in query.kept_times)
        return [f"Nothing is compared with the period before: the filter by {names} leaves that period out."]
    if query.times:
        names = " and ".join(each.name for each in query.times)
        return [f"Only the totals are compared: the period before has no rows of the same {names}."]
    return []


def _count(number: int, what: str) -> str:
    return f"{number} {what} is" if number == 1 else f"{number} {what}s are"


def _whose(number: int) -> str:
    return "it mentions" if number == 1 else "they mention"
