"""Tasks that only tests send, to workers started with `--include tests.background.probes`."""

import os
import time
from pathlib import Path

from celery import shared_task

from sync.stopping import stop


@shared_task
def note_delay(path: str, sent: float) -> None:
    """How many seconds after ``sent`` this began."""
    _note(path, str(time.time() - sent))


@shared_task
def until_stopped(path: str) -> None:
    _note(path, f"{os.getpid()} began")
    stop.wait(60)
    _note(path, f"{os.getpid()} stopped")


@shared_task
def deaf(path: str) -> None:
    """As a call to TestIO that takes a minute."""
    _note(path, f"{os.getpid()} began")
    time.sleep(60)
    _note(path, f"{os.getpid()} ended")


def _note(path: str, line: str) -> None:
    with Path(path).open("a") as file:
        file.write(f"{line}\n")
