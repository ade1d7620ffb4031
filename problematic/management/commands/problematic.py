"""See what could not be fetched, say which tests are hidden there, and get them back."""

import threading
from argparse import ArgumentParser, ArgumentTypeError
from itertools import chain
from typing import Any

from django.core.management.base import CommandError
from rich.table import Table

from problematic import listings, suggestions, triage
from problematic.models import EVENT_PREFIX, EventStatus, MappingState, ProblematicEvent, ProblematicMapping
from problematic.retry import RetryResult, retry_mappings
from problematic.triage import AlreadyClaimed, Scope, TriageRefused
from sync import customers
from sync.management.base import BUSY, FAILED, PARTIAL, USAGE, DeskCommand, stopping
from sync.models import Customer, Product
from sync.pipeline import SyncImpossible
from sync.public_ids import NoSuchId, find
from sync.summaries import when

_HINT = "Map tests to an event with: manage.py problematic map-tests EVENT ID [ID ...]"


def _test_ids(text: str) -> list[int]:
    try:
        return triage.read_test_ids(text)
    except TriageRefused as error:
        raise ArgumentTypeError(str(error)) from None


class Command(DeskCommand):
    help = "Triage what a sync could not read: list, map-tests, unmap, suggest, retry, clear."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        shown = actions.add_parser(
            "list", help="The gaps, with their neighbours and mapped tests. Works while a sync runs."
        )
        self._add_scope(shown)
        shown.add_argument("--all", action="store_true", help="Resolved and cleared ones too.")
        for name, text in (("map-tests", "Say which tests are hidden in an event."), ("unmap", "Take mappings back.")):
            action = actions.add_parser(name, help=text)
            action.add_argument("event", metavar="EVENT", help="evt_… or the UUID, or the beginning of either.")
            action.add_argument(
                "test_ids",
                metavar="ID",
                nargs="+",
                type=_test_ids,
                help="As pasted: commas, lines and # are fine.",
            )
            self.add_json_argument(action)
        suggest = actions.add_parser("suggest", help="Which tests may be hidden in an event, and why. Maps nothing.")
        suggest.add_argument("event", metavar="EVENT")
        self.add_json_argument(suggest)
        retry = actions.add_parser("retry", help="Fetch mapped tests now.")
        which = retry.add_mutually_exclusive_group(required=True)
        which.add_argument("product_id", metavar="PRODUCT_ID", nargs="?", type=int)
        which.add_argument("--event", metavar="EVENT")
        which.add_argument("--all", action="store_true", help="Of all products.")
        retry.add_argument("--customer", metavar="NAME", help="Instead of the default customer.")
        retry.add_argument("--wait", action="store_true", help="Wait for a sync that is writing the product.")
        self.add_json_argument(retry)
        clear = actions.add_parser("clear", help="Put events away, with their mappings.")
        self._add_scope(clear)
        clear.add_argument("--resolved-only", action="store_true", help="Only what has resolved itself.")
        clear.add_argument("--yes", action="store_true", help="Do not ask.")

    def _add_scope(self, parser: ArgumentParser) -> None:
        parser.add_argument("--product-ids", nargs="+", type=int, default=[], metavar="ID")
        parser.add_argument("--customer", metavar="NAME", help="Only this customer; otherwise all.")
        self.add_json_argument(parser)

    def run(self, **options: Any) -> int:
        try:
            code: int = getattr(self, f"_{options['action'].replace('-', '_')}")(options)
        except (TriageRefused, NoSuchId) as error:
            raise CommandError(str(error), returncode=FAILED) from None
        except AlreadyClaimed as error:
            raise CommandError(str(error), returncode=BUSY) from None
        return code

    def _list(self, options: dict[str, Any]) -> int:
        events = listings.events(_customers(options), options["product_ids"], everything=options["all"])
        if options["json"]:
            self.print_json({"events": [listings.as_json(event) for event in events]})
        elif not events:
            self.stdout.write("No failed sync events are open. With --all, resolved and cleared ones are listed too.")
        else:
            self.show(*(_card(event) for event in events), _HINT)
        return 0

    def _map_tests(self, options: dict[str, Any]) -> int:
        event = _event(options["event"])
        mapped = triage.map_tests(event, chain(*options["test_ids"]))
        if options["json"]:
            self.print_json({"event_id": str(event.pk), "added": mapped.added, "revived": mapped.revived})
        else:
            self.stdout.write(
                f"Event {event}: {len(mapped.added)} mapped, {len(mapped.revived)} queued again, "
                f"{len(mapped.unchanged)} as before. Fetch them with: manage.py problematic retry --event {event}"
            )
        return 0

    def _unmap(self, options: dict[str, Any]) -> int:
        event = _event(options["event"])
        removed = triage.unmap(event, chain(*options["test_ids"]))
        if options["json"]:
            self.print_json({"event_id": str(event.pk), "removed": removed})
        else:
            self.stdout.write(f"Event {event}: {len(removed)} unmapped.")
        return 0

    def _suggest(self, options: dict[str, Any]) -> int:
        event = _event(options["event"])
        found = suggestions.suggest(event)
        if options["json"]:
            self.print_json({"suggestions": [suggestions.as_json(each) for each in found]})
        elif not found:
            self.stdout.write(f"Nothing in the database hints at what is hidden in {event}. Look it up in TestIO.")
        else:
            table = Table("Test", "Title", "Why", title=f"May be hidden in {event} (unreadable there: {event.size})")
            for each in found:
                table.add_row(str(each.test_id), each.title, each.reason)
            self.show(table, _HINT)
        return 0

    def _retry(self, options: dict[str, Any]) -> int:
        mappings = self._chosen_mappings(options)
        stop = threading.Event()
        total = mappings.exclude(state=MappingState.SUCCEEDED).count()

        def report(so_far: RetryResult) -> None:
            self.say(f"{so_far.tests_retried} of {total} retried, {so_far.tests_failed} failed")

        with stopping(stop, self.say):
            result = retry_mappings(mappings, wait=options["wait"], stop=stop, report=report)
        self._print_retry(result, options)
        return PARTIAL if result.errors else 0

    def _print_retry(self, result: RetryResult, options: dict[str, Any]) -> None:
        if options["json"]:
            for note in result.notes:
                self.say(note)
            self.print_json(
                {
                    "tests_retried": result.tests_retried,
                    "tests_succeeded": result.tests_succeeded,
                    "tests_failed": result.tests_failed,
                    "errors": result.errors,
                }
            )
            return
        self.stdout.write(
            f"Retried {result.tests_retried}: {result.tests_succeeded} succeeded, {result.tests_failed} failed."
            if result.tests_retried or result.errors
            else "Nothing is mapped there, so nothing was retried."
        )
        for line in (*result.errors, *result.notes):
            self.stdout.write(f"- {line}")

    def _chosen_mappings(self, options: dict[str, Any]) -> "Any":
        mappings = ProblematicMapping.objects.all()
        if options["event"]:
            event = _event(options["event"])
            _refuse_unfollowed(event.product.customer, event.product_id)
            return mappings.filter(event=event)
        mappings = mappings.filter(event__status=EventStatus.OPEN)
        if options["all"] and not options["customer"]:
            return mappings
        customer = customers.find(options["customer"])
        mappings = mappings.filter(event__product__customer=customer)
        return mappings if options["all"] else mappings.filter(event__product_id=_followed(customer, options))

    def _clear(self, options: dict[str, Any]) -> int:
        scope = Scope(_customers(options), options["product_ids"], options["resolved_only"])
        count = scope.events().count()
        if count and not options["yes"] and not self.confirmed(f"Clear {count} events with their mappings?"):
            self.say("Nothing was cleared.")
            return FAILED
        cleared = triage.clear(scope)
        if options["json"]:
            self.print_json(
                {
                    "position_ranges_cleared": cleared.position_ranges_cleared,
                    "test_ids_cleared": cleared.test_ids_cleared,
                }
            )
        elif not count:
            self.stdout.write("There is nothing to clear.")
        else:
            self.stdout.write(
                f"Cleared {cleared.position_ranges_cleared} position ranges with {cleared.test_ids_cleared} mapped ids."
            )
        return 0


