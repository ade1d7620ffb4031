"""The processes a benchmark needs: the sandbox, and our own commands measured in a process of their own."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from testio_site.environment import BASE_DIR

#: Seconds after which a child is given up.
PATIENCE = 1800


@dataclass(frozen=True, slots=True)
class Sandbox:
    base_url: str
    control_url: str
    pid: int


@contextmanager
def sandbox(size: str, *, latency_ms: int) -> Iterator[Sandbox]:
    """A simulated TestIO API with all its answers prepared, in its own process."""
    command = [sys.executable, "manage.py", "sandbox", "--size", size, "--warm", "--port", "0", "--json"]
    with subprocess.Popen(
        [*command, "--latency-ms", str(latency_ms)],
        cwd=BASE_DIR,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for us: we end it when nobody asks it any more
    ) as process:
        try:
            line = process.stdout.readline() if process.stdout else b""
            if not line:
                raise RuntimeError("The sandbox did not start; run `manage.py sandbox` to see why.")
            ready = json.loads(line)
            yield Sandbox(ready["base_url"], ready["control_url"], process.pid)
        finally:
            process.terminate()


def ask_sandbox(control_url: str, action: str, *, method: str = "GET") -> Any:
    """What the sandbox's control address answers, such as ``stats?recent=100``."""
    address = urlsplit(control_url)
    connection = HTTPConnection(address.hostname or "", address.port, timeout=30)
    try:
        connection.request(method, f"{address.path}/{action}")
        return json.loads(connection.getresponse().read() or b"null")
    finally:
        connection.close()


def measured_command(*arguments: str) -> dict[str, Any]:
    """Run one of our management commands in a new process; see ``bench.command`` for what comes back."""
    return _json_of([sys.executable, "-m", "bench.command", *arguments], dict(os.environ))


def measured_part(name: str, arguments: dict[str, Any], surroundings: dict[str, str]) -> dict[str, Any]:
    """Run one measurement in a new process with a database of its own; see ``bench.part``."""
    return _json_of([sys.executable, "-m", "bench.part", name, json.dumps(arguments)], surroundings)


def _json_of(command: list[str], surroundings: dict[str, str]) -> dict[str, Any]:
    with tempfile.TemporaryFile() as remarks:
        finished = subprocess.run(
            command,
            cwd=BASE_DIR,
            env=surroundings,
            stdout=subprocess.PIPE,
            stderr=remarks,
            timeout=PATIENCE,
            check=False,
        )
        if finished.returncode:
            remarks.seek(0)
            said = remarks.read().decode(errors="replace")
            raise RuntimeError(f"{' '.join(command[1:4])} ended with exit code {finished.returncode}:\n{said}")
    answer: dict[str, Any] = json.loads(finished.stdout)
    return answer
