from functools import partial
from typing import Any

import pytest
from django.db import models, transaction

from sync import store
from sync.models import Test, TestCase, TestCaseResult
from sync.store import Saved
from sync.testio.payloads import parse_case, parse_result
from tests.factories import TestCaseResultFactory, TestFactory
from tests.sync.store.support import queries, versions

pytestmark = pytest.mark.django_db

TABLES = (TestCase, TestCaseResult)


@pytest.fixture
def test() -> Test:
    return TestFactory.create(testing_type=None)


def a_case(case_id: int, **fields: Any) -> dict[str, Any]:
    return {"id": case_id, "title": f"Case {case_id}", "steps": [{"id": 1, "description": "Open"}], **fields}


def a_result(result_id: int, **fields: Any) -> dict[str, Any]:
    return {"id": result_id, "test_case_id": 1, "status": "passed", "tester": {"name": "tess"}, **fields}


def save(test: Test, cases: list[dict[str, Any]], results: list[dict[str, Any]]) -> Saved:
    with transaction.atomic():
        lists = store.CaseLists([parse_case(case) for case in cases], [parse_result(result) for result in results])
        return store.save_results({test.pk: lists})[test.pk]


def there(rows: models.Manager[Any]) -> list[int]:
    return list(rows.filter(missing_since=None).order_by("pk").values_list("testio_id", flat=True))


def test_cases_and_executions_are_stored(test: Test) -> None:
    assert save(test, [a_case(1)], [a_result(7, steps=[{"id": 1, "status": "passed"}])]) == Saved(created={7})
    case, result = TestCase.objects.get(), TestCaseResult.objects.get()
    assert (case.test, case.title, case.steps) == (test, "Case 1", [{"id": 1, "description": "Open"}])
    assert (result.test_case_id, result.status, result.tester) == (1, "passed", "tess")
    assert result.steps == [{"id": 1, "status": "passed"}]


def test_saving_the_same_again_writes_no_row_and_a_change_only_its_own(test: Test) -> None:
    cases, results = [a_case(1), a_case(2)], [a_result(7), a_result(8)]
    save(test, cases, results)
    before = versions(*TABLES)
    assert save(test, cases, results) == Saved()
    assert versions(*TABLES) == before
    assert save(test, cases, [a_result(7), a_result(8, status="failed")]) == Saved(updated={8})
    assert len(before & versions(*TABLES)) == 3


def test_what_is_no_longer_sent_becomes_missing_and_comes_back(test: Test) -> None:
    elsewhere = TestCaseResultFactory.create()
    cases, results = [a_case(1), a_case(2), a_case(3)], [a_result(7), a_result(8), a_result(9)]
    save(test, cases, results)
    assert save(test, cases[1:], results[1:]) == Saved()
    assert [there(TestCase.objects), there(TestCaseResult.objects)] == [[2, 3], [elsewhere.testio_id, 8, 9]]
    assert save(test, cases, results) == Saved(updated={7})
    assert [there(TestCase.objects), there(TestCaseResult.objects)] == [[1, 2, 3], [elsewhere.testio_id, 7, 8, 9]]


def test_a_list_that_lost_a_large_part_of_itself_proves_nothing(test: Test) -> None:
    save(test, [a_case(1)], [a_result(7), a_result(8), a_result(9)])
    assert save(test, [], [a_result(9)]).refused == [
        f"Test {test.pk}: its list of cases shrank to 0; none was marked missing on that evidence.",
        f"Test {test.pk}: its list of results shrank to 1; none was marked missing on that evidence.",
    ]
    assert [there(TestCase.objects), there(TestCaseResult.objects)] == [[1], [7, 8, 9]]


def test_ids_are_those_of_a_test_and_may_come_again_in_another(test: Test) -> None:
    other = TestFactory.create(testing_type=None)
    save(test, [a_case(1)], [a_result(7)])
    assert save(other, [a_case(1)], [a_result(7)]) == Saved(created={7})
    assert TestCaseResult.objects.count() == 2


def test_the_number_of_queries_does_not_grow_with_the_number_of_results() -> None:
    counts = []
    for amount in (1, 3, 50):
        test = TestFactory.create(testing_type=None)
        cases, results = [a_case(pk + 1) for pk in range(amount)], [a_result(pk + 1) for pk in range(amount)]
        counts.append(queries(partial(save, test, cases, results)))
    assert counts[0] == counts[1] == counts[2]
