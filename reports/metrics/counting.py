"""Facts into numbers: one query per source of numbers, the groups and their total out of the same rows.

Each query is written by the ORM; ``shell`` groups where one has to be grouped that is grouped already.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeAlias

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

from reports.figures import bug_counts, severity_score_of_bugs
from reports.metrics.added import features_of_bugs, sums_of_bugs, testers_of_bugs
from reports.metrics.bits import different_by_members
from reports.metrics.different import FACTS, different_numbers, different_records
from reports.metrics.dimensions import Kind, Subject
from reports.metrics.facts import FEATURE, KEYS, Facts
from reports.metrics.measures import MEASURES, Source
from reports.metrics.packing import packing
from reports.metrics.plans import LITTLE_MEMORY, planned
from reports.metrics.query import Query
from reports.metrics.shell import (
    Numbers,
    Overall,
    Rows,
    Statement,
    different,
    grouped,
    in_order,
    merged,
    read,
    spread,
    statement_of,
    together,
)
from reports.metrics.totals import known_total
from reports.metrics.values import NOTHING


def count(query: Query, facts: Facts) -> Numbers:
    """Every number the query's measures need: of the first groups, if no more are kept and one query knows them all."""
    counters = _counters(query, facts)
    if len(counters) == 1:
        return counters[0](query, facts)
    whole = replace(query, limit=None)
    found = Numbers()
    for counter in counters:
        found.add(counter(whole, facts))
    return found


Counter: TypeAlias = Callable[[Query, Facts], Numbers]


def _counters(query: Query, facts: Facts) -> list[Counter]:
    """One for each source, or for tests and bugs together."""
    sources = dict.fromkeys(source for measure in query.asked for source in measure.sources)
    found: list[Counter] = []
    wants_both = Source.BUGS in sources and (Source.TESTS in sources or facts.lists_tests)
    if wants_both and (in_one := _in_one(query, facts)):
        found.append(in_one)
        sources = {source: None for source in sources if source not in (Source.TESTS, Source.BUGS)}
    elif facts.lists_tests and (Source.BUGS in sources or facts.sets.subjects):
        sources[Source.TESTS] = None
    for source in sources:
        if source is Source.REPORTS:
            names = dict.fromkeys(measure.field for measure in query.asked if measure.field)
            found += [partial(_reports, name=name) for name in names]
        else:
            found.append(_COUNTERS[source])
    return found


# -- tests, testers, features: different ones


def _tests(query: Query, facts: Facts) -> Numbers:
    if not facts.about_bugs and not facts.about_features:
        return _sums(query, facts, facts.tests(), {"tests": Count("pk")})
    if facts.are_pairs:
        return _pairs(query, facts, ())
    if facts.takes_all_bugs:
        return _by_feature(query, facts, ())
    if _can_be_together(query, facts):
        return _together(query, facts, ())
    parts = [_selected(query, each, "id") for each in _rows_of_tests(facts)]
    parts.append(_selected(query, facts.bugs().filter(test__isnull=False), "test_id"))
    return _different(Source.TESTS, query, facts, parts)


def _pairs(query: Query, facts: Facts, names: tuple[str, ...]) -> Numbers:
    """Tests by what their bugs are, and with ``names`` what those bugs add up to: from a row per group and test."""
    rows = facts.pairs()
    if Subject.DEVICE in facts.sets.subjects:
        parts = list(filter(None, [_selected(query, rows, "id")]))
        found = different_by_members(query, facts.sets, Subject.DEVICE, parts, "tests", overall=False)
    else:
        found = _pairs_of_values(query, rows, names)
    found.groups = spread(found.groups, facts.sets, Subject.PLATFORM)
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
        return _nothing(names)
    with planned(LITTLE_MEMORY):
        return _tests_and_sums(query, statement if names else different(query, statement), names)


def _by_feature(query: Query, facts: Facts, names: tuple[str, ...]) -> Numbers:
    """Tests by the features they cover or have bugs on, and with ``names`` what those bugs add up to."""
    covered = facts.tests(features=True).annotate(**_zeros(names))
    found_by_bugs = sums_of_bugs(query, facts, {name: _aggregate(name) for name in names})
    parts = [part for part in (_selected(query, covered, "id", names), found_by_bugs) if part]
    found = _tests_and_sums(query, _merged(query, parts, names), names) if parts else _nothing(names)
    found.groups = spread(found.groups, facts.sets, Subject.PLATFORM)
    found.total["tests"] = facts.tests().count()  # each covers a feature, or none
    return found


