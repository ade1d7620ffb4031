"""A served site with something of everything, for requests that a machine makes up."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.contrib.auth.models import User

from problematic.models import ProblematicEvent
from problematic.triage import map_tests
from sync.models import Bug, Customer, Feature, Person, Product, SyncEvent, Test
from sync.sandbox import SandboxServer, World
from testio_site import tokens
from testio_site.roles import Scope
from testio_site.tokens import NewToken
from tests.contract.fuzzing import Values
from tests.site import served
from tests.sync.support import make_customer, sync, world_of


@dataclass(frozen=True, slots=True)
class Target:
    """``values``: what is in the tables, by the parameters that may name it."""

    url: str
    token: str
    values: Values


@pytest.fixture
def world() -> World:
    return world_of(tests=60, products=3)


@pytest.fixture
def customer(transactional_db: None, sandbox: SandboxServer, world: World) -> Customer:
    """Synced, with two gaps; one of them has a mapped test."""
    customer = make_customer(sandbox, is_default=True)
    for product_id in world.product_ids()[:2]:
        world.break_records(tests=world.tests_of(product_id)[3:5])
    sync(customer)
    event = ProblematicEvent.objects.order_by("pk")[0]
    map_tests(event, world.tests_of(event.product_id)[3:4], by=None)
    return customer


@pytest.fixture
def target(database_url: str, customer: Customer) -> Iterator[Target]:
    owner = User.objects.create_superuser("fuzz")
    token = tokens.create(NewToken("fuzz", owner, tokens.expiry(1), tuple(Scope)))
    with served(database_url, {"DESK_API_REQUESTS_PER_MINUTE": "0"}) as site:
        assert token.secret
        yield Target(site.url, token.secret, _values(customer))


def _values(customer: Customer) -> Values:
    ids = {model: list(model.objects.values_list("pk", flat=True)[:20]) for model in (Product, Test, Bug, Feature)}
    people = list(Person.objects.values_list("pk", flat=True)[:20])
    runs = [str(pk) for pk in SyncEvent.objects.values_list("pk", flat=True)]
    events = [str(pk) for pk in ProblematicEvent.objects.values_list("pk", flat=True)]
    return {
        "path.product": ids[Product], "path.test": ids[Test], "path.bug": ids[Bug], "path.feature": ids[Feature],
        "path.person": people, "path.customer": [customer.name], "path.event": [*events, *runs],
        "path.test_id": ids[Test], "query.customer": [customer.name],
    }  # fmt: skip
