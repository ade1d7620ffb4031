import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.urls import Resolver404, resolve

from sync.sandbox import SandboxServer, World
from tests.sync.sandbox.support import NOW, get

ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    command = [sys.executable, "manage.py", "sandbox", "--port", "0", "--json", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def test_the_command_serves_what_its_flags_say_until_it_is_told_to_stop() -> None:
    flags = ("--tests", "40", "--seed", "3", "--now", "2026-05-04", "--broken", "2", "--random-503", "1", "--warm")
    with running(*flags, "--token", "made-up") as (process, ready):
        truth = get(f"{ready['control_url']}/truth").json()
        status = get(f"{ready['base_url']}/products", "made-up").status_code
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=20)

    world = World(tests=40, products=4, seed=3, now=NOW)
    assert truth["tests"] == {str(product_id): world.tests_of(product_id) for product_id in world.product_ids()}
    assert (len(truth["broken_tests"]), status, int(ready["pid"])) == (2, 503, process.pid)
    assert (process.returncode, output) == (0, "")
    assert f"Sandbox TestIO API at {ready['base_url']}" in errors
    assert "made-up" not in errors


def test_ctrl_c_stops_the_command_cleanly() -> None:
    with running("--tests", "1") as (process, _):
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)

    assert (process.returncode, "Traceback" in errors, "token: sandbox-token" in errors) == (0, False, True)


def test_a_taken_port_is_explained(sandbox: SandboxServer) -> None:
    with pytest.raises(CommandError, match="Choose another with --port, or --port 0 for a free one") as refusal:
        call_command("sandbox", "--tests", "1", "--port", str(sandbox.port), stderr=StringIO())

    assert refusal.value.returncode == 1


@pytest.mark.parametrize(
    "arguments",
    [("--tests", "-1"), ("--drop", "2"), ("--cap", "0"), ("--port", "99999")],
)
def test_impossible_flags_are_wrong_usage(arguments: tuple[str, str]) -> None:
    with pytest.raises(CommandError) as refusal:
        call_command("sandbox", *arguments, stderr=StringIO())

    assert refusal.value.returncode == 2


@pytest.mark.parametrize("address", ["/customer/v2/products", "/_sandbox/truth"])
def test_the_sandbox_is_not_part_of_the_site(address: str) -> None:
    with pytest.raises(Resolver404):
        resolve(address)
