"""Real workers: `celery worker`, with a beat on demand, in a process group of its own that ends with the test."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
from celery import Task
from kombu import Connection

from testio_site.celery import app
from testio_site.environment import BASE_DIR
from tests.sync.support import wait_until

#: A worker says so when it takes tasks.
READY = " ready."


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Worker:
    """A worker on the database at ``database_url``; ``home`` holds its queue and its log.

    Ends with the ``with`` block, and every process it started with it.
    """

    def __init__(
        self,
        database_url: str,
        home: Path,
        variables: Mapping[str, str] | None = None,
        *,
        beat: bool = False,
        processes: int = 1,
    ) -> None:
        home.mkdir(exist_ok=True)
        self.home = home
        self._log = home / f"worker-{len(list(home.glob('worker-*.log')))}.log"
        options = ["--concurrency", str(processes), "--include", "tests.background.probes"]
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-q", "-A", "testio_site", "worker", *options, *["--beat"] * beat],
                env=os.environ | {"DATABASE_URL": database_url, "DATA_DIR": str(home), **(variables or {})},
                cwd=BASE_DIR,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        wait_until(lambda: READY in self.log or not self.is_alive, "a worker that is ready")
        assert self.is_alive, self.log
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(self.log[-6000:])
        self.kill()

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    @property
    def children(self) -> list[int]:
        """The processes that do tasks, and beat."""
        return [child.pid for child in psutil.Process(self.process.pid).children()]

    def terminate(self, seconds: float = 30) -> int:
        """SIGTERM to the parent, as a service manager sends it; the exit code."""
        self.process.terminate()
        return self.process.wait(seconds)

    def signal(self, what: signal.Signals) -> None:
        """To all its processes."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, what)

    def kill(self) -> None:
        """SIGKILL; nothing is left of it when this returns."""
        self.signal(signal.SIGKILL)
        self.process.wait(10)
        wait_until(lambda: not list(self._group()), "the end of a worker's processes")

    def _group(self) -> Iterator[psutil.Process]:
        for process in psutil.process_iter():
            with suppress(psutil.Error, ProcessLookupError):
                if os.getpgid(process.pid) == self.process.pid and process.status() != psutil.STATUS_ZOMBIE:
                    yield process

    def send(self, task: Task, *arguments: Any) -> None:
        """Into this worker's queue of files."""
        messages = str(self.home / "broker" / "messages")
        options = {
            "data_folder_in": messages,
            "data_folder_out": messages,
            "control_folder": str(self.home / "broker" / "control"),
        }
        with Connection("filesystem://here", transport="testio_site.broker:Transport", transport_options=options) as to:
            app.tasks[task.name].apply_async(arguments, connection=to)
