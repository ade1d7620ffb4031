"""The task whose start ``bench.dispatch`` measures."""

import time
from pathlib import Path

from celery import shared_task


@shared_task
def note_delay(path: str, sent: float) -> None:
    """Seconds since ``sent``, a time of this machine."""
    delay = time.time() - sent
    with Path(path).open("a") as file:
        file.write(f"{delay}\n")
