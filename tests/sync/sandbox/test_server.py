import http.client
import logging
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from sync.sandbox import Faults, SandboxServer, World
from tests.sync.sandbox.support import client_of


def authorised(server: SandboxServer) -> httpx.Client:
    return client_of(server.base_url, server.token)


def test_it_listens_on_the_loopback_interface_only(sandbox: SandboxServer) -> None:
    assert sandbox.base_url == f"http://127.0.0.1:{sandbox.port}/customer/v2"
    assert sandbox.control_url == f"http://127.0.0.1:{sandbox.port}/_sandbox"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", sandbox.port), timeout=1)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "example.com"])  # noqa: S104  refused is the point
def test_any_other_host_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="The sandbox serves this machine only"):
        SandboxServer(World(tests=1), host=host)


def test_a_request_that_names_another_host_is_refused(api: httpx.Client) -> None:
    assert api.get("/products", headers={"Host": "example.com"}).status_code == 403
    assert api.get("/products", headers={"Host": "localhost:1"}).status_code == 200


def test_a_taken_port_is_an_os_error(sandbox: SandboxServer) -> None:
    with pytest.raises(OSError, match="Address already in use"):
        SandboxServer(World(tests=1), port=sandbox.port)


def test_a_connection_serves_many_requests_without_delay(sandbox: SandboxServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port)
    headers = {"Authorization": f"Token {sandbox.token}"}
    began, sockets = time.monotonic(), set()
    for _ in range(100):
        connection.request("GET", "/customer/v2/bugs/reject_reasons", headers=headers)
        sockets.add(id(connection.sock))
        connection.getresponse().read()
    connection.close()

    assert len(sockets) == 1
    assert time.monotonic() - began < 2  # 4 s and more if each answer waited for an acknowledgement


def test_latency_does_not_add_up_over_parallel_requests(world: World) -> None:
    server = SandboxServer(world, Faults(latency_ms=300))
    together = threading.Barrier(10)
    for number in range(1, 11):
        server.faults.before_request(number, lambda _: together.wait(20))
    with server, authorised(server) as client, ThreadPoolExecutor(10) as pool:
        began = time.monotonic()
        answers = list(pool.map(lambda _: client.get("/products").status_code, range(10)))
        elapsed = time.monotonic() - began

    assert answers == [200] * 10
    assert 0.3 <= elapsed < 2.5  # 3 s one after the other
    assert server.stats.max_in_flight == 10


def test_jitter_adds_up_to_its_amount_to_the_latency() -> None:
    faults = Faults(seed=4, latency_ms=20, jitter_ms=30)
    delays = [faults.latency(number) for number in range(200)]

    assert min(delays) < 0.025 < 0.045 < max(delays) < 0.05 + 1e-9
    assert delays == [Faults(seed=4, latency_ms=20, jitter_ms=30).latency(number) for number in range(200)]


def test_calls_in_flight_are_counted_while_they_last(world: World) -> None:
    entered, leave = threading.Event(), threading.Event()

    def hold(_: World) -> None:
        entered.set()
        leave.wait(10)

    with SandboxServer(world) as server, authorised(server) as client, ThreadPoolExecutor(1) as pool:
        server.faults.before_request(1, hold)
        held = pool.submit(client.get, "/products")
        assert entered.wait(10)
        assert client.get("/bugs/reject_reasons").status_code == 200
        assert (server.stats.in_flight, server.stats.max_in_flight) == (1, 2)
        leave.set()
        assert held.result().status_code == 200
        assert server.stats.in_flight == 0
        server.stats.reset()
        assert (server.stats.total, server.stats.max_in_flight) == (0, 0)


def test_a_client_that_keeps_to_a_limit_is_never_seen_above_it(world: World) -> None:
    with SandboxServer(world) as server, authorised(server) as client, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: client.get("/bugs?filter_test_cycle_ids=1"), range(300)))

    assert (server.stats.total, server.stats.max_in_flight <= 4) == (300, True)


def test_the_token_is_in_no_log_and_no_statistic(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with SandboxServer(world, tokens=("very-secret-token",)) as server, authorised(server) as client:
        client.get("/products?token=very-secret-token")
        client.get("/bugs/1", headers={"Authorization": "Token very-secret-token-mistyped"})
        told = f"{server.stats.summary()} {server.sandbox.stats.recent}"

    logged = " ".join(record.getMessage() for record in caplog.records if record.name.startswith("sync.sandbox"))
    assert "products: 200" in logged
    assert "very-secret-token" not in logged + told


def test_stopping_breaks_off_open_connections_and_frees_the_port(world: World) -> None:
    server = SandboxServer(world).start()
    with authorised(server) as client:
        client.get("/products")
        began = time.monotonic()
        server.stop()
        server.stop()
        elapsed = time.monotonic() - began

    with SandboxServer(world, port=server.port) as again:
        assert again.port == server.port
    assert elapsed < 5
    assert not [thread for thread in threading.enumerate() if "sandbox" in thread.name]


def test_a_failure_of_the_sandbox_itself_does_not_pass_as_one_of_testio(world: World) -> None:
    server = SandboxServer(world).start()
    server.faults.before_request(1, lambda _: 1 / 0)
    with authorised(server) as client, pytest.raises(httpx.RemoteProtocolError):
        client.get("/products")

    with pytest.raises(RuntimeError, match="The sandbox failed on a request of its own accord"):
        server.__exit__(None, None, None)


def test_a_client_that_leaves_early_does_no_harm(world: World) -> None:
    with SandboxServer(world, Faults(latency_ms=100)) as server, authorised(server) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.get("/bugs", timeout=0.02)
        assert client.get("/products").status_code == 200