def _merged(query: Query, parts: list[Statement], names: tuple[str, ...]) -> Statement:
    return merged(query, parts, names) if names else different(query, in_order(query, parts))


def _by_test(query: Query, facts: Facts, names: tuple[str, ...]) -> Numbers:
    """Tests and what their bugs add up to, by what tests are."""
    rows = sums_of_bugs(query, facts, {name: _aggregate(name) for name in names})
    found = _tests_and_sums(query, rows, names) if rows else _nothing(("tests", *names))
    found.groups = spread(found.groups, facts.sets, Subject.PLATFORM)
    return found


def _together(query: Query, facts: Facts, names: tuple[str, ...]) -> Numbers:
    """Tests and what their bugs add up to, from a row for each group and test with bugs, and one for each without.

    No test is in both in one group: with features, it is by feature that a test is without bugs.
    """
    keys = KEYS[: len(query.dimensions)]
    bugs = facts.bugs().values(*keys, counted=F("test_id")).annotate(**{name: _aggregate(name) for name in names})
    per_test = bugs.values_list(*keys, "counted", *names)
    parts = [statement_of(per_test if names else per_test.distinct())]
    if facts.admits_bare_tests:
        bare = facts.bare_tests(features=facts.about_features).annotate(counted=F("id"), **_zeros(names))
        parts.append(statement_of(bare.values_list(*keys, "counted", *names).distinct()))
    rows = together(filter(None, parts))
    columns, figures = ("counted", *names), ["count(counted)", *_sums_of(names)]
    total = known_total(facts, Source.TESTS)
    if total is None:
        overall = ", ".join(["SELECT count(DISTINCT counted)", *_sums_of(names)])
        given = Overall((*keys, *columns), rows, f"{overall} FROM facts")
        return read(query, grouped(query, FACTS, columns, figures), ("tests", *names), overall=given)
    found = read(query, grouped(query, rows, columns, figures), ("tests", *names))
    found.total["tests"] = total
    return found


def _tests_and_sums(query: Query, rows: Statement, names: tuple[str, ...]) -> Numbers:
    return read(query, grouped(query, rows, ("counted", *names), ["count(*)", *_sums_of(names)]), ("tests", *names))


def _sums_of(names: Iterable[str]) -> list[str]:
    # Of bigint the sum would be numeric, which is slow; these are numbers of one test each.
    return [f"COALESCE(sum({name}::integer), 0)" for name in names]


def _zeros(names: Iterable[str]) -> dict[str, Cast]:
    return {name: Cast(Value(0), BigIntegerField()) for name in names}


def _nothing(names: Iterable[str]) -> Numbers:
    return Numbers(total=dict.fromkeys(names, 0))


def _in_one(query: Query, facts: Facts) -> Counter | None:
    """What counts tests and bugs in one go, where that can be done."""
    names = _wanted(query)
    if facts.are_pairs and Subject.DEVICE not in facts.sets.subjects:
        return partial(_pairs, names=names)
    if facts.takes_all_bugs and query.dimensions:
        return partial(_by_feature if facts.about_features else _by_test, names=names)
    return partial(_together, names=names) if _can_be_together(query, facts) else None


def _can_be_together(query: Query, facts: Facts) -> bool:
    by_feature = FEATURE in query.grouped or not facts.about_features
    return bool(query.dimensions) and by_feature and not facts.sets.subjects


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
    return _different(Source.TESTERS, query, facts, [part, *_empty_groups(query, facts)])


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
    return _different(Source.FEATURES, query, facts, [*parts, *_empty_groups(query, facts)])


def _empty_groups(query: Query, facts: Facts, *columns: str) -> list[Statement | None]:
    """Nothing to count in the group of each test, where those are listed; by sets they are counted apart."""
    if not facts.lists_tests or facts.sets.subjects:
        return []
    rows = facts.tests().annotate(nothing=NOTHING[Kind.NUMBER])
    return [_selected(query, rows, "nothing", columns)]


