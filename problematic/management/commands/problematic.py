"""See what could not be fetched, say which tests are hidden there, and get them back."""

import json
import threading
from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import replace
from itertools import chain
from shutil import get_terminal_size
from typing import Any

from django.core.management.base import CommandError
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet
from rich.table import Table

from problematic import cards, choice, claims, clearing, listings, suggestions, triage
from problematic.choice import Choice
from problematic.clearing import Scope
from problematic.models import EVENT_PREFIX, ProblematicEvent
from problematic.offer import Offer
from problematic.retry import retry_mappings
from problematic.triage import AlreadyClaimed, NothingToRetry, TriageRefused
from problematic.worker import RetryResult
from sync import customers
from sync.management.base import BUSY, FAILED, PARTIAL, USAGE, DeskCommand, stopping
from sync.models import Customer, Product
from sync.public_ids import NoSuchId, find

#: So many events are read at a time.
_CARDS = 100

#: Seconds within which a test that somebody else is retrying has most likely been fetched.
_RETRY_AFTER = 10

_NONE = "No failed sync events are open. With --all, resolved and cleared ones are listed too."

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
        chosen = _customers(options)
        events = listings.events(chosen, _products(options, chosen), everything=options["all"])
        if options["json"]:
            self._print_documents(events)
            return 0
        rows = listings.with_stored(
            listings.with_mapped(events.select_related("product").defer("product__raw", "product__search"))
        )
        width, said = self._width(), _NONE
        for event in rows.iterator(_CARDS):
            self.stdout.write(cards.card(event, width), ending="")
            said = _HINT
        self.stdout.write(said)
        return 0

    def _width(self) -> int:
        """Of a card: no wider than the terminal, so that the frame stays whole."""
        return min(cards.WIDTH, get_terminal_size().columns) if self.stdout.isatty() else cards.WIDTH

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
            self.stdout.write(suggestions.nothing_found(event))
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
        chosen = _customers(options)
        scope = Scope(chosen, _products(options, chosen), options["resolved_only"])
        agreed = None
        if not options["yes"] and (offer := Offer.of(scope)).events:
            if not self.confirmed(offer.question):
                self.say("Nothing was cleared.")
                return FAILED
            scope, agreed = replace(scope, event_ids=offer.test_ids.keys()), offer.test_ids
        claims.release_abandoned()
        cleared = clearing.clear(scope, agreed=agreed)
        ranges, tests = cleared.position_ranges_cleared, cleared.test_ids_cleared
        if options["json"]:
            self.print_json({"position_ranges_cleared": ranges, "test_ids_cleared": tests})
        elif not ranges:
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


def _products(options: dict[str, Any], chosen: list[Customer]) -> list[int]:
    """Those that were named; refused when one is not there, which would read as if all were well with it."""
    named: list[int] = options["product_ids"]
    if unknown := choice.unknown_products(chosen, named):
        whose = f"Customer {chosen[0]} has" if len(chosen) == 1 else "There is"
        raise CommandError(f"{whose} no product {', '.join(map(str, unknown))}.", returncode=USAGE)
    return named


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
