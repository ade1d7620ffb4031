"""Numbers that add up: tests and their bugs, each in as many rows as it has groups.

Where a question is about both, one query counts them: a row for each group and test, with what the test's bugs add up
to there. How that comes about depends on what is asked of bugs and features.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TypeAlias

from django.db.models import BigIntegerField, Count, F, Sum, Value
from django.db.models.functions import Cast

from reports.figures import bug_counts, severity_score_of_bugs
from reports.metrics.added import sums_of_bugs
from reports.metrics.bits import different_by_members, tests_and_bugs_by_members
from reports.metrics.different import FACTS
from reports.metrics.dimensions import Subject
from reports.metrics.facts import FEATURE, KEYS, Facts
from reports.metrics.measures import Source
from reports.metrics.plans import LITTLE_MEMORY, planned
from reports.metrics.query import Query
from reports.metrics.shell import (
    Numbers,
    Overall,
    Rows,
    Statement,
    appended,
    different,
    grouped,
    in_order,
    merged,
    read,
    selected,
    spread,
    statement_of,
)
from reports.metrics.totals import known_total

Counter: TypeAlias = Callable[[Query, Facts], Numbers]


def in_one(query: Query, facts: Facts) -> Counter | None:
    """What counts tests and bugs in one go, where that can be done."""
    names = _wanted(query)
    if facts.are_pairs and (Subject.DEVICE not in facts.sets.subjects or _are_bugs_by_devices(query, facts, names)):
        return partial(pairs, names=names)
    if facts.takes_all_bugs and query.dimensions:
        return partial(by_feature if facts.about_features else _by_test, names=names)
    return partial(by_group_and_test, names=names) if can_be_by_group_and_test(query, facts) else None


def bugs(query: Query, facts: Facts) -> Numbers:
    aggregates = {name: _aggregate(name) for name in _wanted(query)}
    if not query.dimensions or not facts.takes_all_bugs:
        return sums(query, facts, facts.bugs(), aggregates)
    rows = sums_of_bugs(query, facts, aggregates)
    if rows is None:
        return Numbers.nothing(aggregates)
    groups = grouped(query, rows, ("test", *aggregates), _sums_of(aggregates))
    return read(query, groups, tuple(aggregates), sets=facts.sets)


def sums(query: Query, facts: Facts, rows: Rows, aggregates: Mapping[str, Count | Sum]) -> Numbers:
    """Where every record is in one row, the total is the sum of the groups."""
    keys = KEYS[: len(query.dimensions)]
    if not keys:
        return Numbers(total={name: number or 0 for name, number in rows.aggregate(**aggregates).items()})
    statement = statement_of(rows.values(*keys).annotate(**aggregates).values_list(*keys, *aggregates))
    if statement is None:
        return Numbers.nothing(aggregates)
    return read(query, statement, tuple(aggregates), sets=facts.sets)


# -- tests with what their bugs add up to, or alone, where no name of a sum is given


def pairs(query: Query, facts: Facts, names: tuple[str, ...]) -> Numbers:
    """Tests by what their bugs are, and with ``names`` what those bugs add up to: from a row per group and test."""
    rows = facts.pairs()
    if Subject.DEVICE not in facts.sets.subjects:
        found = _pairs_of_values(query, facts, rows, names)
    elif names and (statement := selected(query, rows.annotate(bug=F("found__id")), "id", ("bug",))):
        found = tests_and_bugs_by_members(query, facts.sets, Subject.DEVICE, statement)
    else:
        parts = list(filter(None, [selected(query, rows, "id")]))
        found = different_by_members(query, facts.sets, Subject.DEVICE, parts, "tests", overall=False)
        found.groups = spread(found.groups, facts.sets, Subject.PLATFORM)
        found.total |= dict.fromkeys(names, 0)
    found.total["tests"] = facts.tests().count()
    return found


def _are_bugs_by_devices(query: Query, facts: Facts, names: tuple[str, ...]) -> bool:
    """Whether all that is asked of bugs is how many there are, by what they were seen on and what their tests are."""
    of_tests = all(each.subject is Subject.DEVICE or not query.is_about_bugs(each) for each in query.grouped)
    return names == ("total",) and of_tests and facts.sets.subjects == [Subject.DEVICE]


def _pairs_of_values(query: Query, facts: Facts, rows: Rows, names: tuple[str, ...]) -> Numbers:
    if names:
        keys = KEYS[: len(query.dimensions)]
        aggregates = {name: _aggregate(name, "found__") for name in names}
        rows = rows.values(*keys, counted=F("id")).annotate(**aggregates)
        statement = statement_of(rows.values_list(*keys, "counted", *names))
    else:
        statement = selected(query, rows, "id")
    if statement is None:
        return Numbers.nothing(names)
    with planned(LITTLE_MEMORY):
        return _tests_and_sums(query, facts, statement if names else different(query, statement), names)


def by_feature(query: Query, facts: Facts, names: tuple[str, ...]) -> Numbers:
    """Tests by the features they cover or have bugs on, and with ``names`` what those bugs add up to."""
    covered = facts.tests(features=True).annotate(**_zeros(names))
    found_by_bugs = sums_of_bugs(query, facts, {name: _aggregate(name) for name in names})
    parts = [part for part in (selected(query, covered, "id", names), found_by_bugs) if part]
    found = _tests_and_sums(query, facts, _merged(query, parts, names), names) if parts else Numbers.nothing(names)
    found.total["tests"] = facts.tests().count()  # each covers a feature, or none
    return found


def _merged(query: Query, parts: list[Statement], names: tuple[str, ...]) -> Statement:
    return merged(query, parts, names) if names else different(query, in_order(query, parts))


def _by_test(query: Query, facts: Facts, names: tuple[str, ...]) -> Numbers:
    """Tests and what their bugs add up to, by what tests are."""
    rows = sums_of_bugs(query, facts, {name: _aggregate(name) for name in names})
    return _tests_and_sums(query, facts, rows, names) if rows else Numbers.nothing(("tests", *names))


def can_be_by_group_and_test(query: Query, facts: Facts) -> bool:
    """Whether ``by_group_and_test`` tells the truth: not by sets, and features only where they are groups."""
    has_group_of_feature = FEATURE in query.grouped or not facts.about_features
    return bool(query.dimensions) and has_group_of_feature and not facts.sets.subjects


def by_group_and_test(query: Query, facts: Facts, names: tuple[str, ...]) -> Numbers:
    """Tests and what their bugs add up to, from a row for each group and test with bugs, and one for each without.

    No test is in both in one group: with features, it is by feature that a test is without bugs.
    """
    keys = KEYS[: len(query.dimensions)]
    aggregates = {name: _aggregate(name) for name in names}
    found = facts.bugs().values(*keys, counted=F("test_id")).annotate(**aggregates)
    with_bugs = found.values_list(*keys, "counted", *names)
    parts = [statement_of(with_bugs if names else with_bugs.distinct())]
    if facts.admits_bare_tests:
        bare = facts.bare_tests(features=facts.about_features).annotate(counted=F("id"), **_zeros(names))
        parts.append(statement_of(bare.values_list(*keys, "counted", *names).distinct()))
    possible = [part for part in parts if part]
    if not possible:
        return Numbers.nothing(("tests", *names))
    rows = appended(possible)
    columns, figures = ("counted", *names), ["count(counted)", *_sums_of(names)]
    total = known_total(facts, Source.TESTS)
    if total is None:
        overall = ", ".join(["SELECT count(DISTINCT counted)", *_sums_of(names)])
        given = Overall((*keys, *columns), rows, f"{overall} FROM facts")
        return read(query, grouped(query, FACTS, columns, figures), ("tests", *names), overall=given)
    numbers = read(query, grouped(query, rows, columns, figures), ("tests", *names))
    numbers.total["tests"] = total
    return numbers


def _tests_and_sums(query: Query, facts: Facts, rows: Statement, names: tuple[str, ...]) -> Numbers:
    groups = grouped(query, rows, ("counted", *names), ["count(*)", *_sums_of(names)])
    return read(query, groups, ("tests", *names), sets=facts.sets)


# -- sums


def _wanted(query: Query) -> tuple[str, ...]:
    """The numbers of bugs the measures need."""
    asked = (each for each in query.asked if Source.BUGS in each.sources)
    return tuple(dict.fromkeys(name for each in asked for name in (*each.part, *each.whole) if name != "tests"))


def _aggregate(name: str, path: str = "") -> Count | Sum:
    return severity_score_of_bugs(path) if name == "score" else bug_counts(path)[name]


def _sums_of(names: Iterable[str]) -> list[str]:
    # Of bigint the sum would be numeric, which is slow; these are numbers of one test each.
    return [f"COALESCE(sum({name}::integer), 0)" for name in names]


def _zeros(names: Iterable[str]) -> dict[str, Cast]:
    return {name: Cast(Value(0), BigIntegerField()) for name in names}
