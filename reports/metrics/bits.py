"""Different records by the devices (platforms) of their sets, without a row for each of those.

What is counted has many sets (a test those of all its bugs), and its group is every device in any of them: a bit for
each device there is, joined with OR. Of strings of bits there are few, so that only those are taken apart.
"""

from collections.abc import Iterable

from psycopg.sql import SQL, Identifier

from reports.metrics.dimensions import Subject
from reports.metrics.facts import KEYS
from reports.metrics.plans import LITTLE_MEMORY, planned
from reports.metrics.query import Query
from reports.metrics.sets import Sets
from reports.metrics.shell import Numbers, Statement, fetch, filled, identifiers

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
    if not parts or not members:
        return Numbers(total={name: 0})
    keys = KEYS[: len(query.dimensions)]
    others = [key for place, key in enumerate(keys) if place not in places]
    words = [f"word{number}" for number in range(-(-len(members) // _BITS))]
    shell = SQL(_GROUPS + _TOTAL if overall else _GROUPS).format(
        rows=SQL(" UNION ALL ").join(SQL(sql) for sql, _ in parts),
        selected=identifiers((*keys, "counted")),
        number=Identifier(keys[places[0]]),
        words=identifiers(words),
        unions=SQL(", ").join(SQL("bit_or((%s::bigint[])[place]) AS {}").format(Identifier(word)) for word in words),
        others=SQL("").join(SQL("{}, ").format(Identifier(key)) for key in others),
        empty=SQL("NULL, ") * (len(others) + 1),
        bits=SQL(", ").join([SQL("%s::bigint[]")] * len(words)),
        members=identifiers((*(f"bit_of_{word}" for word in words), "member")),
        hit=SQL(" | ").join(SQL("({} & {})").format(Identifier(word), Identifier(f"bit_of_{word}")) for word in words),
    )
    numbers = sorted(values)
    bits = {member: 1 << place for place, member in enumerate(members)}
    masks = [sum(bits[member] for member in values[number]) for number in numbers]
    given = [*_words(masks, len(words)), numbers, *(value for _, own in parts for value in own)]
    with planned(LITTLE_MEMORY):
        rows = fetch(shell, [*given, *_words(bits.values(), len(words))])
    found = Numbers()
    for is_total, *cells, place, number in rows:
        if is_total:
            found.total = {name: number}
        else:
            own = dict(zip(others, cells, strict=True))
            key = filled(tuple(own.get(each) for each in keys), places, members[place - 1])
            found.groups[key] = {name: number}
    return found


def _words(masks: Iterable[int], count: int) -> list[list[int]]:
    """Each word of all of these strings of bits, the lowest first."""
    strings = list(masks)
    return [[bits >> number * _BITS & (1 << _BITS) - 1 for bits in strings] for number in range(count)]


# The place of a number among all numbers, in order, is found by halving; a join would hash, and lose the rows' order.
_GROUPS = (
    "WITH facts AS (SELECT {others}counted, {unions} "
    "FROM (SELECT *, width_bucket({number}, %s::bigint[]) AS place FROM ({rows}) AS rows ({selected})) AS placed "
    "GROUP BY {others}counted), "
    "masks AS (SELECT {others}{words}, count(*) AS found FROM facts GROUP BY {others}{words}) "
    "SELECT FALSE, {others}member, sum(found)::bigint FROM masks "
    "JOIN unnest({bits}) WITH ORDINALITY AS members ({members}) ON ({hit}) <> 0 GROUP BY {others}member"
)
_TOTAL = " UNION ALL SELECT TRUE, {empty}count(*) FROM (SELECT DISTINCT counted FROM facts) AS each"
