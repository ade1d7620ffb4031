"""What the machine says about a measurement: its load, and the processor time other processes spent on it."""

import os
import platform
from pathlib import Path
from typing import Any

import psutil


def description() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "python": platform.python_version(),
        "system": platform.system(),
    }


def load_average() -> list[float]:
    return [round(load, 2) for load in os.getloadavg()]


def server_cpu_seconds(home: Path) -> float:
    """Processor time so far of the built-in PostgreSQL in ``home``, ended backends included."""
    server = psutil.Process(int((home / "data" / "postmaster.pid").read_text().splitlines()[0]))
    own = server.cpu_times()
    ended = own.children_user + own.children_system  # the server waits for its children, so it is told
    return ended + sum(cpu_seconds(process.pid) for process in [server, *server.children(recursive=True)])


def cpu_seconds(pid: int) -> float:
    """User and system time of a process; 0 when it is gone."""
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system


def peak_megabytes() -> float:
    """The most memory this process ever held (resident set, MiB)."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage(): its figure survives exec() and so may be that of whoever started us.
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS counts in bytes
