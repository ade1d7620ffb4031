"""The figures after real syncs, against plain loops over what the sandbox itself says."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoDbBlocker

from reports.metrics import DIMENSIONS, MEASURES, REPORT_MEASURES, Query, Range, answer
from sync.models import Person, SyncEvent
from sync.sandbox import SandboxServer, World
from tests.reports import ground_truth, naive
from tests.sync.support import make_customer, sync, world_of

pytestmark = pytest.mark.django_db

DIMENSION_NAMES = [name for name, each in DIMENSIONS.items() if each.groups]
MEASURE_NAMES = (*MEASURES, *(f"{kind}:minutes_taken" for kind in REPORT_MEASURES), "report_sum:satisfaction")
COUNTS = {"tests", "bugs", "features_tested", "active_testers", "severity_score", "report_values:minutes_taken"}
FILTERS = 20
#: The first question that is answered wrongly is small enough to be looked at.
PHASES = (Phase.explicit, Phase.generate)


@dataclass(frozen=True, slots=True)
class Truth:
    """What the sandbox says, and every value that can be filtered by."""

    world: naive.World
    values: dict[str, list[Any]]


@pytest.fixture(scope="module")
def truth(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Truth]:
    """A world that was synced, went on, and was synced again."""
    world = world_of(tests=40, products=4, bugs_per_test=6)
    with django_db_blocker.unblock():
        with SandboxServer(world) as sandbox:
            customer = make_customer(sandbox)
            sync(customer)
            _go_on(world)
            sync(customer, mode=SyncEvent.Mode.FULL, bugs="all")  # also those of tests that are over
        people = {(kind, name): pk for pk, kind, name in Person.objects.values_list("pk", "kind", "username")}
        read = ground_truth.read(world, customer.pk, people)
        yield Truth(read, {name: _values(read, name) for name in DIMENSIONS})
        call_command("flush", interactive=False, verbosity=0)


def _go_on(world: World) -> None:
    """Bugs get other devices, verdicts and companions; tests end, move and disappear."""
    tests = world.test_ids()
    bugs = [bug for bug in world.bug_ids() if world.bug_payload(bug)["devices"]]
    world.change_bug(bugs[0], devices=world.bug_payload(bugs[-1])["devices"] + world.bug_payload(bugs[1])["devices"])
    world.change_bug(bugs[2], devices=[])
    world.change_bug(bugs[3], status="rejected", auto_accepted=False)
    world.delete_bug(bugs[4])
    world.add_bugs(tests[0], 3)
    world.delete_test(tests[5])
    world.change_test(tests[-1], status="archived")


def _values(read: naive.World, name: str) -> list[Any]:
    found = {
        naive.filter_value(row, name)
        for dated_by in ("end_at", "reported_at")
        for row in naive.facts(read, dated_by, by_feature=name == "feature")
    }
    return sorted(found, key=str)


def test_the_world_has_what_figures_stumble_over(truth: Truth) -> None:
    devices, world = truth.world.devices.values(), truth.world
    statuses = {test["status"] for test in world.tests.values()}
    assert {len(each) for each in devices} >= {0, 1, 2}
    assert any(len({device["operating_system"] for device in each}) > 1 for each in devices)
    assert statuses >= {"running", "locked", "archived", "cancelled"}
    assert {bug["status"] for bug in world.bugs.values()} == {"accepted", "auto_accepted", "rejected", "forwarded"}
    assert {bug["feature_id"] is None for bug in world.bugs.values()} == {True, False}
    assert {bug["author_id"] is None for bug in world.bugs.values()} == {True, False}
    assert {test["testing_type"] is None for test in world.tests.values()} == {True, False}
    assert [name for name, values in truth.values.items() if len(values) < 2] == ["customer"]
    assert world.reports.keys() & world.bugs.keys()


@pytest.mark.parametrize("dimension", DIMENSION_NAMES)
def test_every_measure_is_what_the_sandbox_says(dimension: str, truth: Truth) -> None:
    @settings(max_examples=FILTERS, derandomize=True, database=None, phases=PHASES)
    @given(drawn=_questions(truth))
    def check(drawn: tuple[dict[str, tuple[Any, ...]], Range, Any]) -> None:
        _check(truth, dimension, *drawn)

    check()


def _questions(truth: Truth) -> st.SearchStrategy[tuple[dict[str, tuple[Any, ...]], Range, Any]]:
    """Filters by up to three dimensions, a range of days, and what dates the question."""
    filters = st.lists(st.sampled_from([*DIMENSIONS]), max_size=3, unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: _some(truth.values[name]) for name in names})
    )
    days = [row["end_at"].date() for row in truth.world.tests.values() if row["end_at"]]
    ranges = st.one_of(st.just(Range()), st.builds(_range, st.sampled_from(days), st.integers(0, 400)))
    return st.tuples(filters, ranges, st.sampled_from(("end_at", "reported_at")))


def _some(values: list[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """A few of the values, or most of them."""
    few = st.lists(st.sampled_from(values), min_size=1, max_size=4, unique=True)
    most = st.sampled_from(values).map(lambda left_out: [each for each in values if each != left_out] or values)
    return st.one_of(few, most).map(tuple)


def _range(first: date, days: int) -> Range:
    return Range(first, first + timedelta(days=days))


def _check(truth: Truth, dimension: str, filters: dict[str, tuple[Any, ...]], days: Range, dated_by: Any) -> None:
    query = Query(MEASURE_NAMES, (dimension,), filters, days, dated_by)
    found = answer(query, None)
    groups, totals = naive.answer(truth.world, query)
    expected = {key: _measures(values) for (key,), values in groups.items()}
    shown = {row.cells[0].key: _measures(row.values) for row in found.rows}
    assert _with_data(shown) == {key: pytest.approx(values) for key, values in _with_data(expected).items()}
    assert found.totals == pytest.approx(totals)


def _measures(values: dict[str, Any]) -> dict[str, Any]:
    """With 0 or None for what a group has nothing of."""
    return {name: values.get(name, 0 if name in COUNTS else None) for name in MEASURE_NAMES}


def _with_data(groups: dict[Any, dict[str, Any]]) -> dict[Any, dict[str, Any]]:
    return {key: values for key, values in groups.items() if any(values.values())}
