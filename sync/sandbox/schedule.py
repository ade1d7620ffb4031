"""Which tests there are: their products, states, dates and number of bugs, from the oldest to the newest."""

import math
import random
from itertools import accumulate

from sync.sandbox.hashing import TEST, TEST_BUGS, TEST_TIMES, mix, share
from sync.sandbox.records import EXECUTED, NOT_STARTED, Cycle, Ids, Product

HOUR, DAY = 3600, 86400
_HISTORY_DAYS = 3 * 365
_LOCKED_DAYS = 36

# Of a thousand tests so many are in each unfinished state (at least one of each): 3.8 % together.
_UNFINISHED = (("initialized", 3), ("customer_finalized", 2), ("waiting", 2), ("running", 6), ("locked", 25))
_DURATION_HOURS = {"coverage": 28, "focused": 24, "rapid": 2, "usability": 24, "external": 72, None: 48}
_TYPES = ("coverage",) * 9 + ("focused",) * 4 + ("rapid",) * 4 + ("usability",) * 2 + ("external",)


def make_cycles(
    seed: int, ids: Ids, products: list[Product], tests: int, bugs_per_test: float, now: int
) -> list[Cycle]:
    """All tests in the order of their creation. Exactly ``round(tests * bugs_per_test)`` bugs belong to them.

    Unfinished ones are the newest (save a few forgotten ones), the others reach back three years from ``now``.
    """
    homes = _homes(seed, len(products), tests)
    recent = _recent_statuses(tests)
    cycles = [_make_cycle(seed, ids, ordinal, products[homes[ordinal]], tests, recent, now) for ordinal in range(tests)]
    _share_out_bugs(seed, cycles, round(tests * bugs_per_test))
    return cycles


def product_sizes(products: int, tests: int) -> list[int]:
    """Skewed sizes, largest first, that add up to ``tests``; of eight products or more the first has 24 %."""
    weights = [(number + 1) ** -0.7 for number in range(products)]
    if products >= 8:
        weights[0] = sum(weights[1:]) * 0.24 / 0.76
    total = sum(weights)
    bounds = [round(tests * reached / total) for reached in accumulate(weights)]
    return [bound - before for bound, before in zip(bounds, [0, *bounds], strict=False)]


def _homes(seed: int, products: int, tests: int) -> list[int]:
    homes = [number for number, size in enumerate(product_sizes(products, tests)) for _ in range(size)]
    random.Random(seed).shuffle(homes)
    return homes


def _recent_statuses(tests: int) -> list[str]:
    """The states of the newest tests, newest first: never more than half of all tests."""
    statuses = [status for status, share_of in _UNFINISHED for _ in range(max(1, tests * share_of // 1000))]
    return statuses[: tests // 2]


def _make_cycle(seed: int, ids: Ids, ordinal: int, product: Product, tests: int, recent: list[str], now: int) -> Cycle:
    bits = mix(seed, TEST, ordinal)
    rank = tests - 1 - ordinal
    testing_type = None if ordinal % 25 == 7 else _TYPES[bits % len(_TYPES)]
    length = _DURATION_HOURS[testing_type] * HOUR
    if rank < len(recent):
        status = recent[rank]
        end = _recent_end(recent, rank, now, length)
    else:
        status = _past_status(rank)
        end = _past_end(seed, ordinal, (rank - len(recent) + 1) / (tests - len(recent)), now)
    if status == "running":
        length = max(length, end - now + HOUR)
    return Cycle(
        id=ids.test(ordinal, bits >> 32),
        ordinal=ordinal,
        home=product.number,
        product_id=product.id,
        status=status,
        testing_type=testing_type,
        start=end - length,
        end=end,
        shows_start=not (status == "initialized" and ordinal % 2),
        shows_end=not ((ordinal * 7 + 11) % 59 == 0 or (status == "initialized" and ordinal % 2)),
    )


def _recent_end(recent: list[str], rank: int, now: int, length: int) -> int:
    """Not yet started: within two weeks. Running: within two days. Locked: up to five weeks ago."""
    status = recent[rank]
    if status in NOT_STARTED:
        count = sum(each in NOT_STARTED for each in recent)
        return now + length + 2 * HOUR + 14 * DAY * (count - rank) // count
    first, count = recent.index(status), recent.count(status)
    if status == "running":
        return now + HOUR + 47 * HOUR * (first + count - rank) // count
    return now - 2 * HOUR - _LOCKED_DAYS * DAY * (rank - first) // count


def _past_status(rank: int) -> str:
    """Nearly all are final; a few were forgotten long ago as a draft or never closed."""
    if rank % 16 == 5:
        return "cancelled"
    if rank % 350 == 120:
        return "initialized"
    return "locked" if rank % 350 == 290 else "archived"


def _past_end(seed: int, ordinal: int, age: float, now: int) -> int:
    """``age`` from 0 (three weeks ago) to 1 (three years ago), give or take three days: ids and dates nearly agree."""
    jitter = mix(seed, TEST_TIMES, ordinal) % (6 * DAY) - 3 * DAY
    return now - 25 * DAY - int(age * (_HISTORY_DAYS - 30) * DAY) + jitter


def _share_out_bugs(seed: int, cycles: list[Cycle], total: int) -> None:
    weights = [_bug_weight(seed, cycle) for cycle in cycles]
    scale = total / sum(weights) if any(weights) else 0.0
    given, reached = 0, 0.0
    for cycle, weight in zip(cycles, weights, strict=True):
        reached += weight * scale
        cycle.bug_first = given
        cycle.bug_count = round(reached) - given
        given += cycle.bug_count


def _bug_weight(seed: int, cycle: Cycle) -> float:
    """Many tests find nothing, most a handful, a few six times the average. A locked test has found something."""
    if cycle.status not in EXECUTED:
        return 0.0
    drawn = share(mix(seed, TEST_BUGS, cycle.ordinal))
    if cycle.status == "locked":
        return 0.5 - math.log1p(-drawn * 0.98)
    return 0.0 if drawn < 0.25 else min(4.2, -math.log1p(-(drawn - 0.25) / 0.75))
