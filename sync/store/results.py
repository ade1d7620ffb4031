"""Test-case tests: definitions and executions."""

from collections.abc import Collection, Sequence
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


def save_results(test_id: int, cases: Sequence[CaseRecord], results: Sequence[ResultRecord]) -> Saved:
    """Merge the cases and executions of one test, given all of them; those no longer sent become missing.

    A list that lost a large part of its entries is doubted: none is marked, and ``refused`` says so.
    """
    merge(_CASES, [(test_id, case.id, case.title, case.feature_id, _json(case.steps), None) for case in latest(cases)])
    merged = merge(
        _RESULTS,
        [
            (test_id, result.id, result.test_case_id, result.status, result.tester, _json(result.steps), None)
            for result in latest(results)
        ],
    )
    saved = Saved.of(merged, "Test case result")
    for stored, sent, kind in (
        (TestCase.objects.filter(test_id=test_id), {case.id for case in cases}, "cases"),
        (TestCaseResult.objects.filter(test_id=test_id), {result.id for result in results}, "results"),
    ):
        if not _mark_gone(stored, sent):
            saved.refused.append(
                f"Test {test_id}: its list of {kind} shrank to {len(sent)}; none was marked missing on that evidence."
            )
    return saved


def _mark_gone(stored: QuerySet[Any], sent: Collection[int]) -> bool:
    """Mark what is stored and was not sent; False, and nothing marked, when that is too much to be believed."""
    known = set(stored.filter(missing_since=None).values_list("testio_id", flat=True))
    gone = known - set(sent)
    if is_doubtful(len(known), len(gone)):
        return False
    if gone:
        stored.filter(testio_id__in=gone).update(missing_since=Now())
    return True


def _json(value: object) -> str:
    return orjson.dumps(value).decode()
