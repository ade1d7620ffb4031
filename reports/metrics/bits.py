"""Different records by the devices (platforms) of their sets, without a row for each of those.

What is counted has many sets (a test those of all its bugs), and its group is every device in any of them: a bit for
each device there is, joined with OR. Of strings of bits there are few, so that only those are taken apart.
"""

from collections.abc import Iterable, Mapping

from psycopg.sql import SQL, Composable, Identifier

from reports.metrics.dimensions import Subject
from reports.metrics.facts import KEYS
from reports.metrics.plans import LITTLE_MEMORY, planned
from reports.metrics.query import Query
from reports.metrics.sets import Member, Sets
from reports.metrics.shell import Numbers, Statement, appended, fetch, filled, identifiers, in_order

#: In one bigint, and none of them its sign. PostgreSQL hashes numbers, but must sort strings of bits to group by them.
_BITS = 62


def different_by_members(
    query: Query, sets: Sets, subject: Subject, parts: list[Statement], name: str, *, overall: bool = True
) -> Numbers:
    """How many different ``counted`` there are in each group, and (``overall``) in all together.

    The sets of another subject stay numbers.
    """
    bits = _Bits(sets.values(subject))
    if not parts or not bits.members:
        return Numbers(total={name: 0})
    places = sets.places(subject)
    keys = KEYS[: len(query.dimensions)]
    others = [key for place, key in enumerate(keys) if place not in places]
    # Tests come one after the other, as long as nobody puts all of them in order anew.
    rows, values = in_order(query, parts, by=others) if name == "tests" else appended(parts)
    shell = SQL(_GROUPS + _TOTAL if overall else _GROUPS).format(
        **bits.terms,
        rows=SQL(rows),
        selected=identifiers((*keys, "counted")),
        number=Identifier(keys[places[0]]),
        others=SQL("").join(SQL("{}, ").format(Identifier(key)) for key in others),
        empty=SQL("NULL, ") * (len(others) + 1),
    )
    with planned(LITTLE_MEMORY if name == "tests" else {}):
        found_rows = fetch(shell, [*bits.of_numbers, *values, *bits.of_members])
    found = Numbers()
    for is_total, *cells, place, number in found_rows:
        if is_total:
            found.total = {name: number}
        else:
            own = dict(zip(others, cells, strict=True))
            key = filled(tuple(own.get(each) for each in keys), places, bits.members[place - 1])
            found.groups[key] = {name: number}
    return found


def tests_and_bugs_by_members(query: Query, sets: Sets, subject: Subject, rows: Statement) -> Numbers:
    """Tests by the members of all their bugs' sets, and their bugs, out of one reading. Not by other sets.

    ``rows`` have the keys, ``counted`` (the test) and the bug, NULL in a test without.
    """
    values = sets.values(subject)
    bits = _Bits(values)
    places, keys = sets.places(subject), KEYS[: len(query.dimensions)]
    others = [key for place, key in enumerate(keys) if place not in places]
    shell = SQL(_TESTS_AND_BUGS).format(
        **bits.terms,
        rows=SQL(rows[0]),
        selected=identifiers((*keys, "counted", "bug")),
        number=Identifier(keys[places[0]]),
        others=SQL("").join(SQL("{}, ").format(Identifier(key)) for key in others),
        and_others=SQL("").join(SQL(", {}").format(Identifier(key)) for key in others),
        empty=SQL("NULL, ") * len(others),
    )
    place_of = {member: place for place, member in enumerate(bits.members, 1)}
    of_sets = [(number, place_of[member]) for number, members in values.items() for member in members]
    columns = [[row[place] for row in of_sets] for place in range(2)]
    found = Numbers()
    found_rows = fetch(shell, [*bits.of_numbers, *rows[1], *bits.of_members, *columns])
    for name, *cells, place, number in found_rows:
        if place is None:
            found.total = {name: int(number or 0)}
            continue
        own = dict(zip(others, cells, strict=True))
        key = filled(tuple(own.get(each) for each in keys), places, bits.members[place - 1])
        found.groups.setdefault(key, {})[name] = number
    return found


class _Bits:
    """A bit for each member there is; ``masks`` has those of each set's."""

    def __init__(self, values: Mapping[int, list[Member]]) -> None:
        self.members = sorted({member for some in values.values() for member in some})
        self._bits = {member: 1 << place for place, member in enumerate(self.members)}
        self._count = -(-len(self.members) // _BITS)
        self._numbers = sorted(values)
        self._masks = [sum(self._bits[member] for member in values[number]) for number in self._numbers]

    @property
    def terms(self) -> dict[str, Composable]:
        words = [f"word{number}" for number in range(self._count)]
        union, hit = SQL("bit_or((%s::bigint[])[place]) AS {}"), SQL("({} & {})")
        return {
            "words": identifiers(words),
            "unions": SQL(", ").join(union.format(Identifier(word)) for word in words),
            "bits": SQL(", ").join([SQL("%s::bigint[]")] * len(words)),
            "members": identifiers((*(f"bit_of_{word}" for word in words), "member")),
            "hit": SQL(" | ").join(hit.format(Identifier(word), Identifier(f"bit_of_{word}")) for word in words),
        }

    @property
    def of_numbers(self) -> list[list[int]]:
        """The values of ``unions``, and of the numbers that are looked up there."""
        return [*self._words(self._masks), self._numbers]

    @property
    def of_members(self) -> list[list[int]]:
        """The values of ``bits``."""
        return self._words(self._bits.values())

    def _words(self, masks: Iterable[int]) -> list[list[int]]:
        """Each word of all of these strings of bits, the lowest first."""
        strings = list(masks)
        return [[bits >> number * _BITS & (1 << _BITS) - 1 for bits in strings] for number in range(self._count)]


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

# Two groupings out of one reading: of sets there are few, and tests are in order already, or nearly so; told so by
# OFFSET, as PostgreSQL would otherwise put all rows in order anew.
_TESTS_AND_BUGS = (
    "WITH facts AS MATERIALIZED (SELECT {others}{number}, counted, {unions}, count(bug) AS bugs "
    "FROM (SELECT *, width_bucket({number}, %s::bigint[]) AS place FROM ({rows}) AS rows ({selected}) "
    "ORDER BY counted{and_others} OFFSET 0) AS placed "
    "GROUP BY GROUPING SETS ((counted{and_others}), ({number}{and_others}))), "
    "masks AS (SELECT {others}{words}, count(*) AS found FROM facts WHERE counted IS NOT NULL "
    "GROUP BY {others}{words}) "
    "SELECT 'tests', {others}member, sum(found)::bigint FROM masks "
    "JOIN unnest({bits}) WITH ORDINALITY AS members ({members}) ON ({hit}) <> 0 GROUP BY {others}member "
    "UNION ALL SELECT 'total', {others}member, sum(bugs)::bigint FROM facts "
    "JOIN unnest(%s::bigint[], %s::bigint[]) AS sets (of_set, member) ON of_set = {number} "
    "WHERE counted IS NULL GROUP BY {others}member "
    "UNION ALL SELECT 'total', {empty}NULL, sum(bugs)::bigint FROM facts WHERE counted IS NULL"
)
