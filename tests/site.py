"""The site as it is served: its web server, in a process of its own, on a database that a test names."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory

from testio_site.environment import BASE_DIR
from tests.sync.support import wait_until


@dataclass(frozen=True, slots=True)
class Site:
    """``url`` has no slash at its end."""

    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answers(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


@contextmanager
def served(database_url: str, variables: Mapping[str, str] | None = None, *, workers: int = 1) -> Iterator[Site]:
    """The site, for the time of the ``with`` block, with ``workers`` processes."""
    port = _free_port()
    options = ["--interface", "wsgi", "--no-ws", "--host", "127.0.0.1", "--port", str(port)]
    with TemporaryDirectory(prefix="testio-desk-") as home:
        log = Path(home) / "site.log"
        surroundings = os.environ | {"DATABASE_URL": database_url, "DATA_DIR": home, **(variables or {})}
        with log.open("w") as said:
            process = subprocess.Popen(
                [
                    str(Path(sys.executable).with_name("granian")), *options, "--workers", str(workers),
                    "--blocking-threads", "16", "testio_site.wsgi:application",
                ],
                cwd=BASE_DIR, env=surroundings, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                start_new_session=True,
            )  # fmt: skip
        site = Site(port, log)
        try:
            wait_until(lambda: site.answers() or process.poll() is not None, "a site that answers")
            assert process.poll() is None, log.read_text()
            yield site
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
