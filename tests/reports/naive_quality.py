"""The quality report once more, by loops over plain rows."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Any

from reports.quality import QualityReport, Wish
from sync.models import Bug, Product, Test, TestFeature

NONE = "(none)"
EXECUTED = {"running", "locked", "archived"}
Json = dict[str, Any]


def figures(wish: Wish) -> Json:
    """Everything the report counts, in the words people see."""
    tests = [test for test in _rows(Test.objects.values()) if _counts(test, wish)]
    ids = {test["id"] for test in tests}
    bugs = [bug for bug in _rows(Bug.objects.values()) if bug["missing_since"] is None and bug["test_id"] in ids]
    of_test = {test["id"]: test for test in tests}
    return {
        "total": _tally(tests, bugs),
        "products": {pk: _tally(*_with(tests, bugs, "product_id", pk)) for pk in _products(wish)},
        "tests": {test["id"]: _states(bug for bug in bugs if bug["test_id"] == test["id"]) for test in tests},
        "by_severity": _by((bug["severity"], bug) for bug in bugs),
        "by_bug_status": _by((_status(bug), bug) for bug in bugs),
        "by_feature": _by((str(bug["feature_id"] or ""), bug) for bug in bugs),
        "by_test_status": _by((of_test[bug["test_id"]]["status"], bug) for bug in bugs),
        "by_testing_type": _by((_type(of_test[bug["test_id"]]), bug) for bug in bugs),
        "by_month": _by((_month(of_test[bug["test_id"]]), bug) for bug in bugs),
        "tests_by_month": Counter(_month(test) or NONE for test in tests),
        "tests_by_type": Counter(_type(test) or NONE for test in tests),
    }


def _rows(rows: Iterable[Any]) -> list[Json]:
    return list(rows)


def same_of(report: QualityReport) -> Json:
    """The report in the same shape."""
    groups = {
        name: {each.key: _numbers(each.bugs) for each in getattr(report, name) if each.bugs.total}
        for name in ("by_severity", "by_bug_status", "by_feature", "by_test_status", "by_testing_type", "by_month")
    }
    return {
        "total": (report.total.tally.tests, _numbers(report.total.tally.bugs)),
        "products": {row.id: (row.standing.tally.tests, _numbers(row.standing.tally.bugs)) for row in report.products},
        "tests": {row.id: _numbers(row.bugs) for row in report.tests},
        **groups,
        "tests_by_month": {each.key: each.tests for each in report.by_month},
        "tests_by_type": {each.key: each.tests for each in report.by_testing_type},
    }


def _numbers(bugs: Any) -> tuple[int, ...]:
    return bugs.total, bugs.accepted, bugs.auto_accepted, bugs.rejected, bugs.open


def _products(wish: Wish) -> set[int]:
    return {each.pk for each in Product.objects.all() if each.missing_since is None and each.pk in wish.products}


def _counts(test: Json, wish: Wish) -> bool:
    if test["missing_since"] is not None or test["product_id"] not in _products(wish):
        return False
    if wish.tests:
        return test["id"] in wish.tests
    if test["id"] in wish.include:
        return True
    end = test["end_at"].date() if test["end_at"] else None
    covered = set(TestFeature.objects.filter(test=test["id"], missing_since=None).values_list("feature_id", flat=True))
    return (
        test["id"] not in wish.exclude
        and test["status"] in (wish.statuses or EXECUTED)
        and (not wish.testing_types or test["testing_type"] in wish.testing_types)
        and (not wish.features or bool(covered & set(wish.features)))
        and ((wish.first is None and wish.last is None) or (end is not None and _within(end, wish)))
    )


def _within(day: date, wish: Wish) -> bool:
    return (wish.first is None or day >= wish.first) and (wish.last is None or day <= wish.last)


def _with(tests: list[Json], bugs: list[Json], name: str, value: Any) -> tuple[list[Json], list[Json]]:
    chosen = [test for test in tests if test[name] == value]
    ids = {test["id"] for test in chosen}
    return chosen, [bug for bug in bugs if bug["test_id"] in ids]


def _tally(tests: list[Json], bugs: list[Json]) -> tuple[int, tuple[int, ...]]:
    return len(tests), _states(bugs)


def _states(bugs: Iterable[Json]) -> tuple[int, ...]:
    found = [bug["status"] for bug in bugs]
    return len(found), *(found.count(word) for word in ("accepted", "auto_accepted", "rejected", "forwarded"))


def _by(pairs: Iterable[tuple[str, Json]]) -> dict[str, tuple[int, ...]]:
    groups: dict[str, list[Json]] = defaultdict(list)
    for word, bug in pairs:
        groups[word or NONE].append(bug)
    return {word: _states(bugs) for word, bugs in groups.items()}


def _status(bug: Json) -> str:
    return "open" if bug["status"] == "forwarded" else str(bug["status"])


def _type(test: Json) -> str:
    stored = test["testing_type"]
    return "test case" if stored is None else "custom" if stored == "external" else str(stored)


def _month(test: Json) -> str:
    return f"{test['end_at']:%Y-%m}" if test["end_at"] else ""
