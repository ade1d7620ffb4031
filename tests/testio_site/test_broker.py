"""The queue of files: nothing lost, nothing twice, nothing half-read, however many put and take."""

import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from kombu import Connection, Exchange, Queue

from testio_site import broker
from testio_site.environment import BASE_DIR

QUEUE = Queue("numbers", Exchange("numbers"), "numbers")

# Puts numbers, or takes them until there are no more for a second and prints them.
PROGRAM = """
import sys, time
from queue import Empty
from kombu import Connection
from tests.testio_site.test_broker import QUEUE, options

do, home, first, last = sys.argv[1:]
with Connection("filesystem://here", transport="testio_site.broker:Transport", transport_options=options(home)) as to:
    QUEUE(to.default_channel).declare()
    queue = to.SimpleQueue(QUEUE)
    if do == "put":
        for number in range(int(first), int(last)):
            queue.put(number)
    while do == "take":
        try:
            message = queue.get(timeout=1)
        except Empty:
            break
        message.ack()
        print(message.payload)
    queue.close()
"""


def options(home: str | Path) -> dict[str, str]:
    messages, control = Path(home) / "messages", Path(home) / "control"
    for folder in (messages, control):
        folder.mkdir(parents=True, exist_ok=True)
    return {"data_folder_in": str(messages), "data_folder_out": str(messages), "control_folder": str(control)}


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    where = options(tmp_path)
    broker.Transport.global_state.clear()  # what kombu remembers was declared, wherever that was
    with Connection("filesystem://here", transport="testio_site.broker:Transport", transport_options=where) as opened:
        QUEUE(opened.default_channel).declare()
        yield opened


def start(do: str, home: Path, first: int = 0, last: int = 0) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", PROGRAM, do, str(home), str(first), str(last)]
    return subprocess.Popen(command, cwd=BASE_DIR, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_three_processes_put_and_three_take_and_each_message_arrives_once(tmp_path: Path) -> None:
    takers = [start("take", tmp_path) for _ in range(3)]
    putters = [start("put", tmp_path, number * 200, number * 200 + 200) for number in range(3)]
    assert [(process.communicate(timeout=60)[1], process.returncode) for process in putters] == [("", 0)] * 3
    taken = [process.communicate(timeout=60) for process in takers]
    assert [errors for _, errors in taken] == [""] * 3
    assert sorted(int(number) for output, _ in taken for number in output.split()) == list(range(600))
    assert list((tmp_path / "messages").iterdir()) == []


def test_messages_come_in_the_order_they_were_put(connection: Connection) -> None:
    queue = connection.SimpleQueue(QUEUE)
    for number in range(5):
        queue.put(number)
    assert [queue.get(timeout=1).payload for _ in range(5)] == [0, 1, 2, 3, 4]


def test_a_message_that_is_not_acknowledged_goes_back_when_its_taker_leaves(
    connection: Connection, tmp_path: Path
) -> None:
    queue = connection.SimpleQueue(QUEUE)
    queue.put("again")
    queue.get(timeout=1)
    queue.close()
    connection.close()
    assert connection.SimpleQueue(QUEUE).get(timeout=1).payload == "again"


def test_a_message_cut_off_by_a_power_failure_is_dropped_and_said_so(
    connection: Connection, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    queue = connection.SimpleQueue(QUEUE)
    (tmp_path / "messages" / "00_cut.numbers.msg").write_text("")
    queue.put("whole")
    assert queue.get(timeout=1).payload == "whole"
    assert caplog.messages == [
        "A message that cannot be read was dropped: 00_cut.numbers.msg. What it was about comes due again."
    ]


def test_what_killed_processes_left_half_done_is_removed_after_a_while(connection: Connection, tmp_path: Path) -> None:
    old, new = tmp_path / "messages" / "old.taken", tmp_path / "messages" / "new.draft"
    for path in (old, new):
        path.touch()
    os.utime(old, (0, time.time() - broker.LEFTOVER - 1))
    with connection.clone() as another:
        another.connect()
    assert (old.exists(), new.exists()) == (False, True)


def test_only_its_owner_can_read_the_queue() -> None:
    where = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    modes = {stat.S_IMODE(Path(folder).stat().st_mode) for folder in where.values()}
    assert modes == {0o700}
    assert {Path(folder).parent for folder in where.values()} == {settings.DATA_DIR / "broker"}
