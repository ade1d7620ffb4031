"""The project as a whole: the command line, the logs, the start of a site, the files that install it."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client

from testio_site.environment import BASE_DIR
from testio_site.postgres import caretaker, launcher
from tests.conftest import LeftTheMachine

NO_DATABASE = "postgresql://me:hunter2@127.0.0.1:1/desk"  # nobody listens on port 1


@pytest.fixture
def data_dir() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir=settings.DATA_DIR))
    (folder / launcher.THROW_AWAY).touch()
    yield folder
    shutil.rmtree(folder)


def start(*arguments: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=BASE_DIR,
        env=os.environ | variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    output, errors = process.communicate(timeout=120)
    return process.returncode, output, errors


def test_djangos_own_checks_find_nothing() -> None:
    call_command("check", fail_level="INFO")


def test_a_bad_variable_ends_any_command_with_one_message(data_dir: Path) -> None:
    expected = (
        "The environment cannot be used. Correct these variables (see .env.example):\n"
        "  TESTIO_PAGE_SIZE must be a number from 1 to 200 (it is '0').\n"
    )
    for command in ("help", "migrate"):
        assert outcome(start(command, TESTIO_PAGE_SIZE="0")) == (1, "", expected)


def test_a_database_that_does_not_answer_is_one_sentence_without_its_password() -> None:
    code, output, errors = outcome(start("migrate", DATABASE_URL=NO_DATABASE))
    assert (code, output) == (1, "")
    assert re.match(r"The database cannot be used: .*127\.0\.0\.1.*refused", errors)
    assert "Traceback" not in errors
    assert "hunter2" not in errors


def test_a_command_that_needs_no_database_does_not_start_one(data_dir: Path) -> None:
    assert outcome(start("check", DATA_DIR=str(data_dir)))[0] == 0
    assert not (data_dir / "postgres").exists()


def test_two_migrations_at_once_on_an_empty_data_folder_both_succeed_and_leave_no_server(data_dir: Path) -> None:
    both = [start("migrate", DATA_DIR=str(data_dir)) for _ in range(2)]
    outputs = [outcome(process) for process in both]
    assert [(code, errors) for code, _, errors in outputs] == [(0, ""), (0, "")]
    assert sorted("No migrations to apply" in output for _, output, _ in outputs) == [False, True]
    assert caretaker.running_server(data_dir / "postgres") is None


def test_logs_go_to_standard_error_as_json_and_leave_standard_output_to_results() -> None:
    program = "import logging; logging.getLogger('sync').warning('synced product %s', 42); print('result')"
    code, output, errors = outcome(start("shell", "--no-imports", "-c", program))
    assert (code, output) == (0, "result\n")
    record = json.loads(errors)
    assert record.pop("timestamp").endswith("Z")
    assert record == {"event": "synced product 42", "level": "warning", "logger": "sync"}


@pytest.mark.django_db
def test_the_admin_and_its_style_are_served_without_collecting_files_first(client: Client) -> None:
    assert client.get("/admin/login/").status_code == 200
    style = client.get("/static/admin/css/base.css")
    assert style.status_code == 200
    assert style.getvalue().startswith(b"/*")


@pytest.mark.parametrize("address", [("192.0.2.1", 443), ("api.test.io", 443)])
def test_no_test_leaves_this_machine(address: tuple[str, int]) -> None:
    with pytest.raises(LeftTheMachine):
        socket.create_connection(address, timeout=1)


@pytest.mark.django_db
def test_the_database_shell_reaches_the_built_in_server(capfd: pytest.CaptureFixture[str]) -> None:
    call_command("dbshell", "--", "--no-psqlrc", "--tuples-only", "--no-align", "--command", "SELECT 6 * 7")
    assert capfd.readouterr().out == "42\n"


def test_make_help_lists_every_target() -> None:
    listed = subprocess.run(
        [shutil.which("make") or "make", "-s"], cwd=BASE_DIR, capture_output=True, text=True, check=True
    ).stdout
    targets = re.findall(r"^([a-z]+):", (BASE_DIR / "Makefile").read_text(), re.MULTILINE)
    assert re.findall(r"^  make ([a-z]+) +\S", listed, re.MULTILINE) == targets


def test_the_lock_file_pins_everything_by_hash_and_names_no_place_to_load_it_from() -> None:
    lock = (BASE_DIR / "requirements.lock").read_text()
    entries = re.split(r"\n(?=[a-z0-9])", re.sub(r"^#.*\n", "", lock, flags=re.MULTILINE))
    pinned_by_hash = re.compile(r"[a-z0-9.\[\],-]+==[^ ]+ .*--hash=sha256:", re.DOTALL)
    assert [entry for entry in entries if not pinned_by_hash.match(entry)] == []
    assert re.findall(r"://|--(?:extra-)?index-url|--find-links|file:", lock) == []
    pinned = {entry.split("==")[0].split("[")[0] for entry in entries}
    assert wanted_packages() - pinned == set()


def wanted_packages() -> set[str]:
    project = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())
    wanted = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    return {re.split(r"[^a-z0-9-]", package)[0] for package in wanted}
