"""The home of operators: what is wrong, whose it is to see, and what the buttons do."""

import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from problematic.models import MappingState, ProblematicMapping, RetryJob
from sync.access import of_user
from sync.models import Customer, Product, SyncEvent
from sync.models.status import Status
from testio_site.operating.home.grid import Outcome, grid
from tests.factories import (
    CustomerFactory,
    ProductFactory,
    SyncEventFactory,
    SyncLeaseFactory,
    SyncPhaseFactory,
    WatcherFactory,
)
from tests.problematic.factories import ProblematicEventFactory, ProblematicMappingFactory
from tests.testio_site.callers import member, with_session

pytestmark = pytest.mark.django_db

HOME = "/operate/"
CARDS = {"problems", "given-up", "paused", "failed", "stale"}


@pytest.fixture
def acme() -> Customer:
    return _customer("acme")


def _customer(name: str) -> Customer:
    customer = CustomerFactory.create(name=name)
    customer.set_token("secret")
    customer.save()
    return customer


def fresh(customer: Customer, **values: object) -> Product:
    times = dict.fromkeys(("features_synced_at", "tests_synced_at", "bugs_synced_at", "settled_at"), timezone.now())
    return ProductFactory.create(customer=customer, **{**times, **values})


def trouble(customer: Customer) -> dict[str, str]:
    """One of each that can be wrong with a customer, and a run that goes on. The addresses of the buttons."""
    product = ProductFactory.create(customer=customer, name=f"Shop of {customer.name}")
    event = ProblematicEventFactory.create(product=product)
    ProblematicMappingFactory.create(event=event, state=MappingState.DEAD, last_error="It is still broken.")
    paused = Customer.objects.filter(pk=customer.pk)
    failed = SyncEventFactory.create(
        customer=customer, status=Status.FAILED, finished_at=timezone.now(), error="TestIO could not be reached."
    )
    running = SyncEventFactory.create(customer=customer)
    SyncPhaseFactory.create(event=running, product=product, seen=40)
    paused.update(paused_at=timezone.now(), paused_reason="The token was refused.")
    return {
        "retry": f"/operate/events/{event.public_id}/retry/",
        "resume": f"/operate/customers/{customer.pk}/resume/",
        "refresh": f"/operate/products/{product.pk}/refresh/",
        "again": f"/operate/runs/{failed.public_id}/again/",
        "cancel": f"/operate/runs/{running.public_id}/cancel/",
    }


def shown(client: Client, address: str = HOME) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def cards(page: str) -> set[str]:
    return CARDS & set(re.findall(r'<h2 id="([\w-]+)"', page))


def said(client: Client, address: str) -> str:
    """What is said after a button was pressed."""
    answer = client.post(address, follow=True)
    assert [url for url, _ in answer.redirect_chain] == [HOME]
    return " ".join(str(message) for message in answer.context["messages"])


def test_where_nothing_is_wrong_it_says_so(acme: Customer) -> None:
    fresh(acme, next_sync_at=timezone.now() + timedelta(hours=1))
    client = with_session(member(acme))
    page = shown(client)
    assert ("Nothing is wrong with the data" in page, "manage.py refresh --watch" in page) == (True, True)
    WatcherFactory.create(name=settings.TESTIO_WATCHER_NAME, last_cycle_at=timezone.now())
    page = shown(client)
    assert ("All is well" in page, cards(page), "Nothing runs at the moment" in page) == (True, set(), True)


def test_products_that_no_worker_takes_are_said(acme: Customer) -> None:
    fresh(acme, next_sync_at=timezone.now() - timedelta(hours=1))
    WatcherFactory.create(name=settings.TESTIO_WATCHER_NAME)
    page = shown(with_session(member(acme)))
    assert ("1 product due, the first since 1" in page, "start more of them" in page) == (True, True)


def test_without_a_customer_it_says_what_to_do() -> None:
    assert "Ask an administrator to make you one" in shown(with_session(member()))


def test_all_that_is_wrong_is_shown_with_its_reason(acme: Customer) -> None:
    trouble(acme)
    stale = ProductFactory.create(customer=_customer("other"), name="Old shop")
    page = shown(with_session(member(acme, stale.customer, role="Operator")))
    assert cards(page) == CARDS
    for words in (
        "It is still broken.",
        "The token was refused.",
        "TestIO could not be reached.",
        "Old shop",
        "40 read",
    ):
        assert words in page, words


