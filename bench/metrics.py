"""Figures of many tests and bugs: how long the cube takes for each measure by each dimension, warm."""

import itertools
import math
import time
from collections.abc import Iterable
from typing import Any

from django.core.management import call_command

from bench.filling import fill
from bench.verdicts import Verdict
from reports.metrics import DIMENSIONS, MEASURES, Query, answer
from sync.models import Customer
from sync.sandbox import World

#: Milliseconds, 95 of 100 times, for the slowest pair of a measure and one dimension, or two.
ONE_DIMENSION_MS = 150
TWO_DIMENSIONS_MS = 400
#: As many groups as tests: what takes long is their number.
LEFT_OUT = {"test"}
Json = dict[str, Any]


def measure(*, tests: int, bugs: int, repeat: int, pairs: int) -> Json:
    """``repeat`` answers for every measure by every dimension, and by about ``pairs`` pairs of dimensions."""
    call_command("migrate", verbosity=0)
    fill(Customer.objects.create(name="bench"), World(tests=tests, products=12, bugs_per_test=bugs / tests))
    names = [name for name, each in DIMENSIONS.items() if each.groups and name not in LEFT_OUT]
    every_pair = list(itertools.combinations(names, 2))
    drawn = every_pair[:: len(every_pair) // pairs]
    return {
        "one_dimension": _verdict(((name,) for name in names), ONE_DIMENSION_MS, repeat),
        "two_dimensions": _verdict(drawn, TWO_DIMENSIONS_MS, repeat),
    }


def _verdict(groupings: Iterable[tuple[str, ...]], limit: int, repeat: int) -> Json:
    """The slowest of them decides."""
    figures = {
        " x ".join(dimensions): {name: _p95(Query((name,), dimensions), repeat) for name in MEASURES}
        for dimensions in groupings
    }
    slowest = {name: max(times.values()) for name, times in figures.items()}
    over = sorted((name for name, milliseconds in slowest.items() if milliseconds > limit), key=slowest.__getitem__)
    unit = "ms, p95 of the slowest measure and dimensions"
    details: Json = {"over_the_limit": over[::-1], "p95_ms": figures}
    return Verdict(max(slowest.values()), limit, 1.0, unit, details=details).as_json()


def _p95(query: Query, repeat: int) -> float:
    """Of ``repeat`` answers after one that warms up."""
    answer(query, None)
    taken = []
    for _ in range(repeat):
        started = time.perf_counter()
        answer(query, None)
        taken.append((time.perf_counter() - started) * 1000)
    return round(sorted(taken)[math.ceil(repeat * 0.95) - 1], 1)
