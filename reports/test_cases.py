"""What test-case tests came to: every case that is defined, every execution of it, and how it ended.

An execution passed or failed where TestIO says so; anything else (blocked, skipped, …) is neither. The pass rate is
passed / executions, and None without executions. Cases and executions TestIO no longer has are left out.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, QuerySet

from reports.figures import share
from sync import wording
from sync.models import Test, TestCase, TestCaseResult


@dataclass(frozen=True, slots=True)
class CaseCounts:
    """``cases`` are all that are defined, ``executed_cases`` those that somebody ran at least once."""

    cases: int = 0
    executed_cases: int = 0
    executions: int = 0
    passed: int = 0
    failed: int = 0

    @classmethod
    def of(cls, statuses: "Counter[str]", *, cases: int = 0, executed_cases: int = 0) -> "CaseCounts":
        return cls(cases, executed_cases, statuses.total(), statuses["passed"], statuses["failed"])

    def __add__(self, other: "CaseCounts") -> "CaseCounts":
        return CaseCounts(
            self.cases + other.cases,
            self.executed_cases + other.executed_cases,
            self.executions + other.executions,
            self.passed + other.passed,
            self.failed + other.failed,
        )

    @property
    def other(self) -> int:
        return self.executions - self.passed - self.failed

    @property
    def never_executed(self) -> int:
        return self.cases - self.executed_cases

    @property
    def pass_rate(self) -> float | None:
        return share(self.passed, self.executions)


@dataclass(frozen=True, slots=True)
class Execution:
    """One tester's run through a case. ``steps`` as TestIO sent them."""

    id: int
    status: str
    tester: str
    steps: Any


@dataclass(frozen=True, slots=True)
class Case:
    """A case with its executions. ``is_defined`` is false for one that only executions mention."""

    id: int | None
    title: str
    feature_id: int | None
    steps: Any
    is_defined: bool
    executions: tuple[Execution, ...]

    @property
    def counts(self) -> CaseCounts:
        statuses = Counter(each.status for each in self.executions)
        defined = int(self.is_defined)
        return CaseCounts.of(statuses, cases=defined, executed_cases=defined if self.executions else 0)


def counts(tests: "QuerySet[Test, Any]") -> dict[int, CaseCounts]:
    """By test, of those test-case tests that have cases or executions. Two statements, however many tests."""
    chosen = tests.filter(testing_type=None).values("pk")
    executed: dict[int, Counter[int | None]] = defaultdict(Counter)
    statuses: dict[int, Counter[str]] = defaultdict(Counter)
    rows = TestCaseResult.objects.filter(missing_since=None, test__in=chosen).order_by()
    for test, case, status, number in rows.values_list("test", "test_case_id", "status").annotate(Count("pk")):
        executed[test][case] += number
        statuses[test][status] += number
    defined: dict[int, set[int]] = defaultdict(set)
    cases = TestCase.objects.filter(missing_since=None, test__in=chosen).order_by()
    for test, case in cases.values_list("test", "testio_id"):
        defined[test].add(case)
    return {
        test: CaseCounts.of(
            statuses[test], cases=len(defined[test]), executed_cases=len(defined[test] & executed[test].keys())
        )
        for test in sorted(defined.keys() | statuses.keys())
    }


def total(counted: Iterable[CaseCounts]) -> CaseCounts:
    return sum(counted, CaseCounts())


def cases(test_ids: Iterable[int]) -> dict[int, list[Case]]:
    """The cases of each of these tests in TestIO's order, then what only executions mention. Two statements."""
    ids = list(test_ids)
    executions: dict[tuple[int, int | None], list[Execution]] = defaultdict(list)
    for each in TestCaseResult.objects.filter(missing_since=None, test__in=ids).order_by("test", "testio_id"):
        key = (each.test_id, each.test_case_id)
        executions[key].append(Execution(each.testio_id, each.status, each.tester, each.steps))
    found: dict[int, list[Case]] = {pk: [] for pk in ids}
    for case in TestCase.objects.filter(missing_since=None, test__in=ids).order_by("test", "testio_id"):
        own = executions.pop((case.test_id, case.testio_id), [])
        found[case.test_id].append(Case(case.testio_id, case.title, case.feature_id, case.steps, True, tuple(own)))
    for (test, number), more in executions.items():
        found[test].append(Case(number, "", None, [], False, tuple(more)))
    return found


def why_skipped(test: Test, counted: Mapping[int, CaseCounts]) -> str:
    """Why there is nothing to count of a test, whose freshness and product should be loaded; empty where there is."""
    if test.testing_type is not None:
        kind = wording.shown_testing_type(test.testing_type) or "untyped"
        return f"It is a {kind} test; only test-case tests have test cases."
    if test.missing_since:
        return "TestIO has this test no more."
    if test.product.missing_since:
        return "TestIO has the product of this test no more."
    if test.pk in counted:
        return ""
    return "TestIO has no test cases of it." if read_at(test) else "Its results were not read from TestIO yet."


def read_at(test: Test) -> datetime | None:
    """When its results were read; None for never."""
    return test.freshness.results_synced_at if hasattr(test, "freshness") else None