def test_nothing_of_another_customer_is_shown_or_changed(acme: Customer) -> None:
    fresh(acme)
    buttons = trouble(_customer("theirs"))
    client = with_session(member(acme, role="Operator"))
    page = shown(client)
    assert (cards(page), "theirs" in page) == (set(), False)
    assert {name: client.post(url).status_code for name, url in buttons.items()} == dict.fromkeys(buttons, 404)


@pytest.mark.parametrize("role", ["Viewer", "Triage", "Operator"])
def test_a_button_is_there_for_those_who_may_press_it_and_others_are_refused(acme: Customer, role: str) -> None:
    buttons = trouble(acme)
    client = with_session(member(acme, role=role))
    page = shown(client)
    may = {"Viewer": set(), "Triage": {"retry"}, "Operator": {"retry", "resume", "again", "cancel"}}[role]
    assert {name for name, url in buttons.items() if f'action="{url}"' in page} == may
    others = set(buttons) - may - ({"refresh"} if role == "Operator" else set())
    assert {name for name in others if client.post(buttons[name]).status_code == 403} == others


def test_a_button_is_pressed_and_not_followed(acme: Customer) -> None:
    client = with_session(member(acme, role="Operator"))
    addresses = [*trouble(acme).values(), "/operate/products/refresh/"]
    assert [client.get(url).status_code for url in addresses] == [405] * len(addresses)


def test_a_form_without_its_token_changes_nothing(acme: Customer) -> None:
    buttons = trouble(acme)
    client = Client(enforce_csrf_checks=True)
    client.force_login(member(acme, role="Operator"))
    assert client.post(buttons["resume"]).status_code == 403
    assert Customer.objects.get().paused_at is not None


def test_a_paused_customer_is_resumed(acme: Customer) -> None:
    buttons = trouble(acme)
    client = with_session(member(acme, role="Operator"))
    assert "acme is refreshed in the background again" in said(client, buttons["resume"])
    assert (Customer.objects.get().paused_at, "paused" in cards(shown(client))) == (None, False)


def test_stale_products_are_made_due_one_or_all(acme: Customer) -> None:
    later = timezone.now() + timedelta(hours=1)
    one, other = ProductFactory.create_batch(2, customer=acme, next_sync_at=later)
    good = fresh(acme, next_sync_at=later)
    client = with_session(member(acme, role="Operator"))
    assert "due at once" in said(client, f"/operate/products/{one.pk}/refresh/")
    assert Product.objects.filter(next_sync_at__lt=later).get() == one
    assert said(client, "/operate/products/refresh/").startswith("2 stale products are due at once")
    assert Product.objects.filter(next_sync_at=later).get() == good
    assert set(Product.objects.due()) == {one, other}


def test_a_product_of_a_paused_customer_says_why_it_is_not_refreshed(acme: Customer) -> None:
    buttons = trouble(acme)
    client = with_session(member(acme, role="Operator"))
    assert "cannot be refreshed in the background: its customer is paused" in said(client, buttons["refresh"])


def test_what_was_given_up_is_retried(acme: Customer) -> None:
    buttons = trouble(acme)
    user = member(acme, role="Triage")
    assert said(with_session(user), buttons["retry"]).startswith("Started retry job_")
    assert RetryJob.objects.get().mapping_ids == [ProblematicMapping.objects.get().pk]


def test_a_running_sync_is_asked_to_stop(acme: Customer) -> None:
    buttons = trouble(acme)
    user = member(acme, role="Operator")
    client = with_session(user)
    assert "was asked to stop" in said(client, buttons["cancel"])
    assert SyncEvent.objects.running().get().cancel_requested_by == user
    page = shown(client)
    assert (f'action="{buttons["cancel"]}"' in page, "Asked to stop" in page) == (False, True)


def test_what_cannot_be_done_is_said(acme: Customer) -> None:
    buttons = trouble(acme)
    Customer.objects.update(is_active=False)
    assert "switched off" in said(with_session(member(acme, role="Operator")), buttons["again"])


def test_it_asks_for_itself_again_soon_while_something_runs_and_else_every_minute(acme: Customer) -> None:
    run = SyncEventFactory.create(customer=acme)
    client = with_session(member(acme))
    moving = f"/operate/moving/?known={run.public_id}"
    assert f'hx-get="{moving}"' in shown(client)
    part = client.get(moving)
    assert (f'hx-get="{moving}"' in part.content.decode(), part.headers.get("HX-Retarget")) == (True, None)
    assert counted(part.content.decode()) == [("failed", "")]  # no link to the admin for who is no staff
    SyncEvent.objects.update(status=Status.SUCCEEDED, finished_at=timezone.now())
    whole = client.get(moving)
    assert (whole.headers["HX-Retarget"], b"Nothing is wrong" in whole.content) == ("#home", True)
    idle = 'hx-get="/operate/moving/" hx-trigger="every 60s"'
    assert (idle in whole.content.decode(), idle in shown(client)) == (True, True)
    SyncEventFactory.create(customer=acme, status=Status.FAILED, finished_at=timezone.now())
    assert "failed" in cards(shown(client, "/operate/moving/"))


