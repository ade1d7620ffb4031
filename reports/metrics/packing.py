"""The values of a row in one number: each takes as many numbers as there can be values of its kind.

0 stands for no value. Words are not packed, nor are values that need more than a ``bigint`` together.
"""

from dataclasses import dataclass
from math import prod

from django.db.models import Max, Min
from psycopg.sql import SQL, Composable, Identifier

from reports.metrics.dimensions import DIMENSIONS, Dimension, Kind
from reports.metrics.facts import KEYS
from reports.metrics.labels import NAMED
from reports.metrics.measures import Source
from reports.metrics.query import Query
from reports.metrics.shell import Statement, identifiers
from sync.models import Test

_MOST = 2**63
#: Days of all dates that Python knows.
_DAYS = 3_652_059


@dataclass(frozen=True, slots=True)
class Field:
    """One value: what stands for it, from 0 up to but not including ``width``, and back; of ``{}`` in both."""

    width: int
    packed: str
    unpacked: str


@dataclass(frozen=True, slots=True)
class Packing:
    """The fields of a question's groups, and of what is counted in them: one of its own, or one of the groups'."""

    keys: tuple[Field, ...]
    counted: Field
    place: int | None

    @property
    def fields(self) -> tuple[Field, ...]:
        return self.keys if self.place is not None else (*self.keys, self.counted)

    def different(self, rows: Statement) -> Statement:
        """``packed`` of rows with the keys and ``counted``, each once, in order."""
        names = (*KEYS[: len(self.keys)], "counted")
        number: Composable = SQL("0")
        for field, name in zip(self.fields, names, strict=False):
            own = SQL(field.packed).format(Identifier(name))
            number = SQL("({} * {} + {})").format(number, SQL(str(field.width)), own)
        shell = SQL(
            "SELECT DISTINCT ON (packed) packed FROM (SELECT {} AS packed FROM ({}) AS rows ({})) AS each "
            "ORDER BY packed"
        ).format(number, SQL(rows[0]), identifiers(names))
        return shell.as_string(), rows[1]

    def groups(self, rows: Statement) -> Statement:
        """The keys of each group and how many it has, of ``packed`` rows."""
        if self.place is None:
            of_group = SQL("packed / {}").format(SQL(str(self.counted.width)))
            found = SQL("count(NULLIF(mod(packed, {}), 0))").format(SQL(str(self.counted.width)))
            grouping = SQL(" GROUP BY 1")
        else:
            of_group, grouping = SQL("packed").format(), SQL("")
            found = SQL("LEAST({}, 1)").format(self._code(self.place, SQL("packed")))
        keys = [SQL(field.unpacked).format(self._code(place, SQL("of_group"))) for place, field in enumerate(self.keys)]
        shell = SQL("SELECT {}, found FROM (SELECT {} AS of_group, {} AS found FROM ({}) AS rows (packed){}) AS each")
        return shell.format(SQL(", ").join(keys), of_group, found, SQL(rows[0]), grouping).as_string(), rows[1]

    def overall(self) -> str:
        """How many there are in all ``facts``."""
        if self.place is None:
            code: Composable = SQL("mod(packed, {})").format(SQL(str(self.counted.width)))
        else:
            code = self._code(self.place, SQL("packed"))
        shell = SQL("SELECT count(NULLIF(code, 0)) FROM (SELECT DISTINCT {} AS code FROM facts) AS each")
        return shell.format(code).as_string()

    def _code(self, place: int, group: Composable) -> Composable:
        """The part of a group's number that is this key's."""
        after = prod(field.width for field in self.keys[place + 1 :])
        return SQL("mod({} / {}, {})").format(group, SQL(str(after)), SQL(str(self.keys[place].width)))


def packing(query: Query, source: Source) -> Packing | None:
    """How the rows of this source's records are packed; None where they cannot be."""
    counted = _COUNTED[source].name
    fields = {name: _field(DIMENSIONS[name]) for name in (*query.dimensions, counted)}
    known = {name: field for name, field in fields.items() if field}
    if len(known) < len(fields):
        return None
    place = query.dimensions.index(counted) if counted in query.dimensions else None
    found = Packing(tuple(known[name] for name in query.dimensions), known[counted], place)
    return found if prod(field.width for field in found.fields) < _MOST else None


def _field(dimension: Dimension) -> Field | None:
    if dimension.kind is Kind.NUMBER:
        low, high = _bounds(dimension)
        return Field(high - low + 2, f"COALESCE({{}}::bigint - ({low - 1}), 0)", f"NULLIF({{}}, 0) + ({low - 1})")
    if dimension.kind is Kind.PERIOD:
        return Field(
            _DAYS + 1,
            "COALESCE({}::date - DATE '0001-01-01' + 1, 0)::bigint",
            "DATE '0001-01-01' + (NULLIF({}, 0) - 1)::integer",
        )
    if dimension.kind is Kind.FLAG:
        return Field(3, "COALESCE({}::integer + 1, 0)::bigint", "NULLIF({}, 0) = 2")
    return None


def _bounds(dimension: Dimension) -> tuple[int, int]:
    """The lowest and the highest id there is; the highest is below the lowest where there is none."""
    if dimension.name in NAMED:
        every, _ = NAMED[dimension.name]
        found = every().aggregate(low=Min("pk"), high=Max("pk"))
    else:  # environments are kept with their tests
        found = Test.objects.aggregate(low=Min(dimension.path), high=Max(dimension.path))
    return (0, -1) if found["low"] is None else (found["low"], found["high"])


#: What is counted, as what one could group by.
_COUNTED = {
    Source.TESTS: DIMENSIONS["test"],
    Source.TESTERS: DIMENSIONS["tester"],
    Source.FEATURES: DIMENSIONS["feature"],
}
