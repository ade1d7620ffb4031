"""Bring customers' data up to date, or say how it stands."""

import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from rich.console import RenderableType
from rich.table import Table

from sync import customers, runs, summaries
from sync.dates import UnreadableDate, read_day
from sync.management.base import FAILED, PARTIAL, USAGE, DeskCommand, stopping
from sync.management.progress import display
from sync.models import Customer, SyncEvent
from sync.models.run import Status
from sync.pipeline import SyncBusy, SyncImpossible, SyncOptions, plan_customer, sync_customer

_EXIT_CODES = {Status.SUCCEEDED: 0, Status.PARTIAL: PARTIAL}
_SEVERITY = (0, PARTIAL, FAILED)


class Command(DeskCommand):
    help = (
        "Read a customer's TestIO data into the database. Without options: what is new or can still have changed, "
        "for the default customer."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        who = parser.add_mutually_exclusive_group()
        who.add_argument("--customer", metavar="NAME", help="Instead of the default customer.")
        who.add_argument("--all-customers", action="store_true", help="Every active customer, one after the other.")
        parser.add_argument("--product-ids", nargs="+", type=int, default=[], metavar="ID", help="Only these products.")
        parser.add_argument(
            "--since", metavar="DATE", help='Only tests that ended later: 2025-03-31, "3 days ago", "last week".'
        )
        mode = parser.add_mutually_exclusive_group()
        mode.add_argument("--full", action="store_true", help="Read everything and find out what disappeared.")
        mode.add_argument("--incremental-only", action="store_true", help="Only look for new tests.")
        mode.add_argument("--nuke", action="store_true", help="Empty the synced rows in scope, then read everything.")
        parser.add_argument("--force", action="store_true", help="Rewrite unchanged rows too; reads everything.")
        bugs = parser.add_mutually_exclusive_group()
        bugs.add_argument("--no-bugs", action="store_true", help="Leave bugs alone.")
        bugs.add_argument("--refresh-bugs", action="store_true", help="Read the bugs of all tests, due or not.")
        parser.add_argument("--dry-run", action="store_true", help="Say what would be done; ask TestIO nothing.")
        parser.add_argument("--status", action="store_true", help="Say how the data stands; ask TestIO nothing.")
        parser.add_argument("--yes", action="store_true", help="Do not ask before emptying.")
        self.add_json_argument(parser)

    def run(self, **options: Any) -> int:
        self._refuse_contradictions(options)
        chosen = list(Customer.objects.active()) if options["all_customers"] else [customers.find(options["customer"])]
        if not chosen:
            raise CommandError("No active customer is configured. Add one with `manage.py customer add`.")
        if options["status"]:
            return self._status(chosen, options)
        wanted = self._wanted(options)
        if options["dry_run"]:
            return self._dry_run(chosen, wanted, options)
        if options["nuke"] and not self._confirmed(chosen, options):
            self.say("Nothing was changed.")
            return FAILED
        return self._sync(chosen, wanted, options)

    def _refuse_contradictions(self, options: dict[str, Any]) -> None:
        rules = (
            ("incremental_only", ("force", "refresh_bugs", "no_bugs")),
            ("status", ("full", "nuke", "incremental_only", "force", "no_bugs", "refresh_bugs", "dry_run", "since")),
            ("all_customers", ("product_ids",)),
        )
        for one, others in rules:
            for other in others:
                if options[one] and options[other]:
                    raise CommandError(f"{_flag(one)} and {_flag(other)} contradict each other.", returncode=USAGE)

    def _wanted(self, options: dict[str, Any]) -> SyncOptions:
        mode = SyncEvent.Mode
        chosen = {"full": mode.FULL, "incremental_only": mode.INCREMENTAL_ONLY, "nuke": mode.NUKE}
        try:
            since = None if options["since"] is None else read_day(options["since"])
        except UnreadableDate as error:
            raise CommandError(str(error), returncode=USAGE) from None
        return SyncOptions(
            product_ids=frozenset(options["product_ids"]),
            since=since,
            mode=next((value for flag, value in chosen.items() if options[flag]), mode.INCREMENTAL),
            force=options["force"],
            bugs="none" if options["no_bugs"] else "all" if options["refresh_bugs"] else "due",
        )

    def _confirmed(self, chosen: list[Customer], options: dict[str, Any]) -> bool:
        if options["yes"]:
            return True
        names = ", ".join(customer.name for customer in chosen)
        scope = f"products {options['product_ids']}" if options["product_ids"] else "all products"
        return self.confirmed(f"Empty the synced rows of {names} ({scope}) and read them again?")

    def _sync(self, chosen: list[Customer], wanted: SyncOptions, options: dict[str, Any]) -> int:
        stop = threading.Event()
        with stopping(stop, self.say):
            if options["all_customers"]:
                results, refusals = self._sync_all(chosen, wanted, stop)
            else:
                results, refusals = [self._sync_one(chosen[0], wanted, stop)], []
        if options["json"]:
            everyone = {"runs": results, "errors": [str(error) for error in refusals]}
            self.print_json(everyone if options["all_customers"] else results[0])
        return max(self._conclude(results, options), FAILED if refusals else 0, key=_SEVERITY.index)

    def _sync_all(
        self, chosen: list[Customer], wanted: SyncOptions, stop: threading.Event
    ) -> tuple[list[summaries.Result], list[Exception]]:
        """Every customer in turn: one that cannot be synced does not keep the next from it, a signal does."""
        results: list[summaries.Result] = []
        refusals: list[Exception] = []
        for customer in chosen:
            if stop.is_set():
                break
            try:
                results.append(self._sync_one(customer, wanted, stop))
            except (SyncBusy, SyncImpossible) as error:
                self.say(f"{customer}: {error}")
                refusals.append(error)
        if refusals and not results and all(isinstance(error, SyncBusy) for error in refusals):
            raise refusals[0]
        return results, refusals

    def _sync_one(self, customer: Customer, wanted: SyncOptions, stop: threading.Event) -> summaries.Result:
        with display() as progress:
            event = sync_customer(customer, wanted, stop=stop, progress=progress)
        return summaries.result(event)

    def _conclude(self, results: list[summaries.Result], options: dict[str, Any]) -> int:
        """Say what came of it, errors on standard error; the exit code of the worst run."""
        for result in results:
            if not options["json"]:
                self.show(_result_table(result), *(f"- {warning}" for warning in result["warnings"]))
            if result["error"]:
                self.say(result["error"])
        codes = [_EXIT_CODES.get(Status(result["status"]), FAILED) for result in results]
        return max(codes, key=_SEVERITY.index, default=0)

    def _dry_run(self, chosen: list[Customer], wanted: SyncOptions, options: dict[str, Any]) -> int:
        plans = [(customer, plan_customer(customer, wanted)) for customer in chosen]
        if options["json"]:
            self.print_json({"plan": [summaries.plan(customer, steps) for customer, steps in plans]})
            return 0
        table = Table("Customer", "Product", "Last sync", "Would", title="Dry run: nothing is changed")
        for customer, steps in plans:
            for product, action in steps:
                table.add_row(customer.name, str(product), summaries.when(product.tests_synced_at), action)
            table.add_row(customer.name, "any product not known yet", "never", "read everything")
        self.show(table)
        return 0

    def _status(self, chosen: list[Customer], options: dict[str, Any]) -> int:
        runs.interrupt_dead(None if options["all_customers"] else chosen[0])
        standing = summaries.standing(chosen, set(options["product_ids"]))
        if options["json"]:
            self.print_json({"customers": standing, "watcher": summaries.watching()})
            return 0
        for each in standing:
            self.show(*_standing(each))
        watcher = summaries.watching()
        said = f"process {watcher['pid']} on {watcher['host']}" if watcher else "none"
        self.show(f"Watcher: {said}")
        return 0


def _standing(each: dict[str, Any]) -> list[RenderableType]:
    """A customer's products, and below them what there is to say about all of them."""
    columns = ("Product", "Tests", "Bugs", "Tests as of", "Bugs as of", "Next refresh", "Now")
    table = Table(*columns, title=each["customer"])
    for row in each["products"]:
        times = (summaries.when(row["tests_synced_at"]), summaries.when(row["bugs_synced_at"]))
        counts = (str(row["tests"]), str(row["bugs"]))
        table.add_row(row["name"], *counts, *times, summaries.next_refresh(row), row["lease"])
    said = [f"- {row['name']}: {row['last_error']}" for row in each["products"] if row["failures"]]
    if each["left_alone"]:
        since = f" since {summaries.when(each['paused_at'])}" if each["paused_at"] else ""
        said.append(f"Not refreshed in the background{since}: {each['left_alone']}")
    return [table, *said, f"Last run: {each['last_run'] or 'none yet'}"]


def _result_table(result: summaries.Result) -> Table:
    table = Table(title=f"Sync of {result['customer']}: {result['status']}", show_header=False)
    for key, value in result.items():
        if key not in ("customer", "status", "warnings", "error"):
            table.add_row(key.replace("_", " "), str(value))
    return table


def _flag(option: str) -> str:
    return f"--{option.replace('_', '-')}"
