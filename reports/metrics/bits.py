"""Different records by the devices (platforms) of their sets, without a row for each of those.

What is counted has many sets (a test those of all its bugs), and its group is every device in any of them: a bit for
each device there is, joined with OR. Of strings of bits there are few, so that only those are taken apart, in Python.
"""

from collections.abc import Mapping, Sequence

from psycopg.sql import SQL, Identifier

from reports.metrics.dimensions import Subject
from reports.metrics.facts import KEYS
from reports.metrics.plans import LITTLE_MEMORY, planned
from reports.metrics.query import Query
from reports.metrics.sets import Member, Sets
from reports.metrics.shell import Numbers, Raw, Statement, add, fetch, filled, identifiers

#: In one bigint, and none of them its sign. PostgreSQL hashes numbers, but must sort strings of bits to group by them.
_BITS = 62


def different_by_members(
    query: Query, sets: Sets, subject: Subject, parts: list[Statement], name: str, *, overall: bool = True
) -> Numbers:
    """How many different ``counted`` there are in each group, and (``overall``) in all together.

    The sets of another subject stay numbers.
    """
    places, values = sets.places(subject), sets.values(subject)
    members = sorted({member for some in values.values() for member in some})
    numbers = sorted(values)
    words = _words(values, numbers, members)
    keys = KEYS[: len(query.dimensions)]
    others = [key for place, key in enumerate(keys) if place not in places]
    if not parts or not members:
        return Numbers(total={name: 0})
    shell = SQL(_GROUPS + _TOTAL if overall else _GROUPS).format(
        rows=SQL(" UNION ALL ").join(SQL(sql) for sql, _ in parts),
        selected=identifiers((*keys, "counted")),
        number=Identifier(keys[places[0]]),
        words=identifiers(words),
        unions=SQL(", ").join(SQL("bit_or((%s::bigint[])[place]) AS {}").format(Identifier(word)) for word in words),
        others=SQL("").join(SQL("{}, ").format(Identifier(key)) for key in others),
        empty=SQL("NULL, ") * (len(others) + len(words)),
    )
    found = Numbers()
    taken: dict[Raw, list[Member]] = {}
    given = [*words.values(), numbers, *(value for _, own in parts for value in own)]
    with planned(LITTLE_MEMORY):
        rows = fetch(shell, given)
    for is_total, *cells, number in rows:
        if is_total:
            found.total = {name: number}
            continue
        mask = tuple(cells[len(others) :])
        if mask not in taken:
            taken[mask] = [members[place] for place in _places(mask)]
        own = dict(zip(others, cells, strict=False))
        key = tuple(own.get(each) for each in keys)
        for member in taken[mask]:
            add(found.groups, filled(key, places, member), {name: number})
    return found


def _words(
    values: Mapping[int, list[Member]], numbers: Sequence[int], members: Sequence[Member]
) -> dict[str, list[int]]:
    """By name: each word of the bits of every set, in the order of their numbers."""
    bits = {member: 1 << place for place, member in enumerate(members)}
    masks = [sum(bits[member] for member in values[number]) for number in numbers]
    shifts = range(0, len(members), _BITS)
    return {f"word{shift}": [mask >> shift & (1 << _BITS) - 1 for mask in masks] for shift in shifts}


def _places(words: Sequence[int]) -> list[int]:
    """Where bits are set."""
    return [
        number * _BITS + place
        for number, word in enumerate(words)
        for place, bit in enumerate(reversed(f"{word:b}"))
        if bit == "1"
    ]


# The place of a number among all numbers, in order, is found by halving; a join would hash, and lose the rows' order.
_GROUPS = (
    "WITH facts AS (SELECT {others}counted, {unions} "
    "FROM (SELECT *, width_bucket({number}, %s::bigint[]) AS place FROM ({rows}) AS rows ({selected})) AS placed "
    "GROUP BY {others}counted) SELECT FALSE, {others}{words}, count(*) FROM facts GROUP BY {others}{words}"
)
_TOTAL = " UNION ALL SELECT TRUE, {empty}count(*) FROM (SELECT DISTINCT counted FROM facts) AS each"
