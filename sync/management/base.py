"""What all our commands share: results on standard output, everything else on standard error, exit codes.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done with gaps or partial failure, 75 busy (try again).
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

from django.core.management.base import CommandError
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from rich.console import Console, RenderableType

from sync import customers
from sync.customers import CustomerError
from sync.encryption import Undecipherable
from sync.management.documents import BUSY, FAILED, PARTIAL, USAGE, JsonCommand
from sync.pipeline import SyncBusy, SyncImpossible
from sync.pipeline.trouble import about_database
from sync.testio.errors import TestIOError

__all__ = ["BUSY", "FAILED", "PARTIAL", "USAGE", "DeskCommand", "stopping"]

_LOG_WIDTH = 140


class DeskCommand(JsonCommand):
    """A command whose ``run`` returns its exit code; what goes wrong becomes one sentence and the right code.

    A ``run`` that prints no result and returns another code than 0 has said why, last.
    """

    #: With a token in the environment and no customer yet, the first command creates that customer.
    makes_first_customer = True

    #: `make check` runs them; here they would take longer than it takes to say "busy".
    requires_system_checks = ()

    _last_said = ""

    def run(self, **options: Any) -> int:
        raise NotImplementedError

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            _refuse_unmigrated()
            if self.makes_first_customer:
                customers.ensure_from_environment()
            code = self.run(**options)
            self.stdout.flush()
        except BrokenPipeError:
            _leave_quietly()
        except SyncBusy as error:
            if options.get("json"):
                busy = {"status": "busy", "retry_after": error.retry_after, "detail": str(error), "exit_code": BUSY}
                self.print_json(busy)
            raise CommandError(str(error), returncode=BUSY) from None
        except (CustomerError, SyncImpossible, TestIOError, Undecipherable) as error:
            raise CommandError(str(error), returncode=FAILED) from None
        except (DatabaseError, InterfaceError) as error:
            raise CommandError(about_database(error), returncode=FAILED) from error
        except KeyboardInterrupt:
            raise CommandError(
                "Interrupted. What was stored stays; run this again to go on.", returncode=FAILED
            ) from None
        if code:
            if options.get("json") and not self.has_printed:
                self.print_failure(self._last_said, code)
            sys.exit(code)

    def show(self, *renderables: RenderableType) -> None:
        """Tables and text of the result, as wide as the terminal, or wide enough for a log."""
        console = Console(width=None if self.stdout.isatty() else _LOG_WIDTH, markup=False, highlight=False)
        with console.capture() as captured:
            for each in renderables:
                console.print(each)
        self.stdout.write(captured.get(), ending="")

    def say(self, sentence: str) -> None:
        """Progress and remarks, beside the result."""
        self._last_said = sentence
        self.stderr.write(sentence, self.style.NOTICE)

    def confirmed(self, question: str) -> bool:
        """Whether somebody at the terminal, or behind a pipe, says yes. Asked beside the result, which may be JSON."""
        self.stderr.write(f"{question} [y/N] ", ending="")
        self.stderr.flush()
        answer = sys.stdin.readline()
        if not answer:
            raise CommandError("Nobody is there to answer, so nothing was changed. Say --yes if you are sure.")
        return answer.strip().lower() in ("y", "yes")


@contextmanager
def stopping(stop: threading.Event, announce: Callable[[str], None]) -> Iterator[None]:
    """SIGINT and SIGTERM set ``stop`` for the length of the block; a second one ends the process at once."""

    def handler(number: int, _frame: FrameType | None) -> None:
        for each, old in previous.items():
            signal.signal(each, old)
        stop.set()
        announce(f"{signal.Signals(number).name}: finishing the page in hand, then stopping.")

    previous = {each: signal.signal(each, handler) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, old in previous.items():
            signal.signal(each, old)


def _leave_quietly() -> NoReturn:
    """Whoever read the result has seen enough (`| head`): end as the other commands of a pipe do, without a word."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())  # what is left is written at the end of the process
    os.close(nowhere)
    sys.exit(128 + signal.SIGPIPE)


def _refuse_unmigrated() -> None:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise CommandError("The database is not up to date. Run `manage.py migrate` first.", returncode=FAILED)
