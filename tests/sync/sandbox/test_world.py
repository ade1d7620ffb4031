import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.sandbox import World
from sync.sandbox.ground import Ground
from sync.sandbox.records import STATUSES, Unknown
from sync.sandbox.schedule import product_sizes
from tests.sync.sandbox.support import NOW, fingerprint

ROOT = Path(__file__).resolve().parents[3]


def ids_by_kind(world: World) -> dict[str, set[int]]:
    tests = [world.test_payload(test_id) for test_id in world.test_ids()]
    stories = [
        story
        for product_id in world.product_ids()
        for feature in world.feature_payloads(product_id, include_user_stories=True)
        for story in feature["user_stories"]
    ]
    results = [result for test_id in world.test_case_tests() for result in world.results_payload(test_id)]
    return {
        "products": set(world.product_ids()),
        "sections": {each for product_id in world.product_ids() for each in world.section_ids(product_id)},
        "features": {each for product_id in world.product_ids() for each in world.feature_ids(product_id)},
        "stories": {story["id"] for story in stories},
        "tests": set(world.test_ids()),
        "test features": {feature["id"] for test in tests for feature in test["features"]},
        "bugs": set(world.bug_ids()),
        "results": {result["id"] for result in results},
        "test cases": {result["test_case_id"] for result in results},
    }


def test_the_same_seed_makes_the_same_world_in_another_process() -> None:
    program = (
        "from tests.sync.sandbox.support import NOW, World, fingerprint\n"
        "print(fingerprint(World(tests=60, products=3, bugs_per_test=4, seed=5, now=NOW)))"
    )
    other = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert other.stdout.strip() == fingerprint(World(tests=60, products=3, bugs_per_test=4, seed=5, now=NOW))


def test_another_seed_makes_another_world() -> None:
    assert fingerprint(World(tests=10, seed=1, now=NOW)) != fingerprint(World(tests=10, seed=2, now=NOW))


def test_nothing_was_reported_or_said_later_than_the_world_was_made() -> None:
    world = World(tests=120, products=3, bugs_per_test=4, now=NOW)
    world.insert_tests(world.product_ids()[0], 3, bugs=2)
    bugs = [world.bug_payload(bug_id) for bug_id in world.bug_ids()]
    said = [comment["created_at"] for bug in bugs for comment in bug["comments"] or ()]
    moments = [bug.get(name) for bug in bugs for name in ("reported_at", "exported_at")] + said
    latest = max(datetime.fromisoformat(moment) for moment in moments if moment)
    assert timedelta(0) <= NOW - latest < timedelta(days=1)


def test_the_sizes_hold_what_their_names_promise() -> None:
    medium = World.of_size("medium", now=NOW)

    assert (len(medium.test_ids()), len(medium.product_ids()), medium.bug_count()) == (5_000, 8, 50_000)
    assert product_sizes(12, 50_000)[0] == 12_000


@given(products=st.integers(1, 30), tests=st.integers(0, 3_000))
def test_product_sizes_add_up_and_never_grow(products: int, tests: int) -> None:
    sizes = product_sizes(products, tests)

    assert (len(sizes), sum(sizes)) == (products, tests)
    assert all(later <= earlier + 1 for earlier, later in pairwise(sizes))


@given(tests=st.integers(0, 40), products=st.integers(1, 5), bugs=st.integers(0, 8), seed=st.integers(0, 99))
def test_any_small_world_is_whole(tests: int, products: int, bugs: int, seed: int) -> None:
    world = World(tests=tests, products=products, bugs_per_test=bugs, seed=seed, now=NOW)
    listed = [test_id for product_id in world.product_ids() for test_id in world.tests_of(product_id)]
    executed = {test_id for test_id in listed if world.status_of(test_id) in ("running", "locked", "archived")}

    assert sorted(listed) == world.test_ids()
    assert world.bug_count() in (0, tests * bugs)
    assert all(world.test_of(bug_id) == test_id for test_id in listed for bug_id in world.bugs_of(test_id))
    assert {world.test_of(bug_id) for bug_id in world.bug_ids()} <= executed


def test_worlds_far_enough_apart_share_no_id_of_any_kind() -> None:
    room = Ground.id_room(120)
    one = ids_by_kind(World(tests=120, products=12, bugs_per_test=20, first_id=5_000, now=NOW))
    other = ids_by_kind(World(tests=120, products=12, bugs_per_test=20, first_id=5_000 + room, now=NOW))

    assert {kind: one[kind] & other[kind] for kind in one} == {kind: set() for kind in one}
    assert all(one.values())


def test_ids_rise_with_creation_and_have_gaps(small: World) -> None:
    ids = small.test_ids()

    assert ids == sorted(ids)
    assert ids[-1] - ids[0] > len(ids)


def test_lists_begin_with_the_latest_end_and_have_null_ends_in_between(small: World) -> None:
    for product_id in small.product_ids():
        ends = [small.test_payload(test_id)["end_at"] for test_id in small.tests_of(product_id)]
        moments = [end for end in ends if end is not None]
        assert moments == sorted(moments, reverse=True)
    inner = [small.test_payload(each)["end_at"] for each in small.tests_of(small.product_ids()[0])[5:-5]]
    assert None in inner


def test_three_to_five_of_a_hundred_tests_are_unfinished_and_every_status_occurs(small: World) -> None:
    assert 0.03 <= len(small.unfinished_tests()) / len(small.test_ids()) <= 0.05
    assert {small.status_of(test_id) for test_id in small.test_ids()} == set(STATUSES)


def test_one_test_in_twenty_five_is_a_test_case_test(small: World) -> None:
    assert len(small.test_case_tests()) == 8
    assert all(small.test_case_payload(test_id)["test_cases"] for test_id in small.test_case_tests())


def test_bugs_are_skewed_about_their_mean(small: World) -> None:
    counts = Counter(len(small.bugs_of(test_id)) for test_id in small.test_ids())

    assert sum(counts.values()) == 200
    assert counts[0] > 30
    assert 40 <= max(counts) <= 80


def test_a_bug_weighs_about_1600_bytes(small: World) -> None:
    weights = [len(orjson.dumps(small.bug_payload(bug_id))) for bug_id in small.bug_ids()]

    assert 1_400 < sum(weights) / len(weights) < 1_800


def test_broken_records_are_always_the_same_and_two_of_three_are_neighbours(world: World) -> None:
    world.break_some(tests=4, bugs=3)
    again = World(tests=80, products=4, bugs_per_test=3, seed=7, now=NOW)
    again.break_some(tests=4, bugs=3)

    orders = [world.tests_of(product_id) for product_id in world.product_ids()]
    pairs = [pair for order in orders for pair in pairwise(order) if set(pair) <= world.broken_tests]
    assert (again.broken_tests, again.broken_bugs) == (world.broken_tests, world.broken_bugs)
    assert (len(world.broken_tests), len(world.broken_bugs), len(pairs)) == (4, 3, 1)
    assert len({world.product_of(test_id) for test_id in world.broken_tests}) > 1


@pytest.mark.parametrize("numbers", [{"tests": -1}, {"products": 0}, {"bugs_per_test": 31}])
def test_an_impossible_world_is_refused(numbers: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="A sandbox world needs"):
        World(**numbers)


def test_what_nobody_has_is_unknown(world: World) -> None:
    for ask in (world.test_payload, world.bugs_of, world.bug_payload, world.product_payload, world.tests_of):
        with pytest.raises(Unknown):
            ask(3)
