"""People and programs with chosen rights, as the tests of access call the site."""

from collections.abc import Iterable

from django.contrib.auth.models import Group, User
from django.test import Client

from sync.models import Customer
from testio_site import tokens
from testio_site.models import ApiToken
from testio_site.roles import Scope
from testio_site.tokens import NewToken


def member(*customers: Customer, role: str = "Viewer", name: str = "mia", staff: bool = False) -> User:
    """A user with this role who belongs to these customers."""
    user, _ = User.objects.update_or_create(username=name, defaults={"is_staff": staff})
    user.groups.add(Group.objects.get(name=role))
    user.customers.set(customers)
    return user


def token_of(owner: User, *scopes: Scope, name: str = "ci", customers: Iterable[Customer] | None = None) -> ApiToken:
    """A token that is valid for a day; to read, unless scopes are named."""
    ids = None if customers is None else [customer.pk for customer in customers]
    return tokens.create(NewToken(name, owner, tokens.expiry(1), scopes or (Scope.READ,), ids))


def with_token(token: ApiToken) -> Client:
    """A program: no session, no CSRF token, and checked for it as strictly as a browser."""
    return Client(enforce_csrf_checks=True, headers={"Authorization": f"Bearer {token.secret}"})


def with_session(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client
