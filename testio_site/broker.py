"""Where tasks are queued: files below DATA_DIR by default, or the broker that `CELERY_BROKER_URL` names.

The files are kombu's file-system transport with its races closed. As it comes, it writes a message under its final
name, so that another worker may read half of it and stop for good; it moves every message through the system's
temporary folder; and it looks only once a second. Here a message appears whole or not at all, belongs to whoever
renames it first, never leaves our folder, and is found within POLL seconds.

A message that a killed worker had taken is gone. That loses nothing: what is due is in the database.
"""

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty
from typing import Any
from uuid import uuid4

from kombu.transport import filesystem
from kombu.utils.json import dumps, loads

log = logging.getLogger(__name__)

#: Seconds between two looks for new messages. A look is one listing of a folder that is almost always empty.
POLL = 0.02
#: A file a process left half-written or half-read when it was killed is removed after so many seconds.
LEFTOVER = 3600.0


class Channel(filesystem.Channel):
    """Messages as files. Kombu calls these methods; the names are its own."""

    def _put(self, queue: str, payload: dict[str, Any], **_: Any) -> None:
        # In the order of the clock, which is first come, first served as nearly as it matters.
        final = self._messages / f"{time.time_ns():020d}_{uuid4().hex}.{queue}.msg"
        draft = final.with_suffix(".draft")
        draft.touch(mode=0o600)
        draft.write_text(dumps(payload))
        draft.replace(final)

    def _get(self, queue: str, **_: Any) -> dict[str, Any]:
        for path in sorted(self._messages.iterdir()):
            if path.name.partition(".")[2] == f"{queue}.msg":
                message = self._take(path)
                if message is not None:
                    return message
        raise Empty

    def _take(self, path: Path) -> dict[str, Any] | None:
        """The message, if nobody else was quicker: whoever renames the file has it."""
        mine = path.with_suffix(f".{os.getpid()}.taken")
        try:
            path.rename(mine)
        except FileNotFoundError:
            return None
        text = mine.read_text()
        mine.unlink()
        try:
            message: dict[str, Any] = loads(text)
        except ValueError:
            log.warning("A message that cannot be read was dropped: %s. What it was about comes due again.", path.name)
            return None
        return message

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        binding = [routing_key or "", pattern or "", queue or ""]
        with self._table_lock():
            known = [list(each) for each in self.get_table(exchange)]
            if binding not in known:
                table = self._exchange_file(exchange)
                draft = table.with_suffix(".draft")
                draft.write_text(dumps([binding, *known]))
                draft.replace(table)

    @contextmanager
    def _table_lock(self) -> Iterator[None]:
        descriptor = os.open(self.control_folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    @property
    def _messages(self) -> Path:
        return Path(self.data_folder_in)


class Transport(filesystem.Transport):
    """Looks for messages every POLL seconds, and between two looks lets the worker do what else it has to."""

    Channel = Channel

    def establish_connection(self) -> Any:
        _remove_leftovers(Path(self.client.transport_options["data_folder_in"]))
        return super().establish_connection()

    def drain_events(self, _: Any, timeout: float | None = None, **__: Any) -> None:
        """Deliver one message, or none after one look. Raises TimeoutError when that took ``timeout`` seconds.

        Kombu's own returns with a message only, and a worker acknowledges nothing meanwhile: with all its processes
        busy, the next task would wait two seconds for the end of the one before.
        """
        pause = POLL if timeout is None else min(POLL, timeout)
        try:
            self.cycle.get(self._deliver, timeout=timeout)
        except Empty:
            time.sleep(pause)
            if timeout == pause:
                raise TimeoutError from None


def _remove_leftovers(messages: Path) -> None:
    old = time.time() - LEFTOVER
    for path in messages.iterdir():
        with suppress(FileNotFoundError):
            if path.suffix in (".draft", ".taken") and path.stat().st_mtime < old:
                path.unlink()
