"""What one test came to: its bugs by severity, status and platform, its features, and its latest bugs."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count, F, QuerySet, TextField, Value
from django.db.models.functions import Coalesce, NullIf

from reports import figures
from reports.figures import BugCounts
from reports.metrics.dimensions import NONE
from sync.models import Bug, Test, TestFeature

LATEST = 20


@dataclass(frozen=True, slots=True)
class Summary:
    """``by_severity`` and ``by_status`` have every word TestIO is known to use, in their usual order."""

    bugs: BugCounts
    known: int
    by_severity: Mapping[str, int]
    by_status: Mapping[str, int]
    by_platform: Mapping[str, int]


def summary(test: Test) -> Summary:
    """Two statements. A bug seen on two platforms counts once on each."""
    severities: Counter[str] = Counter()
    statuses: Counter[str] = Counter()
    known = 0
    groups = _bugs(test).values_list("severity", "status", "known").annotate(Count("pk"))
    for severity, status, was_known, count in groups:
        severities[severity] += count
        statuses[status] += count
        known += count if was_known else 0
    return Summary(
        BugCounts.from_groups(statuses),
        known,
        figures.by_severity(severities),
        figures.by_status(statuses),
        _by_platform(test),
    )


def _by_platform(test: Test) -> dict[str, int]:
    """By the operating system of the bugs' own devices, the most bugs first."""
    platform = Coalesce(NullIf(F("devices__operating_system"), Value("")), Value(NONE), output_field=TextField())
    groups = _bugs(test).annotate(platform=platform).values_list("platform").annotate(found=Count("pk", distinct=True))
    return dict(sorted(groups, key=lambda pair: (-pair[1], pair[0])))


def features(test: Test) -> list[tuple[TestFeature, int]]:
    """What the test covers, each with how many bugs are on it; most of them first. Two statements.

    A bug that names the feature only, and not the test's copy of it, is on the first copy.
    """
    rows = list(
        TestFeature.objects.filter(test=test, missing_since=None)
        .select_related("feature")
        .defer("feature__raw", "feature__search")
        .order_by("title", "pk")
    )
    copies = {row.pk for row in rows}
    first = {row.feature_id: row.pk for row in reversed(rows) if row.feature_id}
    found: Counter[int | None] = Counter()
    for copy, feature, count in _bugs(test).values_list("test_feature", "feature").annotate(Count("pk")):
        found[copy if copy in copies else first.get(feature)] += count
    return sorted(((row, found[row.pk]) for row in rows), key=lambda pair: -pair[1])


def latest_bugs(test: Test) -> "QuerySet[Bug]":
    """The newest bugs by when they were reported."""
    rows = (
        Bug.objects.filter(test=test, missing_since=None)
        .select_related("author", "feature")
        .defer("feature__raw", "feature__search")
    )
    return rows.order_by(F("reported_at").desc(nulls_last=True), "-pk")[:LATEST]


def _bugs(test: Test) -> "QuerySet[Bug]":
    return Bug.objects.filter(test=test, missing_since=None).order_by()
