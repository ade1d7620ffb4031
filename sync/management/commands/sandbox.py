"""`manage.py sandbox`: serve a simulated TestIO API on this machine until told to stop (exit code 0).

Exit codes: 0 stopped by SIGINT or SIGTERM, 1 the port is taken, 2 wrong usage.
"""

import gc
import os
import signal
import threading
from argparse import ArgumentTypeError
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser

from sync.management.documents import USAGE, JsonCommand
from sync.sandbox import Faults, SandboxServer, World
from sync.sandbox.faults import LISTS, OUTCOMES, RATES, RETRY_AFTER_FORMS
from sync.sandbox.ground import DEFAULT_FIRST_ID
from sync.sandbox.service import DEFAULT_TOKEN
from sync.sandbox.world import SIZES

#: Options that are settings of ``Faults`` by the same name.
_FAULTS = (
    *RATES,
    "stall_seconds",
    "latency_ms",
    "jitter_ms",
    "retry_after",
    "retry_after_form",
    "refuse",
    "bug_query_limit",
    "bug_query_outcome",
    "per_page_cap",
    "ignore_paging",
    "empty",
    "halved",
    "shuffled",
)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is not an ISO date such as 2026-05-01.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Command(JsonCommand):
    help = "Serve a simulated TestIO API on this machine, with made-up data and, if wanted, faults. Needs no database."
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8099, help="0 takes a free one (default: 8099)")
        self.add_json_argument(parser, "print base_url, control_url and pid as JSON when ready")
        parser.add_argument("--token", action="append", help="an accepted API token; may be repeated")
        parser.add_argument("--warm", action="store_true", help="prepare all answers before the first request")
        self._add_world(parser)
        self._add_faults(parser)

    def _add_world(self, parser: CommandParser) -> None:
        world = parser.add_argument_group("the world")
        world.add_argument("--size", choices=SIZES, default="small", help="200, 5,000 or 50,000 tests (default: small)")
        world.add_argument("--tests", type=int, help="another number of tests")
        world.add_argument("--products", type=int, help="another number of products")
        world.add_argument("--bugs-per-test", type=float, default=10, help="on average (default: 10)")
        world.add_argument("--seed", type=int, default=1, help="same seed, same world, same faults (default: 1)")
        world.add_argument("--first-id", type=int, default=DEFAULT_FIRST_ID, help="where the ids begin")
        world.add_argument("--now", type=_moment, help="the moment all dates lead up to (default: today)")
        world.add_argument("--broken", type=int, default=0, metavar="N", help="tests that TestIO cannot read")
        world.add_argument("--broken-bugs", type=int, default=0, metavar="N", help="bugs that TestIO cannot read")

    def _add_faults(self, parser: CommandParser) -> None:
        faults = parser.add_argument_group("faults", "Shares are of all requests, from 0 to 1.")
        for name, outcome in RATES.items():
            faults.add_argument(
                _flag(name), type=float, default=0.0, metavar="SHARE", help=f"requests that end in {outcome}"
            )
        faults.add_argument("--latency-ms", type=float, default=0.0, help="how long every answer takes")
        faults.add_argument("--jitter-ms", type=float, default=0.0, help="up to so much longer")
        faults.add_argument("--retry-after", type=float, default=1.0, help="seconds a 429 asks to wait")
        faults.add_argument("--retry-after-form", choices=RETRY_AFTER_FORMS, default="seconds")
        faults.add_argument("--stall-seconds", type=float, default=120.0, help="how long a stalled request hangs")
        faults.add_argument("--refuse", type=int, choices=(401, 403), help="answer this to everything")
        faults.add_argument("--bug-query-limit", type=int, metavar="N", help="bug queries for more tests fail")
        faults.add_argument("--bug-query-outcome", choices=OUTCOMES, default="524", help="how they fail (default: 524)")
        faults.add_argument(
            "--cap", type=int, dest="per_page_cap", metavar="N", help="give at most so many tests a page"
        )
        faults.add_argument(
            "--ignore-paging", action="store_true", help="give the whole list, as TestIO's staging does"
        )
        faults.add_argument("--empty", action="append", choices=LISTS, default=[], help="answer with an empty list")
        faults.add_argument(
            "--halved", action="append", choices=LISTS, default=[], help="leave out a list's second half"
        )
        faults.add_argument("--shuffled", action="store_true", help="list tests in another order each time")

    def handle(self, *_: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        server = _make_server(options)
        if options["warm"]:
            server.warm()
        gc.collect()
        gc.freeze()  # the world stays: looking through it again and again would slow the answers
        with server:
            self._announce(server, options)
            stop.wait()

    def _announce(self, server: SandboxServer, options: dict[str, Any]) -> None:
        if options["json"]:
            self.print_json({"base_url": server.base_url, "control_url": server.control_url, "pid": os.getpid()})
        token = "as given by --token" if options["token"] else DEFAULT_TOKEN
        self.stderr.write(
            f"Sandbox TestIO API at {server.base_url} (token: {token}), control at {server.control_url}/stats. "
            "Stop it with Ctrl-C.",
            self.style.SUCCESS,
        )


def _make_server(options: dict[str, Any]) -> SandboxServer:
    try:
        world = _make_world(options)
        faults = Faults(seed=options["seed"], **{name: options[name] for name in _FAULTS})
        return SandboxServer(world, faults, tokens=options["token"] or (DEFAULT_TOKEN,), port=options["port"])
    except (ValueError, OverflowError) as error:
        raise CommandError(str(error), returncode=USAGE) from error
    except OSError as error:
        reason = f"The sandbox cannot listen on port {options['port']}: {error.strerror}."
        raise CommandError(f"{reason} Choose another with --port, or --port 0 for a free one.") from error


def _make_world(options: dict[str, Any]) -> World:
    tests, products = SIZES[options["size"]]
    world = World(
        tests=tests if options["tests"] is None else options["tests"],
        products=products if options["products"] is None else options["products"],
        bugs_per_test=options["bugs_per_test"],
        seed=options["seed"],
        first_id=options["first_id"],
        now=options["now"],
    )
    world.break_some(options["broken"], options["broken_bugs"])
    return world


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
