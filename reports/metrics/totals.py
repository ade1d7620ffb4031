"""How many different records there are in all, where that can be told without looking through the groups.

It can where each record that counts is in some group, whatever those are: where nothing is asked of bugs but what they
are grouped by, and nothing at all of features.
"""

from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from reports.metrics.facts import FEATURE, Facts
from reports.metrics.measures import Source
from sync.models import Feature, Person

Rows = QuerySet[Any, Any]


def known_total(facts: Facts, source: Source) -> int | None:
    """How many tests, testers or features count; None where the groups have to say it."""
    if facts.chooses_bugs or facts.admits_bare_bugs or FEATURE.name in facts.query.filters:
        return None
    if source is Source.TESTS:
        return facts.tests().count()
    if facts.is_narrowed:
        return None
    everything = facts.ungrouped()
    if source is Source.TESTERS:
        return Person.objects.filter(pk=_one(everything.bugs(), "author_id")).count()
    covered = _one(everything.tests(features=True), "of_feature")
    return Feature.objects.filter(Q(pk=_one(everything.bugs(), "feature_id")) | Q(pk=covered)).count()


def _one(rows: Rows, column: str) -> Subquery:
    """Itself, if any of these rows has it. One is soon found if most rows count, and enough."""
    return Subquery(rows.filter(**{column: OuterRef("pk")}).values(one=F(column))[:1])
