"""Every measure by every dimension under many filters, against a second implementation that only knows loops."""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from pytest_django import DjangoDbBlocker

from reports.metrics import DIMENSIONS, MEASURES, REPORT_MEASURES, Query, Range, answer
from reports.metrics.answer import Answer
from reports.metrics.query import Moment
from sync.access import Access
from sync.models import Customer
from tests.reports import naive, small_world

pytestmark = pytest.mark.django_db

DIMENSION_NAMES = [name for name, each in DIMENSIONS.items() if each.groups]
MEASURE_NAMES = (*MEASURES, *(f"{kind}:minutes" for kind in REPORT_MEASURES), "report_sum:stars")
DRAWS = 20
FIRST_DAY = date(2023, 11, 1)


@pytest.fixture(scope="module")
def customers(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[list[Customer]]:
    with django_db_blocker.unblock():
        yield small_world.build()
        call_command("flush", interactive=False, verbosity=0)


@pytest.fixture(scope="module")
def world(customers: list[Customer]) -> naive.World:
    return naive.world()


@pytest.mark.parametrize("dimension", DIMENSION_NAMES)
def test_every_measure_by_one_dimension_agrees_with_plain_loops(dimension: str, world: naive.World) -> None:
    dice = random.Random(dimension)
    for draw in range(DRAWS):
        _check(world, _draw(dice, (dimension,), world, filters=draw % 4))


@pytest.mark.parametrize("seed", range(40))
def test_every_measure_by_several_dimensions_agrees_with_plain_loops(seed: int, world: naive.World) -> None:
    dice = random.Random(seed)
    dimensions = dice.sample(DIMENSION_NAMES, dice.choice((0, 2, 2, 3)))
    _check(world, _draw(dice, tuple(dimensions), world, filters=dice.randrange(3)))


@pytest.mark.parametrize("dimension", DIMENSION_NAMES)
def test_a_measure_says_the_same_alone_as_with_others(dimension: str, customers: list[Customer]) -> None:
    together = answer(Query(MEASURE_NAMES, (dimension,)), None)
    for name in MEASURE_NAMES:
        alone = answer(Query((name,), (dimension,)), None)
        values = {row.cells: row.values[name] for row in alone.rows}
        missing = {row.values[name] for row in together.rows if row.cells not in values}
        assert {row.cells: row.values[name] for row in together.rows if row.cells in values} == values
        assert missing <= {None, 0}
        assert alone.totals[name] == together.totals[name]


@pytest.mark.parametrize("dimension", DIMENSION_NAMES)
def test_a_caller_counts_only_what_they_may_see(dimension: str, customers: list[Customer]) -> None:
    dice = random.Random(dimension)
    world = naive.world({customers[1].pk})
    access = Access(User(username="one"), customers=frozenset({customers[1].pk}))
    for filters in (0, 1):
        _check(world, _draw(dice, (dimension,), world, filters=filters), access)


def _check(world: naive.World, query: Query, access: Access | None = None) -> None:
    found = answer(query, access)
    groups, totals = naive.answer(world, query)
    assert found.totals == pytest.approx(totals), query
    groups = groups if query.dimensions else {}
    assert _by_key(found) == {key: pytest.approx(values) for key, values in _filled(groups).items()}, query


def _by_key(found: Answer) -> dict[tuple[Any, ...], Any]:
    """By group; one without anything to count may be left out."""
    return {
        tuple(cell.key for cell in row.cells): row.values
        for row in found.rows
        if any(map(_is_data, row.values.values()))
    }


def _filled(groups: dict[tuple[Any, ...], dict[str, Any]]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """With 0 or None for what a group has nothing of."""
    counts = ("tests", "bugs", "features_tested", "active_testers", "severity_score", "report_values:minutes")
    empty = {name: 0 if name in counts else None for name in MEASURE_NAMES}
    filled = {key: empty | values for key, values in groups.items()}
    return {key: values for key, values in filled.items() if any(map(_is_data, values.values()))}


def _is_data(value: Any) -> bool:
    return value is not None and value != 0


def _draw(dice: random.Random, dimensions: tuple[str, ...], world: naive.World, *, filters: int) -> Query:
    dated_by: Moment = dice.choice(("end_at", "reported_at"))
    chosen: dict[str, tuple[Any, ...]] = {}
    for name in dice.sample([*DIMENSIONS], filters):
        rows = naive.facts(world, dated_by, by_feature=name == "feature")
        values = sorted({naive.filter_value(row, name) for row in rows}, key=str)
        chosen[name] = tuple(dice.sample(values, min(len(values), dice.randrange(1, 4))))
    if "test_status" not in chosen and dice.random() < 0.3:
        chosen["test_status"] = ("any",)
    days = Range()
    if dice.random() < 0.4:
        first = FIRST_DAY + timedelta(days=dice.randrange(800))
        days = Range(dice.choice((first, None)), first + timedelta(days=dice.randrange(300)))
    return Query(MEASURE_NAMES, dimensions, chosen, days, dated_by, per_feature=dice.random() < 0.3)
