"""The sign of life of whoever works."""

import logging
import threading

import pytest
from django.db import OperationalError
from pytest_django import Settings

from sync.heartbeat import Heartbeat
from tests.sync.support import wait_until


def test_it_beats_while_the_block_lasts_and_not_after(settings: Settings) -> None:
    settings.TESTIO_LOCK_TIMEOUT = 0.05
    beats: list[str] = []
    with Heartbeat("one", lambda: beats.append("claims"), lambda: beats.append("job")):
        wait_until(lambda: len(beats) >= 6, "three beats")
    assert beats == ["claims", "job"] * (len(beats) // 2)
    assert "heartbeat of one" not in {thread.name for thread in threading.enumerate()}


def test_a_database_that_is_away_is_no_reason_to_stop(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    settings.TESTIO_LOCK_TIMEOUT = 0.05
    beats: list[int] = []

    def beat() -> None:
        beats.append(len(beats))
        if len(beats) == 1:
            raise OperationalError("the server closed the connection")

    with caplog.at_level(logging.WARNING), Heartbeat("one", beat):
        wait_until(lambda: len(beats) >= 3, "beats after the failure")
    sentence = "The heartbeat of one could not be stored and is tried again: the server closed the connection"
    assert caplog.messages == [sentence]
