"""Only the first rows are asked of the database; they are the first of all rows, in the same order."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoDbBlocker

from reports.metrics import DIMENSIONS, MEASURES, REPORT_MEASURES, Query, Range, answer
from reports.metrics.query import Moment
from sync.models import Feature, Person, Test
from tests.reports import naive, small_world

pytestmark = pytest.mark.django_db

DIMENSION_NAMES = [name for name, each in DIMENSIONS.items() if each.groups]
MEASURE_NAMES = (*MEASURES, *(f"{kind}:minutes" for kind in REPORT_MEASURES))
#: Their order depends on who is asked: Python, PostgreSQL, and this or that collation.
NAMES = (
    "zoe",
    "Zoë",
    "Straße",
    "STRASSE",
    "İstanbul",
    "istanbul",
    "émile",
    "Emile",
    "_",
    "10",
    "9",
    "😀",
    "名前",
    "a b",
)
QUESTIONS = 15


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[naive.World]:
    with django_db_blocker.unblock():
        small_world.build()
        for number, pk in enumerate(Person.objects.order_by("pk").values_list("pk", flat=True)):
            Person.objects.filter(pk=pk).update(username=f"{NAMES[number % len(NAMES)]}{'' if number % 3 else ' '}")
        for number, pk in enumerate(Feature.objects.order_by("-pk").values_list("pk", flat=True)):
            Feature.objects.filter(pk=pk).update(title=NAMES[number % 4])  # some are called the same
        for number, pk in enumerate(Test.objects.order_by("pk").values_list("pk", flat=True)):
            Test.objects.filter(pk=pk).update(status=("archived", "locked", "é later", "_ready")[number % 4])
        yield naive.world()
        call_command("flush", interactive=False, verbosity=0)


@pytest.mark.parametrize("seed", range(20))
def test_a_limit_keeps_the_first_rows_of_the_same_answer(seed: int, world: naive.World) -> None:
    dice = random.Random(seed)
    for _ in range(QUESTIONS):
        query = _question(dice, world)
        whole = answer(query, None)
        kept = answer(replace(query, limit=dice.choice((1, 2, 3, 5, 10, 1_000))), None)
        assert kept.rows == whole.rows[: kept.query.limit], kept.query
        assert (kept.groups, kept.totals) == (whole.groups, whole.totals), kept.query
        assert kept.previous_totals == whole.previous_totals
        assert len(whole.rows) == whole.groups


def _question(dice: random.Random, world: naive.World) -> Query:
    """One measure or a few, sorted by any of them or by what it is grouped by."""
    dimensions = tuple(dice.sample(DIMENSION_NAMES, dice.choice((1, 1, 2, 2, 3))))
    measures = tuple(dice.sample(MEASURE_NAMES, dice.choice((1, 1, 1, 2))))
    dated_by: Moment = dice.choice(("end_at", "reported_at"))
    filters: dict[str, tuple[Any, ...]] = {"test_status": ("any",)} if dice.random() < 0.3 else {}
    for name in dice.sample([*DIMENSIONS], dice.choice((0, 0, 1, 2))):
        rows = naive.facts(world, dated_by, by_feature=name == "feature")
        values = sorted({naive.filter_value(row, name) for row in rows}, key=str)
        filters[name] = tuple(dice.sample(values, min(len(values), dice.randrange(1, 5))))
    days = Range()
    if dice.random() < 0.3:
        days = Range(first := date(2024, 6, 1), first + timedelta(days=dice.randrange(200, 700)))
    sort = dice.choice(("", "-", "-")) + dice.choice((*measures, *dimensions)) if dice.random() < 0.7 else ""
    return Query(measures, dimensions, filters, days, dated_by, compare=bool(days) and dice.random() < 0.5, sort=sort)


@pytest.mark.parametrize("sort", ["tester", "-tester", "-known", "month", "-section", "-severity"])
def test_what_has_no_value_comes_last_in_both_directions(sort: str, world: naive.World) -> None:
    name = sort.removeprefix("-")
    for limit in (None, 1_000):
        rows = answer(Query(("tests",), (name, "feature"), sort=sort, limit=limit), None).rows
        keys = [row.cells[0].key for row in rows]
        assert None in keys
        assert set(keys[keys.index(None) :]) == {None}


@pytest.mark.parametrize("measure", ["tests", "bugs", "features_tested", "active_testers", "bugs_per_test", "review"])
def test_no_more_rows_are_sent_than_are_kept(measure: str, world: naive.World) -> None:
    for dimensions in (("feature", "tester"), ("tester", "week"), ("test",), ("severity", "month")):
        query = Query((measure,), dimensions, limit=2)
        with CaptureQueriesContext(
            connection,
        ) as asked:
            found = answer(query, None)
        assert found.groups > len(found.rows) == 2
        assert sum("LIMIT" in each["sql"] and "groups" in each["sql"] for each in asked) == 1, dimensions
