"""Test-case tests: definitions and executions."""

from dataclasses import dataclass
from typing import Any

from sync.testio.payloads.reading import integer, mapping, mappings, open_payload, person, text


@dataclass(slots=True)
class CaseRecord:
    id: int
    title: str
    feature_id: int | None
    steps: list[dict[str, Any]]


@dataclass(slots=True)
class ResultRecord:
    id: int
    test_case_id: int | None
    status: str
    tester: str
    steps: list[dict[str, Any]]


def parse_case(payload: object) -> CaseRecord:
    """One entry of ``test_case_test.test_cases``."""
    opened = open_payload("Test case", payload)
    source = opened.payload
    return CaseRecord(
        id=opened.id,
        title=text(source.get("title")),
        feature_id=integer(source.get("feature_id")),
        steps=[dict(step) for step in mappings(source.get("steps"))],
    )


def parse_result(payload: object) -> ResultRecord:
    """One entry of ``GET …/test_case_tests/{id}/results``."""
    opened = open_payload("Test case result", payload)
    source = opened.payload
    return ResultRecord(
        id=opened.id,
        test_case_id=integer(source.get("test_case_id")) or integer(mapping(source.get("test_case")).get("id")),
        status=text(source.get("status")),
        tester=person(source.get("tester")),
        steps=[dict(step) for step in mappings(source.get("steps"))],
    )
