"""What test-case tests came to: cases, executions and how they ended."""

from collections.abc import Mapping, Sequence

from django.db.models import F
from pydantic import Field

from reports import test_cases
from reports.builtin.scope import OfDays, of_tables
from reports.catalogue import NotThere, Report
from reports.documents import Column, Document, Kind, Table, Value
from reports.limits import limits
from reports.test_cases import CaseCounts
from sync.access import Access, seen
from sync.api import params
from sync.models import Test


class ResultParameters(OfDays):
    """The days are those on which the tests ended."""

    test_id: params.Ids = Field([], description="Only these tests; those of other types are listed as skipped.")


_FIGURES = (
    Column("cases", "Cases", Kind.INTEGER),
    Column("executed_cases", "Executed cases", Kind.INTEGER),
    Column("never_executed", "Never executed", Kind.INTEGER),
    Column("executions", "Executions", Kind.INTEGER),
    Column("passed", "Passed", Kind.INTEGER),
    Column("failed", "Failed", Kind.INTEGER),
    Column("other", "Neither", Kind.INTEGER),
    Column("pass_rate", "Pass rate", Kind.RATE),
)
_OF_TEST = (Column("test_id", "Test", Kind.ID, 10), Column("title", "Title", width=40), Column("product", "Product"))


def run(access: Access, asked: ResultParameters) -> Document:
    tests = _tests(access, asked)
    counts = test_cases.counts(Test.objects.filter(pk__in=[test.pk for test in tests]))
    skipped = {test.pk: reason for test in tests if (reason := test_cases.why_skipped(test, counts))}
    tables = [
        _results([test for test in tests if test.pk not in skipped], counts),
        _skipped([test for test in tests if test.pk in skipped], skipped),
    ]
    return of_tables(REPORT, asked, *tables, limits=limits(asked.products(access), "tests"))


def _tests(access: Access, asked: ResultParameters) -> list[Test]:
    rows = seen(Test.objects.filter(asked.between("end_at")), access, "product__customer")
    if asked.customer or asked.product_id:
        rows = rows.filter(product__in=asked.products(access))
    if asked.test_id:
        rows = rows.filter(pk__in=asked.test_id)
    else:  # most tests are no test-case tests: nobody wants to read that of each
        rows = rows.filter(testing_type=None, missing_since=None, product__missing_since=None)
    shown = rows.select_related("product", "freshness").order_by(F("end_at").desc(nulls_last=True), "pk")
    needed = ("title", "testing_type", "missing_since", "product__name", "product__missing_since")
    found = list(shown.only(*needed, "freshness__results_synced_at"))
    if missing := sorted(set(asked.test_id) - {test.pk for test in found}):
        raise NotThere({"test_id": f"there is no test {missing[0]} like that"})
    return found


def _results(tests: Sequence[Test], counts: Mapping[int, CaseCounts]) -> Table:
    rows = [[*_named(test), *_figures(counts[test.pk])] for test in tests]
    total = test_cases.total(counts[test.pk] for test in tests)
    return Table(
        "test-case-results",
        "Results",
        [*_OF_TEST, *_FIGURES],
        rows,
        expected=len(rows),
        total=[None, "Total", None, *_figures(total)],
        empty="No test-case test is like that.",
    )


def _named(test: Test) -> list[Value]:
    return [test.pk, test.title, test.product.name]


def _figures(counted: CaseCounts) -> list[Value]:
    return [
        counted.cases, counted.executed_cases, counted.never_executed, counted.executions, counted.passed,
        counted.failed, counted.other, counted.pass_rate,
    ]  # fmt: skip


def _skipped(tests: Sequence[Test], reasons: Mapping[int, str]) -> Table:
    rows: list[list[Value]] = [[*_named(test), reasons[test.pk]] for test in tests]
    columns = [*_OF_TEST, Column("reason", "Why it is skipped", width=60)]
    return Table("skipped", "Skipped", columns, rows, expected=len(rows), empty="None is skipped.")


REPORT = Report(
    "test-case-results",
    "Test-case results",
    "Test cases and their executions by test: how many there are, were run, passed and failed.",
    ResultParameters,
    "sync.view_testcaseresult",
    run,
    ("tests", "test cases"),
)
