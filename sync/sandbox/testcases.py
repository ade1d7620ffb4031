"""Test-case tests of the sandbox: the definitions, and the results testers handed in."""

from collections.abc import Sequence

from sync.sandbox import phrases
from sync.sandbox.hashing import RESULT, mix
from sync.sandbox.people import People
from sync.sandbox.records import EXECUTED, Cycle, Feature, Ids, Json
from sync.sandbox.texts import ODD

_STATES = ("passed",) * 11 + ("failed",) * 4 + ("blocked", "skipped")


def definitions_payload(seed: int, ids: Ids, cycle: Cycle, title: str, features: Sequence[Feature]) -> Json:
    """``test_case_test``: three to eight test cases with steps; some belong to no feature, one has an odd title."""
    return {
        "id": cycle.id,
        "title": title,
        "status": cycle.current_status,
        "product_id": cycle.product_id,
        "test_cases": [_test_case(ids, cycle, index, features) for index in range(_count(seed, cycle))],
    }


def results_payload(seed: int, ids: Ids, people: People, cycle: Cycle) -> list[Json]:
    """A bare list, one entry per test case and tester; empty before the test ran.

    Every third test has a result of a test case that its definitions do not have (any more).
    """
    if cycle.status not in EXECUTED:
        return []
    count = _count(seed, cycle)
    shown = [*range(count), *([count] if cycle.ordinal % 3 == 0 else [])]
    return [result for index in shown for result in _results(seed, ids, people, cycle, index)]


def _count(seed: int, cycle: Cycle) -> int:
    return 3 + mix(seed, RESULT, cycle.ordinal) % 6


def _test_case(ids: Ids, cycle: Cycle, index: int, features: Sequence[Feature]) -> Json:
    test_case_id = ids.test_case(cycle.ordinal, index)
    feature = features[index % len(features)]
    return {
        "id": test_case_id,
        "title": ODD[cycle.ordinal // 25 % len(ODD)] if index == 2 else f"{feature.snapshot_title}: case {index + 1}",
        "feature_id": None if index % 4 == 3 else feature.id,
        "steps": [
            {"id": ids.step(test_case_id, place), "description": phrases.STEPS[(index + place) % 12]}
            for place in range(2 + index % 4)
        ],
    }


def _results(seed: int, ids: Ids, people: People, cycle: Cycle, index: int) -> list[Json]:
    """No to four executions; the second test case of a test has none."""
    test_case_id = ids.test_case(cycle.ordinal, index)
    bits = mix(seed, RESULT, test_case_id)
    return [
        _result(ids.result(test_case_id, place), test_case_id, bits >> (6 * place), people)
        for place in range(0 if index == 1 else 1 + bits % 4)
    ]


def _result(result_id: int, test_case_id: int, bits: int, people: People) -> Json:
    status = _STATES[bits % len(_STATES)]
    return {
        "id": result_id,
        "test_case_id": test_case_id,
        "status": status,
        "tester": None if bits & 31 == 3 else {"name": people.tester(bits >> 8)},
        "steps": [{"id": test_case_id * 8 + place, "status": status if place else "passed"} for place in range(2)],
    }
