"""What several values of one record are grouped by: its set of devices or platforms, and what is in each set.

A bug has any number of devices, and a test any number of platforms, but both have one number for all of them
(``sync.store.sets``), and of these there are few. So the database groups by that number, and what each stands for is
looked up once. The devices of a set are read from any one of the bugs that have it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, TypeAlias

from django.db import connection
from django.db.models import Min

from reports.metrics.dimensions import DIMENSIONS, Dimension, Subject
from reports.metrics.query import Query, read_value
from sync.models import BugDevice, Test, TestPlatform

#: One device in one browser, or one platform: a value for each dimension of the subject, '' for none.
Member: TypeAlias = tuple[str, ...]
Members: TypeAlias = Mapping[int, frozenset[Member]]

#: What a member's values are, in their order.
PLACES = {
    Subject.DEVICE: ("device_category", "platform", "browser"),
    Subject.PLATFORM: ("test_platform",),
}
#: The column that holds the number of the set.
COLUMNS = {Subject.DEVICE: "device_set", Subject.PLATFORM: "platform_set"}


class Sets:
    """The sets of devices and of platforms there are, seen by one question."""

    def __init__(self, query: Query) -> None:
        self._query = query

    @property
    def subjects(self) -> list[Subject]:
        """Those the question is grouped by."""
        return list(dict.fromkeys(each.subject for each in self._query.grouped if each.repeats))

    def places(self, subject: Subject) -> list[int]:
        """Which of the dimensions grouped by are the subject's."""
        return [place for place, each in enumerate(self._query.grouped) if each.subject is subject]

    def kept(self, subject: Subject) -> list[int]:
        """The sets with at least one member that every filter keeps. One device has to meet all of them."""
        return [number for number, members in self._members(subject).items() if members]

    def values(self, subject: Subject) -> dict[int, list[Member]]:
        """For each set, the different values of what is grouped by, of the members that every filter keeps."""
        order = [PLACES[subject].index(self._query.dimensions[place]) for place in self.places(subject)]
        return {
            number: sorted({tuple(member[place] for place in order) for member in members})
            for number, members in self._members(subject).items()
        }

    def _members(self, subject: Subject) -> Members:
        return self._devices if subject is Subject.DEVICE else self._platforms

    @cached_property
    def _devices(self) -> Members:
        return self._filtered(Subject.DEVICE, _all_devices())

    @cached_property
    def _platforms(self) -> Members:
        return self._filtered(Subject.PLATFORM, _all_platforms())

    def _filtered(self, subject: Subject, everything: Members) -> Members:
        names = PLACES[subject]
        wanted = {
            place: _wanted(DIMENSIONS[name], self._query.filters[name])
            for place, name in enumerate(names)
            if name in self._query.filters
        }
        nothing: Members = _with_members((0,), {}, subject)
        return {
            number: frozenset(each for each in members if all(each[place] in wanted[place] for place in wanted))
            for number, members in {**nothing, **everything}.items()
        }


def _wanted(dimension: Dimension, values: Iterable[Any]) -> set[str]:
    return {"" if (read := read_value(dimension, value)) is None else str(read) for value in values}


# From one set to the next by the index: as many steps as sets, not as bugs. ``one``: any bug that has it.
_SETS_OF_DEVICES = """
WITH RECURSIVE sets (number, one) AS (
    (SELECT device_set, id FROM sync_bug WHERE device_set IS NOT NULL ORDER BY device_set LIMIT 1)
    UNION ALL
    SELECT next.device_set, next.id FROM sets CROSS JOIN LATERAL (
        SELECT device_set, id FROM sync_bug WHERE device_set > sets.number ORDER BY device_set LIMIT 1
    ) AS next
)
SELECT number, one FROM sets WHERE number <> 0
"""


def _all_devices() -> Members:
    with connection.cursor() as cursor:
        cursor.execute(_SETS_OF_DEVICES)
        number_of = {bug: number for number, bug in cursor.fetchall()}
    found: dict[int, set[Member]] = defaultdict(set)
    devices = BugDevice.objects.filter(bug_id__in=number_of).order_by()
    for bug, category, system, browsers in devices.values_list("bug_id", "category", "operating_system", "browsers"):
        found[number_of[bug]].update((category, system, browser) for browser in browsers or ("",))
    return _with_members(number_of.values(), found, Subject.DEVICE)


def _all_platforms() -> Members:
    sets = Test.objects.exclude(platform_set=0).order_by().values_list("platform_set").annotate(one=Min("pk"))
    number_of = {test: number for number, test in sets}
    found: dict[int, set[Member]] = defaultdict(set)
    platforms = TestPlatform.objects.filter(test_id__in=number_of).order_by()
    for test, system in platforms.values_list("test_id", "operating_system"):
        found[number_of[test]].add((system,))
    return _with_members(number_of.values(), found, Subject.PLATFORM)


def _with_members(numbers: Iterable[int], found: Mapping[int, set[Member]], subject: Subject) -> Members:
    """Every set, so that no record with it is lost."""
    nothing = {("",) * len(PLACES[subject])}
    return {number: frozenset(found.get(number, nothing)) for number in numbers}
