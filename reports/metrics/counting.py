"""Facts into numbers: one query per source of numbers, the groups and their total out of the same rows.

Each query is written by the ORM; ``shell`` groups where one has to be grouped that is grouped already.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.models import (
    Case,
    Count,
    DecimalField,
    F,
    Func,
    IntegerField,
    JSONField,
    Sum,
    TextField,
    Value,
    When,
)
from django.db.models.expressions import Combinable
from psycopg.sql import SQL, Identifier

from reports.figures import RATES, bug_counts, severity_score_of_bugs, weight_of_bug
from reports.metrics.facts import KEYS, Facts
from reports.metrics.measures import Source
from reports.metrics.query import Query
from reports.metrics.shell import Numbers, Rows, different_records, fetch, groups_of, identifiers, statement_of


def count(query: Query, facts: Facts) -> Numbers:
    """Every number the query's measures need."""
    found = Numbers()
    sources = dict.fromkeys(source for measure in query.asked for source in measure.sources)
    if query.dimensions and not facts.about_bugs and not facts.about_features:
        sources[Source.TESTS] = None  # so that a product without bugs has its row, with rates nobody knows
    if {Source.TESTS, Source.BUGS} <= sources.keys() and facts.are_pairs and not facts.repeats:
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
    if facts.are_pairs:
        return _pairs(query, facts, ())
    rows = [_with(each, "id") for each in _rows_of_tests(facts)]
    if facts.about_bugs or facts.about_features:
        rows.append(_with(facts.bugs().filter(test__isnull=False), "test_id"))
    return _different("tests", query, rows)


def _pairs(query: Query, facts: Facts, names: tuple[str, ...]) -> Numbers:
    """Tests by what their bugs are, and with ``names`` what those bugs add up to: from a row per group and test."""
    keys = KEYS[: len(query.dimensions)]
    rows = facts.pairs().annotate(counted=F("id")).values(*keys, "counted")
    rows = rows.annotate(**{name: _aggregate(name, "found__") for name in names}) if names else rows.distinct()
    sums = {"tests": "count(*)", **{name: f"sum({name})" for name in names}}
    found = groups_of(query, rows.values_list(*keys, "counted", *names), names, sums)
    found.total = {name: sum(int(numbers[name]) for numbers in found.groups.values()) for name in names}
    found.total["tests"] = facts.tests().values("pk").distinct().count()
    return found


def _rows_of_tests(facts: Facts) -> list[Rows]:
    """Those whose bugs, if any, play no part."""
    if not facts.about_bugs:
        return [facts.tests(features=facts.about_features)]
    return [facts.bare_tests(features=facts.about_features)] if facts.admits_bare_tests else []


def _testers(query: Query, facts: Facts) -> Numbers:
    return _different("active_testers", query, [_with(facts.bugs().filter(author__isnull=False), "author_id")])


def _features(query: Query, facts: Facts) -> Numbers:
    rows = [_with(facts.bugs().filter(feature__isnull=False), "feature_id")]
    covered: list[Rows] = []
    if not facts.about_bugs:
        covered = [facts.tests(features=True)]
    elif facts.admits_bare_tests:
        covered = [facts.bare_tests(features=True)]
    rows += [_with(each.filter(of_feature__isnull=False), "of_feature") for each in covered]
    return _different("features_tested", query, rows)


def _with(rows: Rows, counted: str) -> Rows:
    named: Rows = rows.annotate(counted=F(counted))
    return named


def _different(name: str, query: Query, parts: list[Rows]) -> Numbers:
    """How many different ``counted`` there are in each group, and in all together."""
    return different_records(query, parts, (), {name: "count(*)"})


# -- bugs: sums


def _bugs(query: Query, facts: Facts) -> Numbers:
    names = _wanted(query)
    rows = facts.bugs()
    if not facts.repeats:
        return _sums(query, rows, names)
    if facts.repeats_tests_only:
        return _sums_by_test(query, facts, names)
    rows = rows.annotate(counted=F("id"), **{name: _addend(name) for name in names})
    return different_records(query, [rows], names, {name: f"coalesce(sum({name}), 0)" for name in names})


def _wanted(query: Query) -> tuple[str, ...]:
    """The numbers the measures need."""
    asked = {measure.name for measure in query.asked}
    counts = _STATUSES if asked & set(RATES) else ()
    return ("total", *counts, *(("score",) if "severity_score" in asked else ()))


