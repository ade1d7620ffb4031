"""Facts into numbers: one query per source of numbers, the groups and their total out of the same rows.

Each query is written by the ORM; ``shell`` groups where one has to be grouped that is grouped already.
"""

from collections.abc import Callable, Iterable, Mapping

from django.db.models import (
    BigIntegerField,
    Count,
    DecimalField,
    F,
    Func,
    JSONField,
    Sum,
    TextField,
    Value,
)
from django.db.models.functions import Cast
from psycopg.sql import SQL

from reports.figures import RATES, bug_counts, severity_score_of_bugs
from reports.metrics.added import features_of_bugs, sums_of_bugs, testers_of_bugs
from reports.metrics.bits import different_by_members
from reports.metrics.dimensions import Subject
from reports.metrics.facts import KEYS, Facts
from reports.metrics.measures import Source
from reports.metrics.plans import LITTLE_MEMORY, planned
from reports.metrics.query import Query
from reports.metrics.shell import (
    Numbers,
    Rows,
    Statement,
    different,
    different_records,
    fetch,
    grouped,
    in_order,
    merged,
    spread,
    statement_of,
)


def count(query: Query, facts: Facts) -> Numbers:
    """Every number the query's measures need."""
    found = Numbers()
    sources = dict.fromkeys(source for measure in query.asked for source in measure.sources)
    if query.dimensions and not facts.about_bugs and not facts.about_features:
        sources[Source.TESTS] = None  # so that a product without bugs has its row, with rates nobody knows
    if {Source.TESTS, Source.BUGS} <= sources.keys() and (in_one := _in_one(facts)):
        found.add(in_one(query, facts, _wanted(query)))
        sources = {source: None for source in sources if source not in (Source.TESTS, Source.BUGS)}
    for source in sources:
        if source is Source.REPORTS:
            for name in dict.fromkeys(measure.field for measure in query.asked if measure.field):
                found.add(_reports(query, facts, name))
        else:
            found.add(_COUNTERS[source](query, facts))
    return found


# -- tests, testers, features: different ones


def _tests(query: Query, facts: Facts) -> Numbers:
    if not facts.about_bugs and not facts.about_features:
        return _sums(query, facts, facts.tests(), {"tests": Count("pk")})
    if facts.are_pairs:
        return _pairs(query, facts, ())
    if facts.takes_all_bugs:
        return _by_feature(query, facts, ())
    parts = [_selected(query, each, "id") for each in _rows_of_tests(facts)]
    parts.append(_selected(query, facts.bugs().filter(test__isnull=False), "test_id"))
    return _different("tests", query, facts, parts)


def _pairs(query: Query, facts: Facts, names: tuple[str, ...]) -> Numbers:
    """Tests by what their bugs are, and with ``names`` what those bugs add up to: from a row per group and test."""
    rows = facts.pairs()
    if Subject.DEVICE in facts.sets.subjects:
        parts = list(filter(None, [_selected(query, rows, "id")]))
        found = different_by_members(query, facts.sets, Subject.DEVICE, parts, "tests", overall=False)
    else:
        found = _pairs_of_values(query, rows, names)
    found = Numbers(spread(found.groups, facts.sets, Subject.PLATFORM), found.total)
    found.total["tests"] = facts.tests().count()
    return found


def _pairs_of_values(query: Query, rows: Rows, names: tuple[str, ...]) -> Numbers:
    if names:
        keys = KEYS[: len(query.dimensions)]
        sums = {name: _aggregate(name, "found__") for name in names}
        rows = rows.values(*keys, counted=F("id")).annotate(**sums)
        statement = statement_of(rows.values_list(*keys, "counted", *names))
    else:
        statement = _selected(query, rows, "id")
    if statement is None:
        return _with_totals(Numbers(), names)
    with planned(LITTLE_MEMORY):
        return _tests_and_sums(query, statement if names else different(query, statement), names)


def _by_feature(query: Query, facts: Facts, names: tuple[str, ...]) -> Numbers:
    """Tests by the features they cover or have bugs on, and with ``names`` what those bugs add up to."""
    covered = facts.tests(features=True).annotate(**{name: Cast(Value(0), BigIntegerField()) for name in names})
    found_by_bugs = sums_of_bugs(query, facts, {name: _aggregate(name) for name in names})
    parts = [part for part in (_selected(query, covered, "id", names), found_by_bugs) if part]
    found = _tests_and_sums(query, _merged(query, parts, names), names) if parts else _with_totals(Numbers(), names)
    found.groups = spread(found.groups, facts.sets, Subject.PLATFORM)
    found.total["tests"] = facts.tests().count()  # each covers a feature, or none
    return found


def _merged(query: Query, parts: list[Statement], names: tuple[str, ...]) -> Statement:
    return merged(query, parts, names) if names else different(query, in_order(query, parts))


def _tests_and_sums(query: Query, rows: Statement, names: tuple[str, ...]) -> Numbers:
    sums = {"tests": "count(*)", **_sums_of(names)}
    return _with_totals(grouped(query, rows, ("counted", *names), sums), names)


def _sums_of(names: Iterable[str]) -> dict[str, str]:
    return {name: f"sum({name})::bigint" for name in names}


def _with_totals(found: Numbers, names: Iterable[str]) -> Numbers:
    """Of numbers that are about different records in each group."""
    found.total = {name: sum(numbers[name] for numbers in found.groups.values()) for name in names}
    return found


def _in_one(facts: Facts) -> Callable[[Query, Facts, tuple[str, ...]], Numbers] | None:
    """What counts tests and bugs in one go, where that can be done."""
    if facts.are_pairs and Subject.DEVICE not in facts.sets.subjects:
        return _pairs
    return _by_feature if facts.takes_all_bugs and facts.about_features else None