def _selected(query: Query, rows: Rows, counted: str, names: Iterable[str] = ()) -> Statement | None:
    keys = KEYS[: len(query.dimensions)]
    return statement_of(rows.annotate(counted=F(counted)).values_list(*keys, "counted", *names))


def _different(source: Source, query: Query, facts: Facts, parts: Iterable[Statement | None]) -> Numbers:
    """How many different ``counted`` there are in each group, and in all together."""
    (name,) = (each.name for each in MEASURES.values() if each.sources == (source,))
    possible = [part for part in parts if part]
    if not possible:
        return _nothing((name,))
    total = known_total(facts, source)
    if total is not None and not query.dimensions:
        return Numbers(total={name: total})
    if len(facts.sets.subjects) == 1:
        found = different_by_members(query, facts.sets, facts.sets.subjects[0], possible, name, overall=total is None)
        found.total = found.total if total is None else {name: total}
        return found
    if query.dimensions and not facts.sets.subjects and (packed := packing(query, source)):
        return different_numbers(query, packed, possible, name, total=total)
    return different_records(query, facts.sets, possible, (), {name: "count(counted)"}, total=total)


# -- bugs: sums


def _bugs(query: Query, facts: Facts) -> Numbers:
    aggregates = {name: _aggregate(name) for name in _wanted(query)}
    if not query.dimensions or not facts.takes_all_bugs:
        return _sums(query, facts, facts.bugs(), aggregates)
    rows = sums_of_bugs(query, facts, aggregates)
    if rows is None:
        return _nothing(aggregates)
    found = read(query, grouped(query, rows, ("test", *aggregates), _sums_of(aggregates)), tuple(aggregates))
    found.groups = spread(found.groups, facts.sets, Subject.PLATFORM)
    return found


def _wanted(query: Query) -> tuple[str, ...]:
    """The numbers of bugs the measures need."""
    asked = (each for each in query.asked if Source.BUGS in each.sources)
    return tuple(dict.fromkeys(name for each in asked for name in (*each.part, *each.whole) if name != "tests"))


def _sums(query: Query, facts: Facts, rows: Rows, aggregates: Mapping[str, Count | Sum]) -> Numbers:
    """Where every record is in one row, the total is the sum of the groups."""
    keys = KEYS[: len(query.dimensions)]
    if not keys:
        return Numbers(total={name: number or 0 for name, number in rows.aggregate(**aggregates).items()})
    statement = statement_of(rows.values(*keys).annotate(**aggregates).values_list(*keys, *aggregates))
    if statement is None:
        return _nothing(aggregates)
    found = read(query, statement, tuple(aggregates))
    for subject in facts.sets.subjects:
        found.groups = spread(found.groups, facts.sets, subject)
    return found


def _aggregate(name: str, path: str = "") -> Count | Sum:
    return severity_score_of_bugs(path) if name == "score" else bug_counts(path)[name]


# -- numbers in custom reports


def _reports(query: Query, facts: Facts, *, name: str) -> Numbers:
    """The numbers in one field of the reports: TestIO sends them as numbers or as text."""
    rows = facts.bugs().filter(custom_report__isnull=False).alias(text=_text_of_field(name)).filter(text__regex=_NUMBER)
    number = Func(F("text"), template="(%(expressions)s)::numeric", output_field=DecimalField())
    sums = {"values": "count(value)", "sum": "sum(value)", "minimum": "min(value)", "maximum": "max(value)"}
    rows = rows.annotate(counted=F("id"), value=number)
    statement = statement_of(rows.values_list(*KEYS[: len(query.dimensions)], "counted", "value"))
    figures = {f"{kind}:{name}": aggregate for kind, aggregate in sums.items()}
    parts = [part for part in (statement, *_empty_groups(query, facts, "nothing")) if part]
    return different_records(query, facts.sets, parts, ("value",), figures) if parts else _nothing(figures)


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


_COUNTERS: dict[Source, Counter] = {
    Source.TESTS: _tests,
    Source.BUGS: _bugs,
    Source.TESTERS: _testers,
    Source.FEATURES: _features,
}
