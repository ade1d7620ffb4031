"""``python -m bench [NAME ...] [--full]``: measure, and print one JSON document. See docs/performance.md.

Exit codes: 0 measured (whether each bound is met is in the document), 1 something failed, 2 wrong usage.
"""

import argparse
import json
import sys
import time
from datetime import UTC, datetime
from typing import Any

from bench import judging, machine
from bench.processes import measured_part, sandbox
from bench.scratch import surroundings

QUICK = (
    "first_sync", "unchanged", "storing", "lease", "claims", "lists", "due", "dispatch", "answers", "metrics",
    "quality", "export", "admin_lists",
)  # fmt: skip
FULL = (*QUICK, "memory", "linear")
LATENCY_MS = 50
Json = dict[str, Any]


def main() -> int:
    options = _parser().parse_args()
    wanted = set(options.names or (FULL if options.full else QUICK))
    started, load = datetime.now(UTC), machine.load_average()
    figures = {name: found for name, found in _measure(wanted, options).items() if name in wanted}
    document = {
        "measured_at": started.isoformat(timespec="seconds"),
        "machine": machine.description() | {"load_average_before": load, "load_average_after": machine.load_average()},
        "met": all(each["met"] for each in figures.values()),
        "benchmarks": figures,
    }
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure speed and memory; prints JSON.")
    parser.add_argument("names", nargs="*", choices=[*FULL, []], metavar="NAME", help=", ".join(FULL))
    parser.add_argument("--full", action="store_true", help="also memory and linear, which take minutes")
    parser.add_argument("--every-pair", action="store_true", help="of metrics: all 210 pairs of dimensions, an hour")
    parser.add_argument("--size", choices=("small", "medium"), default="medium", help="of first_sync (default: medium)")
    parser.add_argument("--repeat", type=int, default=3, help="times a short measurement is taken (default: 3)")
    return parser


def _measure(wanted: set[str], options: argparse.Namespace) -> dict[str, Json]:
    figures: dict[str, Json] = {}
    if wanted & {"first_sync", "unchanged"}:
        figures |= _first_syncs(options.size, options.repeat)
    if "storing" in wanted:
        figures["storing"] = _part("storing", tests=2_000, repeat=options.repeat)
    if "lease" in wanted:
        figures["lease"] = _part("lease", rounds=500)
    if "claims" in wanted:
        figures["claims"] = _part("claims", figure="claims", mappings=10_000, workers=90)
    if "lists" in wanted:
        figures["lists"] = _part("claims", figure="lists", events=10_000, repeat=30)
    if "due" in wanted:
        figures["due"] = _part("due", customers=1_000, products=50, ticks=50)
    if "dispatch" in wanted:
        figures["dispatch"] = _part("dispatch", tasks=200)
    if "answers" in wanted:
        figures["answers"] = _part("answers", tests=50_000, products=12, bugs_per_test=6, repeat=100)
    if "metrics" in wanted:
        found = _part("metrics", tests=50_000, bugs=300_000, repeat=20, pairs=0 if options.every_pair else 12)
        warm = found["asked_again"]
        figures["metrics"] = found | {"met": warm["one_dimension"]["met"] and warm["two_dimensions"]["met"]}
    if "quality" in wanted:
        figures["quality"] = _reports("quality", tests=50_000, repeat=20)
    if "export" in wanted:
        figures["export"] = _reports("export", tests=17_000, repeat=options.repeat)
    if "admin_lists" in wanted:
        figures["admin_lists"] = _part("admin_lists", tests=50_000, products=12, bugs_per_test=6, repeat=20)
    if wanted & {"memory", "linear"}:
        figures |= _growth(wanted, options.repeat)
    return figures


def _reports(figure: str, *, tests: int, repeat: int) -> Json:
    found = _part("quality", figure=figure, tests=tests, bugs_per_test=6, repeat=repeat)
    return found | {"met": all(each["met"] for each in found.values())}


def _first_syncs(size: str, repeat: int) -> dict[str, Json]:
    with sandbox(size, latency_ms=LATENCY_MS) as service:
        runs = [
            _part(
                "first_sync",
                base_url=service.base_url,
                control_url=service.control_url,
                sandbox_pid=service.pid,
                latency_ms=LATENCY_MS,
            )
            for _ in range(repeat)
        ]
    return {
        "first_sync": judging.first_sync([run["first"] for run in runs]),
        "unchanged": judging.unchanged([run["unchanged"] for run in runs]),
    }


def _growth(wanted: set[str], repeat: int) -> dict[str, Json]:
    (large,) = _syncs_without_latency("large", 1)
    figures = {"memory": judging.memory(large)}
    if "linear" in wanted:
        figures["linear"] = judging.linear(_syncs_without_latency("medium", repeat), large)
    return figures


def _syncs_without_latency(size: str, repeat: int) -> list[Json]:
    with sandbox(size, latency_ms=0) as service:
        return [_part("growth", base_url=service.base_url, sandbox_pid=service.pid) for _ in range(repeat)]


def _part(name: str, **arguments: object) -> Json:
    """One measurement with a database of its own; says on standard error that it is on its way."""
    sys.stderr.write(f"measuring {name} ...\n")
    started = time.perf_counter()
    with surroundings() as environment:
        figures = measured_part(name, arguments, environment)
    sys.stderr.write(f"measured {name} in {time.perf_counter() - started:.0f} s\n")
    return figures


if __name__ == "__main__":
    sys.exit(main())