def _rows_of_tests(facts: Facts) -> list[Rows]:
    """Those whose bugs, if any, play no part."""
    if not facts.about_bugs:
        return [facts.tests(features=facts.about_features)]
    return [facts.bare_tests(features=facts.about_features)] if facts.admits_bare_tests else []


def _testers(query: Query, facts: Facts) -> Numbers:
    if facts.takes_all_bugs and not facts.about_features:
        part = testers_of_bugs(query, facts)
    else:
        part = _selected(query, facts.bugs().filter(author__isnull=False), "author_id")
    return _different("active_testers", query, facts, [part])


def _features(query: Query, facts: Facts) -> Numbers:
    if facts.takes_all_bugs:
        parts = [features_of_bugs(query, facts)]
    else:
        parts = [_selected(query, facts.bugs().filter(feature__isnull=False), "feature_id")]
    covered: Rows | None = None
    if not facts.about_bugs:
        covered = facts.tests(features=True)
    elif facts.admits_bare_tests:
        covered = facts.bare_features()
    if covered is not None:
        parts.append(_selected(query, covered.filter(of_feature__isnull=False), "of_feature"))
    return _different("features_tested", query, facts, parts)


def _selected(query: Query, rows: Rows, counted: str, names: Iterable[str] = ()) -> Statement | None:
    keys = KEYS[: len(query.dimensions)]
    return statement_of(rows.annotate(counted=F(counted)).values_list(*keys, "counted", *names))


def _different(name: str, query: Query, facts: Facts, parts: list[Statement | None]) -> Numbers:
    """How many different ``counted`` there are in each group, and in all together."""
    possible = [part for part in parts if part]
    if len(facts.sets.subjects) == 1:
        return different_by_members(query, facts.sets, facts.sets.subjects[0], possible, name)
    return different_records(query, facts.sets, possible, (), {name: "count(*)"})


# -- bugs: sums


def _bugs(query: Query, facts: Facts) -> Numbers:
    aggregates = {name: _aggregate(name) for name in _wanted(query)}
    if not query.dimensions or not facts.takes_all_bugs:
        return _sums(query, facts, facts.bugs(), aggregates)
    rows = sums_of_bugs(query, facts, aggregates)
    found = grouped(query, rows, ("test", *aggregates), _sums_of(aggregates)) if rows else Numbers()
    found = _with_totals(found, aggregates)
    found.groups = spread(found.groups, facts.sets, Subject.PLATFORM)
    return found


def _wanted(query: Query) -> tuple[str, ...]:
    """The numbers the measures need."""
    asked = {measure.name for measure in query.asked}
    counts = _STATUSES if asked & set(RATES) else ()
    return ("total", *counts, *(("score",) if "severity_score" in asked else ()))


def _sums(query: Query, facts: Facts, rows: Rows, aggregates: Mapping[str, Count | Sum]) -> Numbers:
    """Where every record is in one row, the total is the sum of the groups."""
    found = Numbers(total=dict.fromkeys(aggregates, 0))
    keys = KEYS[: len(query.dimensions)]
    if not keys:
        found.total = {name: number or 0 for name, number in rows.aggregate(**aggregates).items()}
        return found
    statement = statement_of(rows.values(*keys).annotate(**aggregates).values_list(*keys, *aggregates))
    for row in fetch(SQL(statement[0]), statement[1]) if statement else ():
        numbers = {name: number or 0 for name, number in zip(aggregates, row[len(keys) :], strict=True)}
        found.groups[row[: len(keys)]] = numbers
        for name, number in numbers.items():
            found.total[name] += number
    for subject in facts.sets.subjects:
        found.groups = spread(found.groups, facts.sets, subject)
    return found


_STATUSES = {"accepted": "accepted", "auto_accepted": "auto_accepted", "rejected": "rejected", "open": "forwarded"}


def _aggregate(name: str, path: str = "") -> Count | Sum:
    return severity_score_of_bugs(path) if name == "score" else bug_counts(path)[name]


# -- numbers in custom reports


def _reports(query: Query, facts: Facts, name: str) -> Numbers:
    """The numbers in one field of the reports: TestIO sends them as numbers or as text."""
    rows = facts.bugs().filter(custom_report__isnull=False).alias(text=_text_of_field(name)).filter(text__regex=_NUMBER)
    number = Func(F("text"), template="(%(expressions)s)::numeric", output_field=DecimalField())
    sums = {"values": "count(value)", "sum": "sum(value)", "minimum": "min(value)", "maximum": "max(value)"}
    rows = rows.annotate(counted=F("id"), value=number)
    statement = statement_of(rows.values_list(*KEYS[: len(query.dimensions)], "counted", "value"))
    named = {f"{kind}:{name}": aggregate for kind, aggregate in sums.items()}
    return different_records(query, facts.sets, [statement] if statement else [], ("value",), named)


def _text_of_field(name: str) -> Func:
    """The value of the first field with this key, as text; JSON's null is none."""
    key = Func(Value("key"), Value(name, TextField()), function="jsonb_build_object", output_field=JSONField())
    first = Func(
        F("custom_report__data"),
        key,
        template="jsonb_path_query_first(%(expressions)s)",
        arg_joiner=", '$[*] ? (@.key == $key).value', ",
        output_field=JSONField(),
    )
    return Func(first, template="(%(expressions)s #>> '{}')", output_field=TextField())


_NUMBER = r"^[-+]?[0-9]{1,40}(\.[0-9]{1,40})?$"


_COUNTERS: dict[Source, Callable[[Query, Facts], Numbers]] = {
    Source.TESTS: _tests,
    Source.BUGS: _bugs,
    Source.TESTERS: _testers,
    Source.FEATURES: _features,
}
