"""Refresh in the background what is due: once, or for ever, without a task queue."""

import logging
import threading
from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError, InterfaceError, connections
from rich.table import Table

from sync import summaries
from sync.management.base import BUSY, FAILED, PARTIAL, DeskCommand, stopping
from sync.models import Customer
from sync.pipeline.trouble import about_database
from sync.refresh import AlreadyWatching, Cycle, cycle
from sync.refresh.watchers import Watch
from sync.refresh.work import Kind

log = logging.getLogger(__name__)

#: Seconds between two looks of the watcher for what has come due.
PAUSE = 5.0

_GOOD = (Kind.REFRESHED, Kind.PARTIAL)
_BAD = (Kind.FAILED, Kind.PAUSED, Kind.CANCELLED)


class Command(DeskCommand):
    help = (
        "Refresh every product that is due, and retry what is due of mapped tests: one cycle now, in this process. "
        "Where Celery runs (`make worker`) this happens by itself."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        often = parser.add_mutually_exclusive_group()
        often.add_argument("--once", action="store_true", help="One cycle, then end. This is what happens anyway.")
        often.add_argument(
            "--watch", action="store_true", help="Go on until SIGTERM or Ctrl-C. One watcher per database."
        )
        parser.add_argument("--dry-run", action="store_true", help="Say what is due; ask TestIO nothing.")
        self.add_json_argument(parser)

    def run(self, **options: Any) -> int:
        stop = threading.Event()
        # Before the cycle: what it pauses itself is in its notes anyway.
        left_alone = _about_customers_left_alone()
        with stopping(stop, self.say):
            if options["watch"] and not options["dry_run"]:
                return self._watch(stop, left_alone, options)
            done = cycle(stop=stop, dry_run=options["dry_run"])
        done.notes += left_alone
        self._report(done.as_json(), options)
        code = _exit_code(done)
        return PARTIAL if left_alone and not code and not options["dry_run"] else code

    def _watch(self, stop: threading.Event, left_alone: list[str], options: dict[str, Any]) -> int:
        totals = Counter({"cycles": 0} | _numbers(Cycle()))
        try:
            with Watch(stop) as watch:
                self.say(f"Watching for what comes due, every {PAUSE:.0f} seconds. SIGTERM or Ctrl-C ends it.")
                for note in left_alone:
                    self.say(note)
                while not stop.is_set():
                    totals.update(self._cycle(watch, stop))
                    stop.wait(PAUSE)
        except AlreadyWatching as error:
            if options["json"]:
                self.print_json({"status": "busy", "detail": str(error), "exit_code": BUSY})
            raise CommandError(str(error), returncode=BUSY) from None
        self._report(dict(totals) | {"seconds": round(totals["seconds"], 3)}, options)
        return 0

    def _cycle(self, watch: Watch, stop: threading.Event) -> Counter[str]:
        """One cycle's figures. A database that is away is waited for: it is asked again the next time."""
        try:
            done = cycle(stop=stop)
            watch.cycled()
        except (DatabaseError, InterfaceError) as error:
            log.warning("No refresh cycle this time: %s", about_database(error))
            return Counter(errors=1)
        finally:
            connections.close_all()
        for note in done.notes:
            self.say(note)
        return Counter({"cycles": 1} | _numbers(done))

    def _report(self, figures: dict[str, Any], options: dict[str, Any]) -> None:
        if options["json"]:
            self.print_json(figures)
            return
        notes = figures.pop("notes", [])
        table = Table(title="Refresh cycle" + (" (dry run: nothing is changed)" if figures.get("dry_run") else ""))
        table.show_header = False
        for name, value in figures.items():
            if name != "dry_run":
                table.add_row(name.replace("_", " "), str(value))
        self.show(table, *(f"- {note}" for note in notes))


def _about_customers_left_alone() -> list[str]:
    """A sentence for each that is active: nothing of it is due, so a cycle would not mention it."""
    return [_why_left_alone(customer) for customer in Customer.objects.active().left_alone()]


def _why_left_alone(customer: Customer) -> str:
    if customer.paused_at is None:
        return f"{customer}: not refreshed: it has no API token. Run `manage.py customer set-token {customer}`."
    return (
        f"{customer}: not refreshed since {summaries.when(customer.paused_at)}: {customer.paused_reason} "
        f"It goes on after `manage.py customer set-token {customer}`, or a `manage.py sync --customer {customer}` "
        "that gets through."
    )


def _numbers(done: Cycle) -> dict[str, Any]:
    """The figures that can be added up over cycles."""
    return {name: value for name, value in done.as_json().items() if name not in ("dry_run", "notes")}


def _exit_code(done: Cycle) -> int:
    good, bad = (sum(done.kinds[kind] for kind in kinds) for kinds in (_GOOD, _BAD))
    if done.errors or bad:
        return PARTIAL if good else FAILED
    if done.kinds[Kind.BUSY]:
        return PARTIAL if good else BUSY
    return PARTIAL if done.kinds[Kind.PARTIAL] else 0
