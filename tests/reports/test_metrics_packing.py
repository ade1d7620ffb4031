"""Different records are counted as packed numbers where they fit, and otherwise as they are: with the same result."""

from typing import Any

import pytest

from reports.metrics import Query, answer
from reports.metrics.measures import Source
from reports.metrics.packing import packing
from tests.factories import BugFactory, FeatureFactory, PersonFactory, TestFactory
from tests.reports import naive

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("dimensions", "fits"),
    [
        (("tester", "month"), True),
        (("known", "product"), True),
        (("test", "known"), False),
        (("feature", "test"), False),
        (("severity", "tester"), False),
    ],
)
@pytest.mark.parametrize("measure", ["features_tested", "active_testers", "tests"])
def test_figures_are_the_same_however_large_ids_are(measure: str, dimensions: tuple[str, ...], fits: bool) -> None:
    feature = FeatureFactory.create()
    test = TestFactory.create(pk=2**62, product=feature.product)
    TestFactory.create(pk=-(2**61), product=feature.product)
    authors = [PersonFactory.create(customer=feature.product.customer), None]
    for number in range(4):
        BugFactory.create(test=test, feature=feature, author=authors[number % 2], known=number > 1)
    query = Query((measure,), dimensions)
    assert (packing(query, Source.FEATURES) is not None) == fits
    found = answer(query, None)
    groups, totals = naive.answer(naive.world(), query)
    assert _with_data({tuple(cell.key for cell in row.cells): row.values for row in found.rows}) == _with_data(groups)
    assert found.totals == totals


def _with_data(groups: dict[tuple[Any, ...], dict[str, Any]]) -> dict[tuple[Any, ...], dict[str, Any]]:
    return {key: values for key, values in groups.items() if any(values.values())}


def test_tests_stand_in_the_order_they_were_set_up_in() -> None:
    for number, title in ((30, "a"), (9, "b"), (10, "b")):
        TestFactory.create(pk=number, title=title)
    found = answer(Query(("tests",), ("test",)), None)
    assert [row.cells[0].key for row in found.rows] == [9, 10, 30]
