"""Figures of several repetitions into verdicts. The bounds are here.

The best measurement stands beside the best limit of all repetitions, so that neither gains by the other's bad luck.
"""

from typing import Any

from bench.verdicts import Verdict

#: A first sync against whatever takes longer: TestIO's answers, as many at a time as it allows, or bare copying.
FIRST_SYNC = 1.5
TESTS_PER_CALL = 40
TESTS_PER_BUG_CALL = 20
#: When nothing changed, besides the refresh of unfinished tests.
CALLS_PER_PRODUCT = 3
MEGABYTES = 400
#: Seconds per test, ten times as many tests against so many. Growth with the square would be 10.
LINEAR = 1.25

Json = dict[str, Any]


def first_sync(runs: list[Json]) -> Json:
    best = min(runs, key=lambda run: float(run["seconds"]))
    copying = min(seconds for run in runs for seconds in run["limit"]["copy_seconds"])
    calling = best["limit"]["calls_seconds"]
    tests = best["result"]["tests_new"]
    calls = {
        "by_phase": best["calls"],
        "tests": _calls(best["calls"]["tests"], tests / TESTS_PER_CALL),
        "bugs": _calls(best["calls"]["bugs"], tests / TESTS_PER_BUG_CALL),
    }
    details = {
        "limit_by_calls": round(calling, 3),
        "limit_by_copying": round(copying, 3),
        "rows": best["limit"]["rows"],
        "calls": calls,
        "repetitions": [
            _run(run) | {"copy_seconds": [round(seconds, 3) for seconds in run["limit"]["copy_seconds"]]}
            for run in runs
        ],
    }
    verdict = Verdict(best["seconds"], max(calling, copying), FIRST_SYNC, "seconds", details=details).as_json()
    return verdict | {"met": verdict["met"] and calls["tests"]["met"] and calls["bugs"]["met"]}


def unchanged(runs: list[Json]) -> Json:
    """The most calls any product needed in any repetition; no row may have been updated in any of them."""
    worst = max(runs, key=lambda run: float(run["calls_per_product"]))
    rows = max(run["rows_updated"] for run in runs)
    details = worst | {"rows_updated": rows, "seconds": [round(run["seconds"], 3) for run in runs]}
    unit = "calls per product, the refresh of unfinished tests left out"
    verdict = Verdict(worst["calls_per_product"], CALLS_PER_PRODUCT, 1.0, unit, details=details).as_json()
    return verdict | {"met": verdict["met"] and rows == 0}


def memory(large: Json) -> Json:
    unit = "MiB resident at most"
    return Verdict(large["peak_mb"], MEGABYTES, 1.0, unit, details={"run": _run(large)}).as_json()


def linear(medium: list[Json], large: Json) -> Json:
    best = min(medium, key=_pace)
    details = {"medium": _run(best), "large": _run(large)}
    return Verdict(_pace(large), _pace(best), LINEAR, "seconds per 1,000 tests", details=details).as_json()


def _calls(made: int, limit: float) -> Json:
    return Verdict(made, limit, 1.0, "calls").as_json()


def _pace(run: Json) -> float:
    return float(run["seconds"] / run["result"]["tests_new"] * 1000)


def _run(run: Json) -> Json:
    return {
        "seconds": round(run["seconds"], 3),
        "seconds_with_start": round(run["seconds_with_start"], 3),
        "cpu_seconds": {
            "sync": round(run["cpu_seconds"], 2),
            "database": round(run["database_cpu_seconds"], 2),
            "sandbox": round(run["sandbox_cpu_seconds"], 2),
        },
        "peak_mb": round(run["peak_mb"]),
        "tests": run["result"]["tests_new"],
        "bugs": run["result"]["bugs_new"],
        "phase_seconds": run["phase_seconds"],
        "load_average": run["load_average"],
    }