def _event(text: str) -> ProblematicEvent:
    return find(ProblematicEvent.objects.all(), EVENT_PREFIX, text)


def _customers(options: dict[str, Any]) -> list[Customer]:
    return [customers.find(options["customer"])] if options["customer"] else list(Customer.objects.all())


def _followed(customer: Customer, options: dict[str, Any]) -> int:
    product_id: int = options["product_id"]
    _refuse_unfollowed(customer, product_id)
    if not Product.objects.filter(pk=product_id, customer=customer).exists():
        raise CommandError(f"Customer {customer} has no product {product_id}.", returncode=USAGE)
    return product_id


def _refuse_unfollowed(customer: Customer, product_id: int) -> None:
    if not customer.follows(product_id):
        allowed = ", ".join(map(str, sorted(customer.product_ids)))
        raise SyncImpossible(
            f"Product {product_id} is outside the filter of customer {customer}, which allows {allowed}."
        )


def _card(event: ProblematicEvent) -> Table:
    ids = listings.mapped_test_ids(event)
    table = Table(title=f"{event} · {event.get_status_display()}", show_header=False, title_justify="left", width=100)
    table.add_column(width=10)  # the same for all cards, so that they stand below each other
    table.add_column(ratio=1)
    table.add_row("Event", str(event.event_id))
    table.add_row("Product", str(event.product))
    table.add_row("Positions", f"{event.position_range} ({event.size} unreadable)")
    seen = "once" if event.occurrences == 1 else f"{event.occurrences} times, last"
    table.add_row("Attempts", f"{event.recovery_attempts}, seen {seen} {when(event.last_seen_at)}")
    table.add_row("Before", _neighbour(event.boundary_before_id, event.boundary_before_end_at, "top of the list"))
    table.add_row("After", _neighbour(event.boundary_after_id, event.boundary_after_end_at, "end of the list"))
    count = "1 test" if len(ids) == 1 else f"{len(ids)} tests"
    table.add_row("Mapped", f"{', '.join(map(str, ids))} ({count})" if ids else "(none)")
    if event.resolution:
        table.add_row("Resolution", event.resolution)
    return table


def _neighbour(test_id: int | None, end_at: Any, absent: str) -> str:
    return f"test {test_id}, ends {when(end_at) if end_at else 'never'}" if test_id else absent
