"""Many workers at once: one interpreter that has everything imported, forked as often as a test needs."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from types import TracebackType
from typing import Any, Self

from django.db import connection

from testio_site.environment import BASE_DIR

PATIENCE = 120.0  # seconds after which a test gives up on what should have happened long ago


class Crowd:
    """``copies`` of a process that runs ``function(*arguments)``, a function of a test module, on the test's database.

    All begin at the same moment, each with its connection open. Leaving the ``with`` block ends whoever still runs.
    """

    def __init__(self, database_url: str, function: Callable[..., object], *arguments: object, copies: int = 1) -> None:
        program = "from tests.problematic import crowd; crowd.run()"
        what = {"module": function.__module__, "function": function.__name__, "arguments": arguments, "copies": copies}
        self._process = subprocess.Popen(
            [sys.executable, "-c", program, json.dumps(what)],
            cwd=BASE_DIR,
            env=os.environ | {"DATABASE_URL": database_url, "DJANGO_SETTINGS_MODULE": "testio_site.settings"},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._process.communicate()

    def hear(self) -> str:
        """The next thing one of them says while it works."""
        assert self._process.stdout
        return self._process.stdout.readline().strip()

    def results(self) -> list[Any]:
        """What the functions returned, once all have ended by themselves and none has failed."""
        said, _ = self._process.communicate(timeout=PATIENCE)
        assert self._process.returncode == 0, f"{self._process.returncode} of them failed"
        results: list[Any] = json.loads(said)
        return results

    def kill(self) -> None:
        """SIGKILL to all of them; nothing is left of them when this returns."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(PATIENCE)


def say(text: str) -> None:
    """Called in the other process."""
    os.write(1, f"{text}\n".encode())


def run() -> None:
    """The interpreter's whole life: fork the copies, let them begin together, print what they returned as JSON."""
    import django

    django.setup()
    what = json.loads(sys.argv[1])
    work: Callable[..., object] = getattr(import_module(what["module"]), what["function"])
    ready, is_ready = os.pipe()
    start, has_started = os.pipe()
    children = []
    for _ in range(what["copies"]):
        answer, its_answer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(has_started)
            _run_copy(lambda: work(*what["arguments"]), is_ready, start, its_answer)
        os.close(its_answer)
        children.append((child, answer))
    for _ in children:
        os.read(ready, 1)
    os.close(has_started)  # every copy that reads sees the end at the same moment
    answers = [_read_to_the_end(answer) for _, answer in children]
    failed = sum(os.waitpid(child, 0)[1] != 0 for child, _ in children)
    if not failed:
        say(json.dumps([json.loads(answer) for answer in answers]))
    sys.exit(min(failed, 100))


def _run_copy(work: Callable[[], object], is_ready: int, start: int, its_answer: int) -> None:
    status = 1
    try:
        connection.ensure_connection()
        os.write(is_ready, b".")
        os.read(start, 1)
        with os.fdopen(its_answer, "w") as answer:
            json.dump(work(), answer)
        status = 0
    finally:
        if error := sys.exception():
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
        connection.close()
        os._exit(status)


def _read_to_the_end(descriptor: int) -> str:
    with os.fdopen(descriptor) as answer:
        return answer.read()