def test_a_run_shows_how_many_of_its_products_are_done(acme: Customer) -> None:
    run = SyncEventFactory.create(customer=acme)
    done, at_work, waiting = ProductFactory.create_batch(3, customer=acme)
    SyncPhaseFactory.create(event=run, product=done, seen=7, status=Status.SUCCEEDED, finished_at=timezone.now())
    SyncPhaseFactory.create(event=run, product=at_work, seen=5)
    SyncLeaseFactory.create(product=done)
    for product in (at_work, waiting):
        SyncLeaseFactory.create(product=product, holder=run.pk, acquired_at=timezone.now())
    page = shown(with_session(member(acme)))
    assert ("1 of 3 products, 12 records read" in page, 'aria-valuenow="33"' in page) == (True, True)


def counted(part: str) -> list[tuple[str, str]]:
    """The numbers beside the navigation that come with a part, to take the place of those on the page."""
    return re.findall(r'<span id="count-(\w+)" hx-swap-oob="true"(?: class="side__count")?(?: hidden)?>(\d*)<', part)


def test_the_numbers_beside_the_navigation_move_with_it_for_one_statement(acme: Customer) -> None:
    run = SyncEventFactory.create(customer=acme)
    client = with_session(member(acme, role="Operator", staff=True))
    assert 'id="count-problems" hidden' in shown(client)
    address, costs = f"/operate/moving/?known={run.public_id}", []
    for expected in ("", "1"):
        ContentType.objects.clear_cache()
        with CaptureQueriesContext(connection) as queries:
            assert counted(shown(client, address)) == [("problems", expected), ("failed", "")]
        costs.append(sum("problematicevent" in query["sql"] for query in queries.captured_queries))
        ProblematicEventFactory.create(product__customer=acme)
    assert costs == [1, 1]


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [
        ([], None),
        (["succeeded"], Outcome.GOOD),
        (["succeeded", "partial"], Outcome.GAPS),
        (["failed", "succeeded"], Outcome.MIXED),
        (["succeeded", "failed"], Outcome.BAD),
        (["interrupted"], Outcome.BAD),
        (["cancelled"], Outcome.STOPPED),
        (["succeeded", "running"], Outcome.RUNNING),
    ],
)
def test_a_day_has_the_outcome_of_its_syncs(acme: Customer, statuses: list[str], outcome: Outcome | None) -> None:
    product, now = fresh(acme), timezone.now()
    for number, status in enumerate(statuses):
        at = now.replace(hour=1 + number, minute=0) - timedelta(days=2)
        ended = None if status == "running" else at
        event = SyncEventFactory.create(customer=acme, status=status, started_at=at, finished_at=ended)
        SyncPhaseFactory.create(event=event, product=product, status=status, finished_at=ended)
    found = grid(of_user(member(acme)), now)
    assert found is not None
    days = [day.outcome for day in found.rows[0].days]
    assert days == [*[None] * 11, outcome, None, None]


def test_the_worst_products_come_first_and_the_rest_is_counted(acme: Customer) -> None:
    for _ in range(31):
        fresh(acme)
    worst = fresh(acme, failures=2)
    found = grid(of_user(member(acme)), timezone.now())
    assert found is not None
    assert (found.rows[0].product.text, len(found.rows), found.more) == (worst.name, 30, 2)


def _statements(client: Client) -> int:
    ContentType.objects.clear_cache()
    with CaptureQueriesContext(connection) as queries:
        shown(client)
    return len(queries)


def test_it_costs_the_same_however_much_there_is(acme: Customer) -> None:
    client = with_session(User.objects.create(username="boss", is_staff=True, is_superuser=True))
    costs: list[int] = []
    for more in (1, 2, 47):
        for number in range(more):
            trouble(_customer(f"customer-{len(costs)}-{number}"))
            ProductFactory.create(customer=acme)
        costs.append(_statements(client))
    assert (len(set(costs)), costs[0] <= 26) == (1, True), costs
