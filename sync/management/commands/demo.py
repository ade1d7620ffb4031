"""Show the whole thing on made-up data: a sandbox TestIO with unreadable records, a sync, the admin, and a worker that
keeps the data fresh while the sandbox goes on changing.

Exit codes: 0 done (with ``--once``: everything readable is here), 1 something not staged is missing.
"""

import os
import random
import secrets
import signal
import subprocess
import sys
import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import CommandError

from sync.management.base import FAILED, DeskCommand
from sync.management.progress import display
from sync.models import Customer, SyncEvent
from sync.pipeline import SyncOptions, sync_customer
from sync.sandbox import Faults, SandboxServer, World
from sync.sandbox.comparison import Comparison, compare

CUSTOMER = "demo"
LOGIN = "demo"
BROKEN = 3
PROJECT = Path(__file__).resolve().parents[3]
#: Seconds between two refreshes of a product, and between two changes in the sandbox.
FRESH, CHANGE = 30, 20
#: Seconds the worker gets to end.
FAREWELL = 30
#: Shares of all calls that end in trouble with ``--flaky``.
FLAKY = {"random_500": 0.02, "random_429": 0.02, "drop": 0.02, "truncate": 0.01, "retry_after": 0.2}


class Command(DeskCommand):
    help = "Start a sandbox TestIO API with a few unreadable records, sync it, and serve the admin."
    makes_first_customer = False  # a token in the environment is for real data, which the demo keeps away from

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="Sync, print what was found, and stop.")
        parser.add_argument("--size", choices=("small", "medium", "large"), default="small")
        parser.add_argument("--flaky", action="store_true", help="Let random calls fail, drop and break off as well.")
        parser.add_argument("--port", type=int, default=8000, help="Where the admin is served (default: 8000).")

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", verbosity=0)
        super().handle(*args, **options)

    def run(self, **options: Any) -> int:
        if Customer.objects.exclude(name=CUSTOMER).exists():
            raise CommandError(
                "This database holds other customers; the demo wants one of its own. Use `make demo`, or set DATA_DIR "
                "to an empty directory and leave DATABASE_URL unset."
            )
        if not settings.TESTIO_ALLOW_PRIVATE_ADDRESSES:
            raise CommandError(
                "The demo's TestIO is on this machine, and these settings let no token go there. Use `make demo`, or "
                "set DJANGO_DEBUG=true."
            )
        world = World.of_size(options["size"])
        world.break_some(tests=BROKEN)
        with SandboxServer(world, Faults(**(FLAKY if options["flaky"] else {}))) as sandbox:
            self.say(f"Sandbox TestIO API at {sandbox.base_url}, with {BROKEN} unreadable tests")
            customer = _customer(sandbox)
            with display() as progress:
                event = sync_customer(customer, SyncOptions(mode=SyncEvent.Mode.FULL), progress=progress)
            found = compare(world, customer)
            self._report(event, found)
            if not options["once"]:
                with _changing(world), _worker():
                    self._serve(options["port"])
        return 0 if found.is_complete else FAILED

    def _report(self, event: SyncEvent, found: Comparison) -> None:
        self.stdout.write(
            f"Sync {event.public_id}: {event.get_status_display()}. {event.tests_new} new tests, {event.bugs_new} new "
            f"bugs, {event.gaps} positions that cannot be read, {event.api_calls} API calls."
        )
        self.stdout.write(f"Staged: tests {_ids(found.staged_tests)} cannot be read. The sync found these gaps:")
        for warnings in event.phases.order_by("pk").values_list("warnings", flat=True):
            for warning in warnings:
                self.stdout.write(f"- {warning}")
        if found.is_complete:
            self.stdout.write("Everything else is here: no test and no bug is missing, none is there twice.")
        else:
            self.stdout.write(f"LOST, though nobody staged it: tests {_ids(found.lost_tests)}, ")
            self.stdout.write(f"bugs {_ids(found.lost_bugs)}; unexpected: {_ids(found.surplus_tests)}")

    def _serve(self, port: int) -> None:
        password = secrets.token_urlsafe(9)
        users = get_user_model().objects
        user, _ = users.get_or_create(username=LOGIN, defaults={"is_staff": True, "is_superuser": True})
        user.set_password(password)
        user.save()
        self.stdout.write(f"\nAdmin: http://127.0.0.1:{port}/admin/   login: {LOGIN}   password: {password}\n")
        self.stdout.write(f"A worker refreshes each product every {FRESH} seconds, and the sandbox goes on changing.\n")
        self.stdout.write("Stop with Ctrl-C.\n")
        self.stdout.flush()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # as Ctrl-C does: what was begun beside us is ended
        call_command("runserver", f"127.0.0.1:{port}", use_reloader=False, verbosity=0)


def _customer(sandbox: SandboxServer) -> Customer:
    customer, _ = Customer.objects.get_or_create(name=CUSTOMER, defaults={"is_default": True})
    customer.api_base_url = sandbox.base_url
    customer.refresh_interval = FRESH
    customer.set_token(sandbox.token)
    customer.save()
    return customer


@contextmanager
def _worker() -> Iterator[None]:
    """Out of reach of the terminal's Ctrl-C, so that it ends in order, before its database."""
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "testio_site", "worker", "--beat", "--concurrency", "2"]
    with subprocess.Popen(
        command,
        cwd=PROJECT,
        env=os.environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    ) as worker:
        try:
            yield
        finally:
            worker.terminate()
            try:
                worker.wait(FAREWELL)
            except subprocess.TimeoutExpired:
                os.killpg(worker.pid, signal.SIGKILL)


@contextmanager
def _changing(world: World) -> Iterator[None]:
    """New tests and bugs, as a crowd makes them."""
    done, dice = threading.Event(), random.Random(1)  # noqa: S311  # made-up data

    def change() -> None:
        while not done.wait(CHANGE):
            world.insert_tests(dice.choice(world.product_ids()), 1, bugs=dice.randint(0, 4))

    thread = threading.Thread(target=change, name="crowd", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _ids(ids: frozenset[int]) -> str:
    return ", ".join(map(str, sorted(ids))) or "none"
