"""Figures of many tests and bugs: how long the cube takes for each measure by each dimension, warm.

Twice: asked again while the data is the same, which is what most questions are, and worked out, as the first time after
the data has changed.
"""

import gc
import itertools
import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.core.management import call_command

from bench.filling import fill
from bench.verdicts import Verdict
from reports.figures import RATES
from reports.metrics import DIMENSIONS, MEASURES, Query, answer
from reports.metrics.answer import Answer
from reports.metrics.answer import worked_out as worked_out_within
from reports.metrics.plans import one_moment
from sync.access import Access
from sync.models import Customer
from sync.sandbox import World

#: Milliseconds, 95 of 100 times, for the slowest pair of a measure and one dimension, or two.
ONE_DIMENSION_MS = 150
TWO_DIMENSIONS_MS = 400
#: As many groups as tests: measured, but not held to what a dimension of a few hundred values is.
LEFT_OUT = {"test"}
#: What is slowest has most groups: of these pairs nearly a hundred thousand.
DEAREST = (("feature", "tester"), ("tester", "week"))
#: Rows an answer has at the most, as by the API where nobody says otherwise.
ROWS = 1_000
#: The five rates come from the same query, and are told from one another afterwards.
MEASURES_OF_ONE = tuple(name for name in MEASURES if name not in RATES or name == "overall_acceptance")
#: Of each kind of measure the dearest.
MEASURES_OF_PAIRS = ("tests", "features_tested", "active_testers", "bugs_per_test", "overall_acceptance")
#: How many of the slowest are named.
NAMED = 12
Json = dict[str, Any]
Asking = Callable[[Query, Access | None], Answer]


def measure(*, tests: int, bugs: int, repeat: int, pairs: int) -> Json:
    """``repeat`` answers for every measure by every dimension, and by about ``pairs`` pairs of dimensions (0: all)."""
    call_command("migrate", verbosity=0)
    fill(Customer.objects.create(name="bench"), World(tests=tests, products=12, bugs_per_test=bugs / tests))
    return figures(repeat=repeat, pairs=pairs)


def figures(*, repeat: int, pairs: int) -> Json:
    """Of whatever is in the database."""
    gc.freeze()  # as the server does
    names = [name for name, each in DIMENSIONS.items() if each.groups and name not in LEFT_OUT]
    reading = {"reading_ms": _median(Query(("bugs",)), repeat)}
    return {
        "asked_again": _of_each(answer, names, repeat, pairs),
        "worked_out": _of_each(worked_out, names, repeat, pairs) | reading,
    }


def worked_out(query: Query, access: Access | None) -> Answer:
    with one_moment():
        return worked_out_within(query, access)


def _of_each(asking: Asking, names: list[str], repeat: int, pairs: int) -> Json:
    return {
        "one_dimension": _verdict(
            _measured(asking, [(name,) for name in names], MEASURES_OF_ONE, repeat), ONE_DIMENSION_MS
        ),
        "two_dimensions": _verdict(
            _measured(asking, _drawn(names, pairs), MEASURES_OF_PAIRS, repeat), TWO_DIMENSIONS_MS
        ),
        "by_test_p95_ms": _measured(asking, [("test",)], MEASURES_OF_ONE, repeat),
    }


def _drawn(names: list[str], pairs: int) -> Sequence[tuple[str, ...]]:
    """The dearest pairs, and every so-many-th, so that each dimension is in some; always the same ones."""
    every_pair = list(itertools.combinations(names, 2))
    some = every_pair[:: max(1, len(every_pair) // pairs)] if pairs else every_pair
    return list(dict.fromkeys((*DEAREST, *some)))


def _measured(
    asking: Asking, groupings: Iterable[tuple[str, ...]], measures: tuple[str, ...], repeat: int
) -> dict[str, float]:
    """The p95 in milliseconds by what was asked for."""
    found = {}
    for dimensions in groupings:
        for name in measures:
            query = Query((name,), dimensions, limit=ROWS)
            asking(query, None)  # warms up
            found[f"{name} by {' x '.join(dimensions)}"] = _p95(asking, query, repeat)
    return found


def _verdict(p95: dict[str, float], limit: int) -> Json:
    """The slowest of them decides."""
    slowest_first = sorted(p95, key=p95.__getitem__, reverse=True)
    details: Json = {
        "questions": len(p95),
        "over_the_limit": sum(milliseconds > limit for milliseconds in p95.values()),
        "slowest_p95_ms": {name: p95[name] for name in slowest_first[:NAMED]},
        "median_p95_ms": p95[slowest_first[len(p95) // 2]],
    }
    unit = "ms, p95 of the slowest measure and dimensions"
    return Verdict(max(p95.values()), limit, 1.0, unit, details=details).as_json()


def _p95(asking: Asking, query: Query, repeat: int) -> float:
    return round(_taken(asking, query, repeat)[math.ceil(repeat * 0.95) - 1], 1)


def _median(query: Query, repeat: int) -> float:
    """Of reading every bug with its test and grouping nothing, this is what the machine makes of it."""
    return round(_taken(worked_out, query, repeat)[repeat // 2], 1)


def _taken(asking: Asking, query: Query, repeat: int) -> list[float]:
    """Milliseconds of ``repeat`` answers, the fastest first."""
    taken = []
    for _ in range(repeat):
        started = time.perf_counter()
        asking(query, None)
        taken.append((time.perf_counter() - started) * 1000)
    return sorted(taken)
