"""How soon a worker begins with a task: from sending it until its first line runs, with the queue of files."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management import call_command

from bench.verdicts import Verdict
from testio_site.celery import app
from testio_site.environment import BASE_DIR

#: Milliseconds within which a task has begun.
BOUND_MS = 100
#: Seconds after which a worker that is not ready is given up.
PATIENCE = 60

_PROBE = "bench.probe.note_delay"


def measure(*, tasks: int) -> dict[str, Any]:
    """``tasks`` one after the other on an idle worker, then as many at once."""
    call_command("migrate", verbosity=0)
    with tempfile.TemporaryDirectory() as folder, _worker(Path(folder)):
        alone = _delays(Path(folder) / "alone", tasks, pause=0.05)
        began = time.perf_counter()
        _delays(Path(folder) / "together", tasks, pause=0)
        rate = tasks / (time.perf_counter() - began)
    p95 = alone[int(len(alone) * 0.95)]
    return Verdict(
        measured=p95,
        limit=BOUND_MS,
        bound=1.0,
        unit="milliseconds until a task begins (p95)",
        details={
            "p50": round(statistics.median(alone), 1),
            "p95": round(p95, 1),
            "longest": round(alone[-1], 1),
            "tasks_per_second": round(rate),
            "tasks": tasks,
        },
    ).as_json()


def _delays(noted: Path, tasks: int, pause: float) -> list[float]:
    for _ in range(tasks):
        app.send_task(_PROBE, [str(noted), time.time()])
        time.sleep(pause)
    deadline = time.monotonic() + PATIENCE
    while len(lines := noted.read_text().splitlines() if noted.exists() else []) < tasks:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{len(lines)} of {tasks} tasks began within {PATIENCE} seconds.")
        time.sleep(0.005)
    return sorted(1000 * float(line) for line in lines)


@contextmanager
def _worker(folder: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "celery", "-q", "-A", "testio_site", "worker", "--concurrency", "2"]
    with (folder / "log").open("w") as log:
        worker = subprocess.Popen(
            [*command, "--include", "bench.probe"], cwd=BASE_DIR, env=os.environ, stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while " ready." not in (folder / "log").read_text():
            if worker.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The worker did not start:\n{(folder / 'log').read_text()}")
            time.sleep(0.05)
        yield
    finally:
        worker.terminate()
        worker.wait(PATIENCE)
