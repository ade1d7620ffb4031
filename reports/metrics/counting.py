"""Facts into numbers: one query per source of numbers, the groups and their total out of the same rows.

Each query is written by the ORM; ``shell`` groups where one has to be grouped that is grouped already.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial

from django.db.models import Count

from reports.metrics.added import features_of_bugs, testers_of_bugs
from reports.metrics.bits import different_by_members
from reports.metrics.custom_numbers import numbers_of_reports
from reports.metrics.different import different_numbers, different_records
from reports.metrics.facts import Facts
from reports.metrics.measures import MEASURES, Source
from reports.metrics.packing import packing
from reports.metrics.query import Query
from reports.metrics.shell import Numbers, Rows, Statement, empty_groups, selected
from reports.metrics.sums import (
    Counter,
    bugs,
    by_feature,
    by_group_and_test,
    can_be_by_group_and_test,
    in_one,
    pairs,
    sums,
)
from reports.metrics.totals import known_total


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


def _counters(query: Query, facts: Facts) -> list[Counter]:
    """One for each source, or for tests and bugs together."""
    sources = dict.fromkeys(source for measure in query.asked for source in measure.sources)
    found: list[Counter] = []
    wants_both = Source.BUGS in sources and (Source.TESTS in sources or facts.lists_tests)
    if wants_both and (both := in_one(query, facts)):
        found.append(both)
        sources = {source: None for source in sources if source not in (Source.TESTS, Source.BUGS)}
    elif facts.lists_tests and (Source.BUGS in sources or facts.sets.subjects):
        sources[Source.TESTS] = None
    for source in sources:
        if source is Source.REPORTS:
            names = dict.fromkeys(measure.field for measure in query.asked if measure.field)
            found += [partial(numbers_of_reports, name=name) for name in names]
        else:
            found.append(_COUNTERS[source])
    return found


def _tests(query: Query, facts: Facts) -> Numbers:
    if not facts.about_bugs and not facts.about_features:
        return sums(query, facts, facts.tests(), {"tests": Count("pk")})
    if facts.are_pairs:
        return pairs(query, facts, ())
    if facts.takes_all_bugs:
        return by_feature(query, facts, ())
    if can_be_by_group_and_test(query, facts):
        return by_group_and_test(query, facts, ())
    parts = [selected(query, each, "id") for each in _rows_of_tests(facts)]
    parts.append(selected(query, facts.bugs().filter(test__isnull=False), "test_id"))
    return _different(Source.TESTS, query, facts, parts)


def _rows_of_tests(facts: Facts) -> list[Rows]:
    """Those whose bugs, if any, play no part."""
    if not facts.about_bugs:
        return [facts.tests(features=facts.about_features)]
    return [facts.bare_tests(features=facts.about_features)] if facts.admits_bare_tests else []


def _testers(query: Query, facts: Facts) -> Numbers:
    if facts.keeps_all_bugs:
        return _different(Source.TESTERS, query, facts, [testers_of_bugs(query, facts)])
    part = selected(query, facts.bugs().filter(author__isnull=False), "author_id")
    return _different(Source.TESTERS, query, facts, [part, *empty_groups(query, facts)])


def _features(query: Query, facts: Facts) -> Numbers:
    if facts.keeps_all_bugs:
        parts = [features_of_bugs(query, facts)]
    else:
        parts = [selected(query, facts.bugs().filter(feature__isnull=False), "feature_id")]
    covered: Rows | None = None
    if not facts.about_bugs:
        covered = facts.tests(features=True)
    elif facts.admits_bare_tests:
        covered = facts.bare_features()
    if covered is not None:
        # The tests that cover nothing are the groups without a feature, where those are listed.
        rows = covered if facts.lists_empty_groups else covered.filter(of_feature__isnull=False)
        parts.append(selected(query, rows, "of_feature"))
    return _different(Source.FEATURES, query, facts, parts)


def _different(source: Source, query: Query, facts: Facts, parts: Iterable[Statement | None]) -> Numbers:
    """How many different ``counted`` there are in each group, and in all together."""
    (name,) = (each.name for each in MEASURES.values() if each.sources == (source,))
    possible = [part for part in parts if part]
    if not possible:
        return Numbers.nothing((name,))
    total = known_total(facts, source)
    if total is not None and not query.dimensions:
        return Numbers(total={name: total})
    if len(facts.sets.subjects) == 1:
        found = different_by_members(query, facts.sets, facts.sets.subjects[0], possible, name, overall=total is None)
        found.total = found.total if total is None else {name: total}
        return found
    # Of few groups there are few different records as well, which PostgreSQL soon has in a table.
    if query.has_many_groups and not facts.sets.subjects and (packed := packing(query, source)):
        return different_numbers(query, packed, possible, name, total=total)
    return different_records(query, facts.sets, possible, (), {name: "count(counted)"}, total=total)


_COUNTERS: dict[Source, Counter] = {
    Source.TESTS: _tests,
    Source.BUGS: bugs,
    Source.TESTERS: _testers,
    Source.FEATURES: _features,
}
