"""Which process is behind a row: enough to tell, on the same host, whether it still lives."""

import os
import socket
from functools import cache
from pathlib import Path

import psutil
from django.db import models

_CLOCK_TOLERANCE = 10  # seconds


class OwnedByProcess(models.Model):
    """Host, process id and process start of whoever works on this row."""

    host = models.TextField(blank=True, default="", editable=False)
    pid = models.PositiveIntegerField(null=True, blank=True, editable=False)
    # Process ids are used again; with the start time beside it, a pid names one process.
    process_started = models.FloatField(null=True, blank=True, editable=False)

    class Meta:
        abstract = True

    @property
    def is_on_this_host(self) -> bool:
        return self.host == this_host()

    @property
    def process_is_gone(self) -> bool:
        """True only when we can know it: the process ran on this host and runs no more."""
        return self.is_on_this_host and not _is_running(self.pid, self.process_started)


def this_host() -> str:
    """A name for "processes I can see": the host, and the process namespace where containers have their own."""
    return f"{socket.gethostname()}{_pid_namespace()}"


def this_process() -> dict[str, str | int | float]:
    """Field values that make the current process the owner of a row."""
    return {"host": this_host(), "pid": os.getpid(), "process_started": psutil.Process().create_time()}


@cache
def _pid_namespace() -> str:
    try:
        return f" {Path('/proc/self/ns/pid').readlink()}"
    except OSError:  # not Linux: there are no process namespaces to tell apart
        return ""


def _is_running(pid: int | None, started: float | None) -> bool:
    if pid is None:
        return False
    try:
        process = psutil.Process(pid)
        # A start is counted from a boot time that moves when the clock is set; ids are not used again that soon.
        same = started is None or abs(process.create_time() - started) < _CLOCK_TOLERANCE
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
