"""Test cases: all that are defined count, only what failed is failed, and nothing run means nothing known."""

from typing import Any

import pytest

from reports import catalogue
from reports.schemas.test_cases import TestCaseResults
from tests.factories import (
    MARCH,
    ProductFactory,
    TestCaseFactory,
    TestCaseResultFactory,
    TestFactory,
    TestFreshnessFactory,
)
from tests.reports.world import everything
from tests.sync.api.calling import V1, as_published, reader

pytestmark = pytest.mark.django_db
RESULTS = f"{V1}/test-case-results"


def results(**asked: Any) -> Any:
    return as_published(reader().get(RESULTS, asked), TestCaseResults)


def listed(**asked: Any) -> tuple[list[Any], dict[Any, Any]]:
    """The tests counted by the report, and those skipped with the reason."""
    counted, skipped = catalogue.find(everything(), "test-case-results").run(everything(), asked).tables
    return [row[0] for row in counted.rows], {row[0]: row[-1] for row in skipped.rows}


def test_blocked_and_skipped_executions_are_neither_passed_nor_failed() -> None:
    test = TestFactory.create(testing_type=None)
    for number in (1, 2, 3):
        TestCaseFactory.create(test=test, testio_id=number)
    for status in ("passed", "passed", "failed", "blocked", "skipped"):
        TestCaseResultFactory.create(test=test, test_case_id=1, status=status)
    (told,) = results(test_id=test.pk)["tests"]
    assert (told["executions"], told["passed"], told["failed"], told["other"], told["pass_rate"]) == (5, 2, 1, 2, 0.4)
    assert (told["total_cases"], told["never_executed"], told["cases"]) == (3, 2, None)


def test_without_executions_the_pass_rate_is_null() -> None:
    test = TestFactory.create(testing_type=None)
    TestCaseFactory.create(test=test)
    told = results(test_id=test.pk)
    assert (told["tests"][0]["total_cases"], told["tests"][0]["pass_rate"], told["total"]["pass_rate"]) == (
        1,
        None,
        None,
    )


def test_skipped_tests_are_listed_with_the_reason() -> None:
    coverage = TestFactory.create(testing_type="external")
    gone = TestFactory.create(testing_type=None, missing_since=MARCH)
    of_gone = TestCaseFactory.create(
        test__testing_type=None, test__product=ProductFactory.create(missing_since=MARCH)
    ).test
    unread = TestFactory.create(testing_type=None)
    empty = TestFreshnessFactory.create(test__testing_type=None, results_synced_at=MARCH).test
    told = results(test_id=",".join(str(each.pk) for each in (coverage, gone, of_gone, unread, empty)))
    assert (told["tests"], {each["test_id"]: each["reason"] for each in told["skipped"]}) == (
        [],
        {
            coverage.pk: "It is a custom test; only test-case tests have test cases.",
            gone.pk: "TestIO has this test no more.",
            of_gone.pk: "TestIO has the product of this test no more.",
            unread.pk: "Its results were not read from TestIO yet.",
            empty.pk: "TestIO has no test cases of it.",
        },
    )


def test_cases_come_with_their_executions_also_those_no_definition_is_left_of() -> None:
    test = TestFactory.create(testing_type=None)
    TestCaseFactory.create(test=test, testio_id=1, title="Log in")
    TestCaseFactory.create(test=test, testio_id=2, missing_since=MARCH)
    for case, status in ((1, "failed"), (2, "passed"), (None, "passed")):
        TestCaseResultFactory.create(test=test, test_case_id=case, status=status, tester="tess")
    (told,) = results(test_id=test.pk, include="cases")["tests"]
    names = ("id", "title", "is_defined", "passed", "failed")
    assert [tuple(each[name] for name in names) for each in told["cases"]] == [
        (1, "Log in", True, 0, 1), (2, "", False, 1, 0), (None, "", False, 1, 0),
    ]  # fmt: skip
    assert (told["total_cases"], told["never_executed"], told["executions"]) == (1, 0, 3)


def test_a_test_that_is_not_there_or_not_yours_is_404() -> None:
    mine, other = TestFactory.create(), TestFactory.create()
    client = reader(mine.product.customer)
    assert [client.get(f"{RESULTS}?test_id={pk}").status_code for pk in (mine.pk, other.pk, 99999999)] == [
        200,
        404,
        404,
    ]
    assert client.get(RESULTS).status_code == 422


def test_the_report_says_what_the_api_says() -> None:
    tests = [TestFactory.create(testing_type=None) for _ in range(2)]
    for test, statuses in zip(tests, (("passed", "failed", "blocked"), ("passed",)), strict=True):
        TestCaseFactory.create(test=test, testio_id=1)
        for status in statuses:
            TestCaseResultFactory.create(test=test, test_case_id=1, status=status)
    usual = TestFactory.create(testing_type="rapid")
    asked = [*(test.pk for test in tests), usual.pk]
    document = catalogue.find(everything(), "test-case-results").run(everything(), {"test_id": asked})
    told = results(test_id=",".join(map(str, asked)))
    counted, skipped = document.tables
    names = ("executions", "passed", "failed", "other", "pass_rate")
    places = [[column.name for column in counted.columns].index(name) for name in ("test_id", *names)]
    assert {tuple(row[place] for place in places) for row in counted.rows} == {
        tuple(each[name] for name in ("test_id", *names)) for each in told["tests"]
    }
    assert counted.total is not None
    assert [counted.total[place] for place in places[1:]] == [told["total"][name] for name in names]
    assert [(row[0], row[-1]) for row in skipped.rows] == [
        (usual.pk, "It is a rapid test; only test-case tests have test cases.")
    ]


def test_without_names_the_report_is_about_all_test_case_tests_and_lists_those_never_read() -> None:
    case = TestCaseFactory.create(test__testing_type=None)
    unread = TestFactory.create(testing_type=None, product=case.test.product)
    TestFactory.create(testing_type="rapid", product=case.test.product)
    elsewhere = TestFactory.create(testing_type=None)
    assert listed() == (
        [case.test_id],
        dict.fromkeys((unread.pk, elsewhere.pk), "Its results were not read from TestIO yet."),
    )
    assert listed(product_id=[unread.product_id]) == (
        [case.test_id], {unread.pk: "Its results were not read from TestIO yet."},
    )  # fmt: skip


def test_results_of_products_testio_has_no_more_are_only_told_of_tests_that_are_named() -> None:
    gone = TestCaseFactory.create(
        test__testing_type=None, test__product=ProductFactory.create(missing_since=MARCH)
    ).test
    assert listed() == listed(product_id=[gone.product_id]) == ([], {})
    assert listed(test_id=[gone.pk]) == ([], {gone.pk: "TestIO has the product of this test no more."})
