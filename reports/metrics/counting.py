"""Facts into numbers: one query per source of numbers, the groups and their total out of the same rows.

Each query is written by the ORM; ``shell`` groups where one has to be grouped that is grouped already.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.models import (
    Count,
    DecimalField,
    F,
    Func,
    JSONField,
    Sum,
    TextField,
    Value,
)

from reports.figures import RATES, bug_counts, severity_score_of_bugs
from reports.metrics.dimensions import Subject
from reports.metrics.facts import KEYS, Facts
from reports.metrics.measures import Source
from reports.metrics.query import Query
from reports.metrics.shell import Numbers, Rows, different_records, groups_of_tests, spread, tests_by_devices


def count(query: Query, facts: Facts) -> Numbers:
    """Every number the query's measures need."""
    found = Numbers()
    sources = dict.fromkeys(source for measure in query.asked for source in measure.sources)
    if query.dimensions and not facts.about_bugs and not facts.about_features:
        sources[Source.TESTS] = None  # so that a product without bugs has its row, with rates nobody knows
    if {Source.TESTS, Source.BUGS} <= sources.keys() and facts.are_pairs and Subject.DEVICE not in facts.sets.subjects:
        found.add(_pairs(query, facts, _wanted(query)))
        sources = {source: None for source in sources if source not in (Source.TESTS, Source.BUGS)}
    for source in sources:
        if source is Source.REPORTS:
            for name in dict.fromkeys(measure.field for measure in query.asked if measure.field):
                found.add(_reports(query, facts, name))
        else:
            found.add(_COUNTERS[source](query, facts))
    return found


@contextmanager
def one_moment() -> Iterator[None]:
    """All counting within sees the same rows, also while a sync writes; with memory for whole tables of groups."""
    begins = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if begins:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        # Two cores shared by everybody who looks: one question takes one of them.
        cursor.execute("SET LOCAL work_mem = '64MB'")
        cursor.execute("SET LOCAL max_parallel_workers_per_gather = 0")
        yield


# -- tests, testers, features: different ones


def _tests(query: Query, facts: Facts) -> Numbers:
    if not facts.about_bugs and not facts.about_features:
        return _sums(query, facts, facts.tests(), {"tests": Count("pk")})
    if facts.are_pairs:
        return _pairs(query, facts, ())
    rows = [_with(each, "id") for each in _rows_of_tests(facts)]
    rows.append(_with(facts.bugs().filter(test__isnull=False), "test_id"))
    return _different("tests", query, facts, rows)


def _pairs(query: Query, facts: Facts, names: tuple[str, ...]) -> Numbers:
    """Tests by what their bugs are, and with ``names`` what those bugs add up to: from a row per group and test."""
    rows = facts.pairs().annotate(counted=F("id"))
    if Subject.DEVICE in facts.sets.subjects:
        found = tests_by_devices(query, facts.sets, rows)
    else:
        found = _pairs_of_values(query, rows, names)
    found = Numbers(spread(found.groups, facts.sets, Subject.PLATFORM), found.total)
    found.total["tests"] = facts.tests().count()
    return found


def _pairs_of_values(query: Query, rows: Rows, names: tuple[str, ...]) -> Numbers:
    keys = KEYS[: len(query.dimensions)]
    sums = {"tests": "count(*)", **{name: f"sum({name})" for name in names}}
    if names:
        rows = rows.values(*keys, "counted").annotate(**{name: _aggregate(name, "found__") for name in names})
    found = groups_of_tests(query, rows.values_list(*keys, "counted", *names), names, sums)
    found.total = {name: sum(int(numbers[name]) for numbers in found.groups.values()) for name in names}
    return found


def _rows_of_tests(facts: Facts) -> list[Rows]:
    """Those whose bugs, if any, play no part."""
    if not facts.about_bugs:
        return [facts.tests(features=facts.about_features)]
    return [facts.bare_tests(features=facts.about_features)] if facts.admits_bare_tests else []


def _testers(query: Query, facts: Facts) -> Numbers:
    return _different("active_testers", query, facts, [_with(facts.bugs().filter(author__isnull=False), "author_id")])


def _features(query: Query, facts: Facts) -> Numbers:
    rows = [_with(facts.bugs().filter(feature__isnull=False), "feature_id")]
    covered: list[Rows] = []
    if not facts.about_bugs:
        covered = [facts.tests(features=True)]
    elif facts.admits_bare_tests:
        covered = [facts.bare_tests(features=True)]
    rows += [_with(each.filter(of_feature__isnull=False), "of_feature") for each in covered]
    return _different("features_tested", query, facts, rows)


def _with(rows: Rows, counted: str) -> Rows:
    named: Rows = rows.annotate(counted=F(counted))
    return named


def _different(name: str, query: Query, facts: Facts, parts: list[Rows]) -> Numbers:
    """How many different ``counted`` there are in each group, and in all together."""
    return different_records(query, facts.sets, parts, (), {name: "count(*)"})


# -- bugs: sums


def _bugs(query: Query, facts: Facts) -> Numbers:
    return _sums(query, facts, facts.bugs(), {name: _aggregate(name) for name in _wanted(query)})


def _wanted(query: Query) -> tuple[str, ...]:
    """The numbers the measures need."""
    asked = {measure.name for measure in query.asked}
    counts = _STATUSES if asked & set(RATES) else ()
    return ("total", *counts, *(("score",) if "severity_score" in asked else ()))


def _sums(query: Query, facts: Facts, rows: Rows, aggregates: Mapping[str, Count | Sum]) -> Numbers:
    """Where every record is in one row, the total is the sum of the groups."""
    found = Numbers(total=dict.fromkeys(aggregates, 0))
    keys = KEYS[: len(query.dimensions)]
    for row in rows.values(*keys).annotate(**aggregates) if keys else [rows.aggregate(**aggregates)]:
        numbers = {name: row[name] or 0 for name in aggregates}
        if keys:
            found.groups[tuple(row[key] for key in keys)] = numbers
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
    named = {f"{kind}:{name}": aggregate for kind, aggregate in sums.items()}
    return different_records(query, facts.sets, [rows], ("value",), named)


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
