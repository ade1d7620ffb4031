"""Test-case tests: definitions and executions."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db.models import QuerySet
from django.db.models.functions import Now

from sync.bulk import Target, latest, merge
from sync.evidence import is_doubtful
from sync.models import TestCase, TestCaseResult
from sync.store.saved import Saved
from sync.testio.payloads import CaseRecord, ResultRecord

_CASES = Target(
    TestCase, ("test_id", "testio_id", "title", "feature_id", "steps", "missing_since"), key=("test_id", "testio_id")
)
_RESULTS = Target(
    TestCaseResult,
    ("test_id", "testio_id", "test_case_id", "status", "tester", "steps", "missing_since"),
    key=("test_id", "testio_id"),
)


@dataclass(frozen=True, slots=True)
class CaseLists:
    """All cases and all executions TestIO sent of one test."""

    cases: Sequence[CaseRecord]
    results: Sequence[ResultRecord]


def save_results(lists: Mapping[int, CaseLists]) -> dict[int, Saved]:
    """Merge the cases and executions of these tests (by id); those no longer sent become missing.

    A list that lost a large part of its entries is doubted: none is marked, and that test's ``refused`` says so.
    """
    merge(_CASES, [_case_row(test_id, case) for test_id, each in sorted(lists.items()) for case in latest(each.cases)])
    merged = merge(
        _RESULTS,
        [_result_row(test_id, result) for test_id, each in sorted(lists.items()) for result in latest(each.results)],
    )
    saved = {
        test_id: Saved(_ids_of(test_id, merged.created), _ids_of(test_id, merged.updated)) for test_id in sorted(lists)
    }
    cases = {test_id: {case.id for case in each.cases} for test_id, each in lists.items()}
    results = {test_id: {result.id for result in each.results} for test_id, each in lists.items()}
    for stored, sent, kind in (
        (TestCase.objects.all(), cases, "cases"),
        (TestCaseResult.objects.all(), results, "results"),
    ):
        for test_id in _mark_gone(stored, sent):
            saved[test_id].refused.append(
                f"Test {test_id}: its list of {kind} shrank to {len(sent[test_id])}; none was marked missing on that "
                "evidence."
            )
    return saved


def _case_row(test_id: int, case: CaseRecord) -> tuple[object, ...]:
    return (test_id, case.id, case.title, case.feature_id, _json(case.steps), None)


def _result_row(test_id: int, result: ResultRecord) -> tuple[object, ...]:
    return (test_id, result.id, result.test_case_id, result.status, result.tester, _json(result.steps), None)


def _ids_of(test_id: int, keys: Collection[tuple[int, int]]) -> set[int]:
    return {testio_id for owner, testio_id in keys if owner == test_id}


def _mark_gone(rows: QuerySet[Any], sent: Mapping[int, Collection[int]]) -> list[int]:
    """Mark what is stored and was not sent. Returns the tests of which too much is gone to believe it: unmarked."""
    known: dict[int, int] = Counter()
    gone: dict[int, list[int]] = defaultdict(list)
    stored = rows.filter(test_id__in=list(sent), missing_since=None)
    for pk, test_id, testio_id in stored.values_list("pk", "test_id", "testio_id"):
        known[test_id] += 1
        if testio_id not in sent[test_id]:
            gone[test_id].append(pk)
    doubted = sorted(test_id for test_id, pks in gone.items() if is_doubtful(known[test_id], len(pks)))
    believed = [pk for test_id, pks in gone.items() if test_id not in doubted for pk in pks]
    if believed:
        rows.filter(pk__in=believed).update(missing_since=Now())
    return doubted


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