def _sums(query: Query, rows: Rows, names: tuple[str, ...]) -> Numbers:
    """Where every bug is in one row, the total is the sum of the groups."""
    aggregates = {name: _aggregate(name) for name in names}
    found = Numbers(total=dict.fromkeys(names, 0))
    keys = KEYS[: len(query.dimensions)]
    for row in rows.values(*keys).annotate(**aggregates) if keys else [rows.aggregate(**aggregates)]:
        numbers = {name: row[name] or 0 for name in names}
        if keys:
            found.groups[tuple(row[key] for key in keys)] = numbers
        for name, number in numbers.items():
            found.total[name] += number
    return found


_STATUSES = {"accepted": "accepted", "auto_accepted": "auto_accepted", "rejected": "rejected", "open": "forwarded"}


def _sums_by_test(query: Query, facts: Facts, names: tuple[str, ...]) -> Numbers:
    """Where tests are in several groups: their bugs are added up first, and each test's sums then go to its groups."""
    of_tests, of_bugs = facts.tests_alone(), facts.bugs_alone()
    keys = [KEYS[: len(side.query.dimensions)] for side in (of_tests, of_bugs)]
    tests = statement_of(of_tests.tests().annotate(counted=F("id")).values_list(*keys[0], "counted").distinct())
    grouped = of_bugs.bugs_of_any_test().values(*keys[1], "test_id").annotate(**{n: _aggregate(n) for n in names})
    bugs = statement_of(grouped.values_list(*keys[1], "test_id", *names))
    if tests is None or bugs is None:
        return Numbers(total=dict.fromkeys(names, 0))
    shell = _SUMS_BY_TEST.format(
        tests=SQL(tests[0]),
        bugs=SQL(bugs[0]),
        columns_of_tests=identifiers((*(f"test_{key}" for key in keys[0]), "counted")),
        columns_of_bugs=identifiers((*(f"bug_{key}" for key in keys[1]), "test_id", *names)),
        keys=identifiers((*(f"test_{key}" for key in keys[0]), *(f"bug_{key}" for key in keys[1]))),
        empty=SQL("NULL, ") * len(query.dimensions),
        figures=SQL(", ").join(SQL("coalesce(sum({}), 0)").format(Identifier(name)) for name in names),
    )
    order = (*of_tests.query.dimensions, *of_bugs.query.dimensions)
    places = [order.index(name) for name in query.dimensions]
    found = Numbers()
    for is_total, *cells in fetch(shell, [*tests[1], *bugs[1]]):
        numbers = dict(zip(names, map(int, cells[len(order) :]), strict=True))
        if is_total:
            found.total = numbers
        else:
            found.groups[tuple(cells[place] for place in places)] = numbers
    return found


_SUMS_BY_TEST = SQL(
    "WITH tests ({columns_of_tests}) AS MATERIALIZED ({tests}), bugs ({columns_of_bugs}) AS MATERIALIZED ({bugs}) "
    "SELECT FALSE, {keys}, {figures} FROM tests JOIN bugs ON test_id = counted GROUP BY {keys} UNION ALL "
    "SELECT TRUE, {empty}{figures} FROM bugs WHERE test_id IN (SELECT counted FROM tests)"
)


def _aggregate(name: str, path: str = "") -> Count | Sum:
    return severity_score_of_bugs(path) if name == "score" else bug_counts(path)[name]


def _addend(name: str) -> Combinable:
    """What one bug adds to a number."""
    if name == "score":
        return weight_of_bug()
    if name == "total":
        return Value(1)
    return Case(When(status=_STATUSES[name], then=Value(1)), default=Value(0), output_field=IntegerField())


# -- numbers in custom reports


def _reports(query: Query, facts: Facts, name: str) -> Numbers:
    """The numbers in one field of the reports: TestIO sends them as numbers or as text."""
    rows = facts.bugs().filter(custom_report__isnull=False).alias(text=_text_of_field(name)).filter(text__regex=_NUMBER)
    number = Func(F("text"), template="(%(expressions)s)::numeric", output_field=DecimalField())
    sums = {"values": "count(value)", "sum": "sum(value)", "minimum": "min(value)", "maximum": "max(value)"}
    rows = rows.annotate(counted=F("id"), value=number)
    return different_records(query, [rows], ("value",), {f"{kind}:{name}": sql for kind, sql in sums.items()})


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
