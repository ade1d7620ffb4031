"""Each report that comes with the program becomes a file of each format, rows and totals with it."""

from datetime import date, datetime
from io import BytesIO

import openpyxl
import pytest

from reports import catalogue, exports
from reports.builtin import REPORTS
from reports.documents import Column, Document, Kind, Link, Value
from tests.factories import FeatureFactory, TestCaseFactory, TestCaseResultFactory, TestFeatureFactory
from tests.reports import world
from tests.reports.world import everything

pytestmark = pytest.mark.django_db

ASKED = {"metrics": {"measure": ["bugs", "rejection"], "dimension": ["product", "month", "severity"]}}
HAVE_TOTALS = {"quality", "metrics", "test-case-results"}
TYPES: dict[Kind, tuple[type, ...]] = {
    Kind.TEXT: (str,),
    Kind.ID: (int,),
    Kind.INTEGER: (int,),
    Kind.NUMBER: (int, float),
    Kind.RATE: (int, float),
    Kind.DATE: (date,),
    Kind.DATETIME: (datetime,),
    Kind.YES_NO: (bool,),
    Kind.LINK: (Link,),
}


@pytest.fixture(autouse=True)
def small() -> world.World:
    made = world.make()
    first, cases, _ = made.tests
    TestFeatureFactory.create(test=first, feature=FeatureFactory.create(product=made.shop))
    case = TestCaseFactory.create(test=cases)
    TestCaseResultFactory.create(test=cases, test_case_id=case.testio_id)
    return made


def _run(report: catalogue.Report) -> Document:
    return report.run(everything(), report.read({"product_id": [1], **ASKED.get(report.name, {})}))


@pytest.mark.parametrize("form", exports.FORMATS)
@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
def test_every_report_is_written_in_every_format(report: catalogue.Report, form: str) -> None:
    written: list[int] = []
    out = BytesIO()
    exports.write(_run(report), form, out, written.append)
    assert written[-1] > 0
    assert out.getvalue()


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: report.name)
def test_every_value_is_what_its_column_says_in_totals_too(report: catalogue.Report) -> None:
    tables = _run(report).tables
    assert any(table.total for table in tables) == (report.name in HAVE_TOTALS)
    for table in tables:
        rows = [*table.rows, *([table.total] if table.total else [])]
        wrong = [pair for row in rows for pair in zip(row, table.columns, strict=True) if not _fits(*pair)]
        assert wrong == []


def test_the_total_of_test_case_results_stands_under_their_titles() -> None:
    out = BytesIO()
    exports.write(_run(catalogue.built_in("test-case-results")), "xlsx", out)
    last = list(openpyxl.load_workbook(BytesIO(out.getvalue()))["Results"].values)[-1]
    assert last[:4] == (None, "Total", None, 1)


def _fits(value: Value, column: Column) -> bool:
    is_bool = isinstance(value, bool) and column.kind is not Kind.YES_NO
    return value is None or (isinstance(value, TYPES[column.kind]) and not is_bool)
