"""Test cases and what their executions came to."""

from datetime import datetime
from typing import Any

from ninja import Field

from reports.test_cases import CaseCounts
from sync.schemas.common import Aged, Document


class CaseFigures(Document):
    """Executions are passed, failed, or other (blocked, skipped, …)."""

    total_cases: int = Field(description="All that are defined, also those never executed.")
    never_executed: int
    executions: int
    passed: int
    failed: int
    other: int
    pass_rate: float | None = Field(description="passed / executions; null without executions.")

    @classmethod
    def figures(cls, counts: CaseCounts) -> dict[str, Any]:
        return {
            "total_cases": counts.cases,
            "never_executed": counts.never_executed,
            "executions": counts.executions,
            "passed": counts.passed,
            "failed": counts.failed,
            "other": counts.other,
            "pass_rate": counts.pass_rate,
        }


class TestCaseExecution(Document):
    id: int
    status: str = Field(examples=["passed"])
    tester: str
    steps: Any = Field(description="As TestIO sent them.")


class TestCaseFigures(CaseFigures):
    id: int | None
    title: str
    feature_id: int | None
    steps: Any = Field(description="As TestIO sent them.")
    is_defined: bool = Field(description="False for a case that only executions mention.")
    results: list[TestCaseExecution]


class TestResults(CaseFigures):
    test_id: int
    title: str
    product_id: int
    results_read_at: datetime | None = Field(description="When its results were last read from TestIO.")
    cases: list[TestCaseFigures] | None = Field(description="Null unless `include=cases` asks for them.")


class SkippedTest(Document):
    test_id: int
    reason: str = Field(examples=["It is a coverage test; only test-case tests have test cases."])


class TestCaseResults(Aged):
    total: CaseFigures
    tests: list[TestResults]
    skipped: list[SkippedTest] = Field(description="Tests that were asked for and have no results to count.")
