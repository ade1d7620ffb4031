"""Add, list and remove customers, change their tokens; say which one commands mean by default."""

import getpass
import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from rich.table import Table

from sync import customers
from sync.customers import CustomerError, InvalidCustomer, NewCustomer
from sync.dates import UnreadableDate, read_day
from sync.management.base import USAGE, DeskCommand
from sync.models import Customer


class Command(DeskCommand):
    help = "Configure whose TestIO data is kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        add = actions.add_parser("add", help="Add a customer; its token is checked with one call.")
        add.add_argument("--name", required=True, help="Letters, digits, hyphens and underscores.")
        self._add_token_arguments(add)
        add.add_argument("--base-url", default=settings.TESTIO_CUSTOMER_API_BASE_URL)
        add.add_argument("--product-ids", nargs="+", type=int, default=[], metavar="ID", help="Keep only these.")
        add.add_argument("--sync-since", metavar="DATE", help="Leave out tests that ended before this day.")
        add.add_argument("--default", action="store_true", help="Commands mean this customer when none is named.")
        self.add_json_argument(add)
        self.add_json_argument(actions.add_parser("list", help="List the customers."))
        token = actions.add_parser("set-token", help="Change a customer's token, and end the pause of a refused one.")
        token.add_argument("name")
        self._add_token_arguments(token)
        self.add_json_argument(token)
        remove = actions.add_parser("remove", help="Remove a customer and everything synced for it.")
        remove.add_argument("name")
        remove.add_argument("--yes", action="store_true", help="Do not ask.")
        actions.add_parser("set-default", help="Make a customer the default.").add_argument("name")

    def _add_token_arguments(self, parser: ArgumentParser) -> None:
        hint = "The API token. Better left out: it is then asked for, or read from a pipe."
        parser.add_argument("--token", help=hint)
        parser.add_argument("--no-check", action="store_true", help="Do not call TestIO now.")

    def run(self, **options: Any) -> int:
        getattr(self, f"_{options['action'].replace('-', '_')}")(options)
        return 0

    def _add(self, options: dict[str, Any]) -> None:
        try:
            since = None if options["sync_since"] is None else read_day(options["sync_since"])
        except UnreadableDate as error:
            raise CommandError(str(error), returncode=USAGE) from None
        new = NewCustomer(
            options["name"],
            options["token"] or _ask_for_token(),
            options["base_url"],
            options["product_ids"],
            since,
            options["default"],
        )
        try:
            customer = customers.add(new, check=not options["no_check"])
        except InvalidCustomer as error:
            raise CommandError(str(error), returncode=USAGE) from None
        if options["json"]:
            self.print_json(_as_json(customer))
        else:
            self.stdout.write(f"Customer {customer} was added. `manage.py sync --customer {customer}` reads its data.")

    def _list(self, options: dict[str, Any]) -> None:
        rows = list(Customer.objects.all())
        if options["json"]:
            self.print_json({"customers": [_as_json(customer) for customer in rows]})
        elif not rows:
            self.stdout.write("No customer is configured. Add one with `manage.py customer add --name NAME`.")
        else:
            self.show(_table(rows))

    def _set_token(self, options: dict[str, Any]) -> None:
        customer = customers.find(options["name"])
        customers.set_token(customer, options["token"] or _ask_for_token(), check=not options["no_check"])
        if options["json"]:
            self.print_json(_as_json(customer))
        else:
            self.stdout.write(f"Customer {customer} has a new token. All its products are due.")

    def _remove(self, options: dict[str, Any]) -> None:
        customer = customers.find(options["name"])
        question = f"Remove customer {customer} with its {customer.products.count()} products and all their data?"
        if not options["yes"] and not self.confirmed(question):
            self.say("Nothing was removed.")
            return
        customers.remove(customer)
        self.stdout.write(f"Customer {options['name']} was removed.")

    def _set_default(self, options: dict[str, Any]) -> None:
        customer = customers.find(options["name"])
        customers.set_default(customer)
        self.stdout.write(f"{customer} is the default customer now.")


def _ask_for_token() -> str:
    """From the terminal without echo, or the first line of a pipe."""
    token = getpass.getpass("API token: ") if sys.stdin.isatty() else sys.stdin.readline()
    if not token.strip():
        raise CustomerError("No token was given: pass it on standard input, at the prompt, or with --token.")
    return token.strip()


def _as_json(customer: Customer) -> dict[str, Any]:
    return {
        "name": customer.name,
        "api_base_url": customer.api_base_url,
        "has_token": customer.has_token,
        "product_ids": customer.product_ids,
        "sync_since": customer.sync_since,
        "is_active": customer.is_active,
        "is_default": customer.is_default,
    }


def _table(rows: list[Customer]) -> Table:
    table = Table("Name", "Default", "Active", "Token", "Products", "Since", "API")
    for customer in rows:
        table.add_row(
            customer.name,
            "yes" if customer.is_default else "",
            "yes" if customer.is_active else "no",
            "set" if customer.has_token else "missing",
            ", ".join(map(str, customer.product_ids)) or "all",
            str(customer.sync_since or "all"),
            customer.api_base_url,
        )
    return table
