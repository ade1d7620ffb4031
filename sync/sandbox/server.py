"""The sandbox over real HTTP/1.1: threads, kept connections, one write per answer, and answers that break off."""

import logging
import socket
import struct
import sys
from collections.abc import Collection
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self

from sync.sandbox.faults import Faults
from sync.sandbox.service import BASE_PATH, CONTROL_PATH, DEFAULT_TOKEN, Reply, Sandbox
from sync.sandbox.stats import Stats
from sync.sandbox.world import World

logger = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
_LOOPBACK_NAMES = frozenset({LOOPBACK, "localhost", "[::1]"})
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class SandboxServer:
    """Serves a world on the loopback interface while it is started, or within a ``with`` block.

    ``tokens`` are the accepted API tokens; port 0 takes a free port. Raises ``ValueError`` for any other host and
    ``OSError`` when the port is taken. Leaving the block raises ``RuntimeError`` when the sandbox itself failed on
    a request, so that a fault nobody asked for does not pass as one of TestIO's.
    """

    def __init__(
        self,
        world: World | None = None,
        faults: Faults | None = None,
        *,
        tokens: Collection[str] = (DEFAULT_TOKEN,),
        host: str = LOOPBACK,
        port: int = 0,
    ) -> None:
        if host not in (LOOPBACK, "localhost"):
            raise ValueError(f"The sandbox serves this machine only: it listens on {LOOPBACK}, never on {host}.")
        self._stopping = Event()
        self.world = World() if world is None else world
        self.faults = Faults() if faults is None else faults
        self.sandbox = Sandbox(self.world, self.faults, tuple(tokens), self._stopping.wait)
        self._listener = _Listener(self.sandbox, port)
        self._thread = Thread(target=self._listener.serve_forever, args=(0.02,), name="sandbox", daemon=True)

    @property
    def stats(self) -> Stats:
        return self.sandbox.stats

    @property
    def port(self) -> int:
        return int(self._listener.server_address[1])

    @property
    def token(self) -> str:
        """An accepted token."""
        return next(iter(self.sandbox.tokens))

    @property
    def base_url(self) -> str:
        """What a client takes as TestIO's address, without a slash at the end."""
        return f"http://{LOOPBACK}:{self.port}{BASE_PATH}"

    @property
    def control_url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}{CONTROL_PATH}"

    def warm(self) -> int:
        """Prepare all answers before the first request; returns the bytes kept."""
        return self.sandbox.shelf.warm()

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        """Break all connections off and wait for the threads. Safe to call twice."""
        self._stopping.set()
        if self._thread.is_alive():
            self._listener.shutdown()
            self._thread.join()
        self._listener.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        if self._listener.crashes and error is None:
            raise RuntimeError("The sandbox failed on a request of its own accord; its log has the traceback.")


class _Listener(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False  # ``close`` waits for the threads after it has ended their connections
    request_queue_size = 128  # many clients connect at once; a full queue costs each a second

    def __init__(self, sandbox: Sandbox, port: int) -> None:
        self.sandbox = sandbox
        self.crashes = 0
        self._open: dict[socket.socket, Thread] = {}
        self._open_lock = Lock()
        super().__init__((LOOPBACK, port), _Handler)

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        thread = Thread(target=self.process_request_thread, args=(request, client_address), daemon=True)
        with self._open_lock:
            self._open[_socket(request)] = thread
        thread.start()

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        connection = _socket(request)
        with self._open_lock:
            self._open.pop(connection, None)
        if connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(_RESET_ON_CLOSE)) == _RESET_ON_CLOSE:
            connection.close()  # without the polite end that ``shutdown`` would send first
        else:
            super().shutdown_request(request)

    def close(self) -> None:
        self.server_close()
        with self._open_lock:
            still_open = list(self._open.items())
        for connection, _ in still_open:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                logger.debug("a sandbox connection was closed already")
        for _, thread in still_open:
            thread.join(5)

    def handle_error(self, *_: object) -> None:
        """A client that went away is no news; anything else is a fault of the sandbox itself."""
        if isinstance(sys.exception(), ConnectionError):
            logger.debug("a client of the sandbox went away")
            return
        self.crashes += 1
        logger.error("the sandbox failed on a request", exc_info=True)


def _socket(request: socket.socket | tuple[bytes, socket.socket]) -> socket.socket:
    return request[1] if isinstance(request, tuple) else request


class _Handler(BaseHTTPRequestHandler):
    server: _Listener
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer one request; POST is for the control address."""
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        if host not in _LOOPBACK_NAMES:
            self._write(Reply(403, b'{"status":403,"error":"The sandbox answers to this machine only."}'))
            return
        headers = {"authorization": self.headers.get("Authorization", "")}
        self._write(self.server.sandbox.reply(self.command, self.path, headers, body))

    def do_POST(self) -> None:
        self.do_GET()

    def _write(self, reply: Reply) -> None:
        if reply.ending in ("drop", "reset"):
            if reply.ending == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.close_connection = True
            return
        extra = "".join(f"{name}: {value}\r\n" for name, value in reply.headers)
        head = (
            f"HTTP/1.1 {reply.status} {_PHRASES.get(reply.status, 'Error')}\r\nServer: testio-sandbox\r\n"
            f"Content-Type: {reply.content_type}\r\nContent-Length: {len(reply.body)}\r\n{extra}\r\n"
        )
        body = reply.body
        if reply.ending == "truncate":
            body = body[: len(body) // 2]
            self.close_connection = True
        self.connection.sendall(head.encode("latin-1") + body)

    def log_message(self, *_: object) -> None:
        """Nothing: ``Sandbox.reply`` logs what is worth it, without the token."""
