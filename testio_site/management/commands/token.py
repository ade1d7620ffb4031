"""Create, list and revoke API tokens."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import CommandError
from django.db.models import Q
from django.utils import timezone
from rich.table import Table

from sync import customers
from sync.management.base import FAILED, USAGE, DeskCommand
from testio_site import tokens
from testio_site.models import ApiToken
from testio_site.roles import Scope
from testio_site.tokens import NewToken, TokenError


class Command(DeskCommand):
    help = "Tokens with which programs call the API, in the name of a user."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        self._add_create(actions.add_parser("create", help="Create a token; its secret is the result, shown once."))
        listed = actions.add_parser("list", help="List tokens; never their secrets.")
        listed.add_argument("--owner", metavar="USER", help="Only tokens of this user.")
        listed.add_argument("--all", action="store_true", help="Expired and revoked ones too.")
        self.add_json_argument(listed)
        revoke = actions.add_parser("revoke", help="End a token at once and for good.")
        revoke.add_argument("token", help="Its number, its name, how its secret begins, or the secret itself.")
        revoke.add_argument("--owner", metavar="USER", help="Whose it is, where several have one of that name.")
        self.add_json_argument(revoke)

    def _add_create(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", required=True, help="What it is for.")
        parser.add_argument("--owner", required=True, metavar="USER", help="In whose name it acts.")
        scopes = "What it may do: read, triage, operate (default: read). They add up; none includes another."
        parser.add_argument("--scopes", nargs="+", choices=Scope.values, default=[Scope.READ.value], help=scopes)
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("--customers", nargs="+", metavar="NAME", help="The only customers whose data it sees.")
        whose.add_argument("--all-customers", action="store_true", help="All customers its owner sees, now and later.")
        life = parser.add_mutually_exclusive_group()
        life.add_argument("--days", type=int, default=tokens.DAYS, help=f"Days it is valid (default: {tokens.DAYS}).")
        life.add_argument("--never-expires", action="store_true", help="It is valid until it is revoked.")
        self.add_json_argument(parser)

    def run(self, **options: Any) -> int:
        try:
            getattr(self, f"_{options['action']}")(options)
        except TokenError as error:
            raise CommandError(str(error), returncode=FAILED) from None
        return 0

    def _create(self, options: dict[str, Any]) -> None:
        if not 1 <= options["days"] <= tokens.MOST_DAYS:
            raise CommandError(f"--days is a number from 1 to {tokens.MOST_DAYS}.", returncode=USAGE)
        chosen = None if options["all_customers"] else [customers.find(name).pk for name in options["customers"]]
        token = tokens.create(
            NewToken(
                options["name"],
                _user(options["owner"]),
                None if options["never_expires"] else tokens.expiry(options["days"]),
                [Scope(scope) for scope in options["scopes"]],
                chosen,
            )
        )
        if options["json"]:
            self.print_json({**_as_json(token), "secret": token.secret})
        else:
            self.stdout.write(str(token.secret))
            self.say(f"This is the secret of token {token.pk}. Keep it now: it is not shown again.")

    def _list(self, options: dict[str, Any]) -> None:
        rows = ApiToken.objects.select_related("owner").prefetch_related("customers")
        if options["owner"]:
            rows = rows.filter(owner=_user(options["owner"]))
        found = list(rows if options["all"] else rows.usable())
        if options["json"]:
            self.print_json({"tokens": [_as_json(token) for token in found]})
        elif not found:
            self.stdout.write("There is no token. `manage.py token create` makes one; --all lists ended ones too.")
        else:
            self.show(_table(found))

    def _revoke(self, options: dict[str, Any]) -> None:
        token = _find(options["token"], options["owner"])
        is_news = tokens.revoke(token)
        token.refresh_from_db()
        if options["json"]:
            self.print_json(_as_json(token))
        else:
            self.stdout.write(f"Token {token} of {token.owner} {'is revoked.' if is_news else 'was revoked before.'}")


def _user(name: str) -> User:
    user = User.objects.filter(username=name).first()
    if user is None:
        raise TokenError(f'There is no user "{name}". Add one in the admin, or with `manage.py createsuperuser`.')
    return user


def _find(text: str, owner: str | None) -> ApiToken:
    rows = ApiToken.objects.select_related("owner").prefetch_related("customers")
    if owner:
        rows = rows.filter(owner=_user(owner))
    if text.startswith(tokens.PREFIX):
        found = list(rows.filter(beginning=text[: tokens.SHOWN]))
    else:
        number = Q(pk=int(text)) if text.isdecimal() and len(text) < 19 else Q()
        found = list(rows.filter(number)) if number else []
        found = found or list(rows.filter(name=text, revoked_at=None)) or list(rows.filter(name=text)[:1])
    if not found:
        raise TokenError("There is no such token. `manage.py token list --all` shows all of them.")
    if len(found) > 1:
        numbers = ", ".join(f"{token.pk} ({token.owner})" for token in found)
        raise TokenError(f"Several tokens are called that: {numbers}. Say which by its number.")
    return found[0]


def _as_json(token: ApiToken) -> dict[str, Any]:
    return {
        "id": token.pk,
        "name": token.name,
        "owner": token.owner.get_username(),
        "beginning": token.beginning,
        "scopes": token.scopes,
        "all_customers": token.all_customers,
        "customers": sorted(customer.name for customer in token.customers.all()),
        "expires_at": token.expires_at,
        "created_at": token.created_at,
        "revoked_at": token.revoked_at,
        "last_used_at": token.last_used_at,
    }


def _table(rows: list[ApiToken]) -> Table:
    table = Table("Id", "Name", "Begins", "Owner", "May", "Customers", "Expires", "Last used", "State")
    for token in rows:
        table.add_row(
            str(token.pk),
            token.name,
            token.beginning,
            token.owner.get_username(),
            ", ".join(token.scopes),
            "all" if token.all_customers else ", ".join(sorted(each.name for each in token.customers.all())),
            f"{token.expires_at:%Y-%m-%d}" if token.expires_at else "never",
            f"{token.last_used_at:%Y-%m-%d %H:%M}" if token.last_used_at else "never",
            _state(token),
        )
    return table


def _state(token: ApiToken) -> str:
    if token.revoked_at:
        return "revoked"
    if token.expires_at and token.expires_at <= timezone.now():
        return "expired"
    return "valid" if token.owner.is_active else "owner is switched off"
