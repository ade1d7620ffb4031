"""See what could not be fetched, say which tests are hidden there, and get them back."""

import json
import threading
from argparse import ArgumentParser, ArgumentTypeError
from itertools import chain, islice
from typing import Any

from django.core.management.base import CommandError
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet
from rich.table import Table

from problematic import choice, claims, listings, suggestions, triage
from problematic.choice import Choice
from problematic.models import EVENT_PREFIX, ProblematicEvent
from problematic.retry import retry_mappings
from problematic.triage import AlreadyClaimed, NothingToRetry, Scope, TriageRefused
from problematic.worker import RetryResult
from sync import customers
from sync.management.base import BUSY, FAILED, PARTIAL, USAGE, DeskCommand, stopping
from sync.models import Customer, Product
from sync.public_ids import NoSuchId, find
from sync.summaries import when

#: So many events are read and shown at a time.
_CARDS = 100

#: Seconds within which a test that somebody else is retrying has most likely been fetched.
_RETRY_AFTER = 10

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
        retry.add_argument(
            "--customer", metavar="NAME", help="Only this customer; for PRODUCT_ID instead of the default."
        )
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
            if options["json"]:
                busy = {"status": "busy", "retry_after": _RETRY_AFTER, "detail": str(error), "exit_code": BUSY}
                self.print_json(busy)
            raise CommandError(str(error), returncode=BUSY) from None
        return code

    def _list(self, options: dict[str, Any]) -> int:
        events = listings.events(_customers(options), options["product_ids"], everything=options["all"])
        if options["json"]:
            self._print_documents(events)
            return 0
        rows = listings.with_mapped(events.select_related("product").defer("product__raw")).iterator(_CARDS)
        cards = map(_card, rows)
        if not (first := list(islice(cards, _CARDS))):
            self.stdout.write("No failed sync events are open. With --all, resolved and cleared ones are listed too.")
            return 0
        self.show(*first)
        while more := list(islice(cards, _CARDS)):
            self.show(*more)
        self.stdout.write(_HINT)
        return 0

    def _print_documents(self, events: "QuerySet[ProblematicEvent]") -> None:
        """One JSON document, written while it is read: a list of any length needs little memory."""
        self.has_printed = True
        self.stdout.write('{"events": [', ending="")
        between = ""
        for document in listings.documents(events):
            self.stdout.write(between + json.dumps(document, ensure_ascii=False, cls=DjangoJSONEncoder), ending="")
            between = ", "
        self.stdout.write("]}")

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
        claims.release_abandoned()
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
        chosen = _choice(options)
        try:
            chosen.check()
        except NothingToRetry as nothing:
            self._print_retry(RetryResult(), options, str(nothing))
            return 0
        stop = threading.Event()
        total = claims.pending(chosen.mappings).count()

        def report(so_far: RetryResult) -> None:
            self.say(f"{so_far.tests_retried} of {total} retried, {so_far.tests_failed} failed")

        with stopping(stop, self.say):
            result = retry_mappings(chosen.mappings, wait=options["wait"], stop=stop, report=report)
        result.notes += chosen.notes
        counts = f"Retried {result.tests_retried}: {result.tests_succeeded} succeeded, {result.tests_failed} failed."
        self._print_retry(result, options, counts)
        return PARTIAL if result.errors else 0

    def _print_retry(self, result: RetryResult, options: dict[str, Any], said: str) -> None:
        if not options["json"]:
            self.stdout.write("\n".join([said, *(f"- {line}" for line in (*result.errors, *result.notes))]))
            return
        for note in result.notes if result.tests_retried else [said, *result.notes]:
            self.say(note)
        counts = ("tests_retried", "tests_succeeded", "tests_failed", "errors")
        self.print_json({name: getattr(result, name) for name in counts})

    def _clear(self, options: dict[str, Any]) -> int:
        scope = Scope(_customers(options), options["product_ids"], options["resolved_only"])
        count = scope.events().count()
        if count and not options["yes"] and not self.confirmed(f"Clear {count} events with their mappings?"):
            self.say("Nothing was cleared.")
            return FAILED
        claims.release_abandoned()
        cleared = triage.clear(scope)
        ranges, tests = cleared.position_ranges_cleared, cleared.test_ids_cleared
        if options["json"]:
            self.print_json({"position_ranges_cleared": ranges, "test_ids_cleared": tests})
        elif not count:
            self.stdout.write("There is nothing to clear.")
        else:
            self.stdout.write(f"Cleared {ranges} position ranges with {tests} mapped ids.")
        if cleared.remark:
            self.say(cleared.remark)
        return PARTIAL if cleared.remark else 0


def _event(text: str) -> ProblematicEvent:
    return find(ProblematicEvent.objects.all(), EVENT_PREFIX, text)


def _customers(options: dict[str, Any]) -> list[Customer]:
    return [customers.find(options["customer"])] if options["customer"] else list(Customer.objects.all())


def _choice(options: dict[str, Any]) -> Choice:
    if options["event"]:
        return choice.of_event(_event_of(options["event"], options["customer"]))
    if options["all"]:
        return choice.of_customers(_customers(options))
    customer, product_id = customers.find(options["customer"]), options["product_id"]
    choice.refuse_unfollowed(customer, product_id)
    product = Product.objects.select_related("customer").defer("raw").filter(pk=product_id, customer=customer).first()
    if product is None:
        raise CommandError(f"Customer {customer} has no product {product_id}.", returncode=USAGE)
    return choice.of_product(product)


def _event_of(text: str, name: str | None) -> ProblematicEvent:
    event = _event(text)
    owner = event.product.customer
    if name is not None and customers.find(name) != owner:
        raise CommandError(f"Event {event} belongs to customer {owner}, not to {name}.", returncode=USAGE)
    return event


def _card(event: Any) -> Table:
    """``event`` is a ``ProblematicEvent`` with its ``mapped_test_ids``."""
    ids: list[int] = event.mapped_test_ids
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
