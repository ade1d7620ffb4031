"""The first run: from nothing to figures, step by step; going on where it was left; and the token seen by nobody."""

import logging
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from sync.models import Customer, Product, SyncEvent
from sync.sandbox import SandboxServer, World
from testio_site.models import AuditEntry
from tests.factories import CustomerFactory, ProductFactory, SyncEventFactory
from tests.sync.support import tables_with, wait_until, world_of
from tests.testio_site.callers import with_session

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return world_of(tests=12, products=3)


@pytest.fixture
def root(db: None) -> Client:
    return with_session(User.objects.create(username="root", is_staff=True, is_superuser=True))


def _page(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, (address, response.headers)
    return response.content.decode()


def _led(client: Client, address: str) -> str:
    return client.get(address).headers.get("Location", "stays")


def _send(client: Client, step: str, **fields: Any) -> str:
    """Where the form of a step leads."""
    response = client.post(f"/start/{step}/", fields)
    assert response.status_code == 302
    return response.headers["Location"]


def _named(root: Client, sandbox: SandboxServer) -> None:
    assert _send(root, "name/save", name="acme", api_base_url=sandbox.base_url) == "/start/token/"


def _with_token(root: Client, sandbox: SandboxServer) -> None:
    _named(root, sandbox)
    assert _send(root, "token/save", token=sandbox.token) == "/start/products/"


def test_the_audit_trail_tells_each_step_and_nothing_of_what_was_refused(root: Client, sandbox: SandboxServer) -> None:
    _send(root, "name/save", name="no name!", api_base_url=sandbox.base_url)
    for _ in range(2):
        _named(root, sandbox)
    _send(root, "token/save", token="wrong")
    _send(root, "token/save", token=sandbox.token)
    _send(root, "token/save")
    _send(root, "products/save", which="all")
    told = AuditEntry.objects.exclude(kind="login").order_by("pk").values_list("what", "customer__name")
    assert list(told) == [
        (f"Named the customer acme, at {sandbox.base_url}.", "acme"),
        ("Stored an API token of acme.", "acme"),
        ("Chose all products of acme to follow.", "acme"),
    ]


def _ended() -> SyncEvent:
    wait_until(lambda: SyncEvent.objects.exclude(finished_at=None).exists(), "the end of the run")
    return SyncEvent.objects.get()


def test_an_administrator_of_an_empty_site_is_led_to_it_and_others_are_not(root: Client) -> None:
    assert (_led(root, "/"), _led(root, "/start/")) == ("/start/", "/start/name/")
    viewer = User.objects.create(username="viewer")
    viewer.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    assert "Ask an administrator" in _page(with_session(viewer), "/")
    for address in ("/start/", "/start/name/", "/start/result/"):
        assert with_session(viewer).get(address).status_code == 403
    assert with_session(viewer).post("/start/name/save/", {"name": "acme"}).status_code == 403
    assert Client().get("/start/").headers["Location"] == "/login/?next=/start/"


@pytest.mark.django_db(transaction=True)
def test_from_nothing_to_the_result(root: Client, sandbox: SandboxServer, world: World) -> None:
    assert 'value="https://api.test.io/customer/v2"' in _page(root, "/start/name/")
    _with_token(root, sandbox)
    page = _page(root, "/start/products/")
    assert [str(pk) in page for pk in world.product_ids()] == [True, True, True]
    chosen = world.product_ids()[:2]
    assert _send(root, "products/save", which="some", product=chosen) == "/start/sync/"
    assert "It reads 2 products of acme from top to bottom" in _page(root, "/start/sync/")
    assert not Customer.objects.get().is_active  # nobody else begins to read it meanwhile
    assert _send(root, "sync/now") == "/start/sync/"
    run = _ended()
    assert (run.status, run.trigger, str(run.requested_by)) == ("succeeded", "admin", "root")
    customer = Customer.objects.get()
    assert (customer.is_active, customer.is_default, customer.product_ids) == (True, True, sorted(chosen))
    assert set(Product.objects.values_list("pk", flat=True)) == set(chosen)
    assert _led(root, "/start/sync/") == "/start/result/"
    page = _page(root, "/start/result/")
    assert ("2 products of acme are here" in page, run.public_id in page) == (True, True)
    assert [_led(root, f"/start/{step}") for step in ("", "name/", "token/", "products/")] == [
        "/", "/start/result/", "/start/result/", "/start/result/",
    ]  # fmt: skip
    assert _led(root, "/") == "stays"


@pytest.mark.django_db(transaction=True)
def test_nobody_sees_the_token_again(root: Client, sandbox: SandboxServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    _with_token(root, sandbox)
    pages = "".join(_page(root, f"/start/{step}/") for step in ("name", "token", "products"))
    sessions = "".join(str(session.get_decoded()) for session in Session.objects.all())
    assert [sandbox.token in text for text in (pages, sessions, caplog.text, str(root.cookies))] == [False] * 4
    assert (tables_with(sandbox.token), Customer.objects.get().read_token()) == ([], sandbox.token)


def test_it_goes_on_where_it_was_left_by_anybody_who_may(root: Client, sandbox: SandboxServer) -> None:
    def another() -> Client:
        admin, _ = User.objects.get_or_create(username="admin", is_superuser=True)
        return with_session(admin)

    assert _led(another(), "/start/token/") == "/start/name/"  # too early
    _named(root, sandbox)
    assert (_led(another(), "/start/"), "Go on with it" in _page(another(), "/")) == ("/start/token/", True)
    _send(root, "token/save", token=sandbox.token)
    assert (_led(another(), "/start/"), _led(another(), "/start/sync/")) == ("/start/products/", "/start/products/")
    _send(root, "products/save", which="all")
    assert (_led(root, "/start/"), _led(another(), "/start/")) == ("/start/sync/", "/start/products/")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "", "api_base_url": "https://api.example.com"}, "Give the customer a name."),
        ({"name": "acme & sons", "api_base_url": "https://api.example.com"}, "Use letters, digits, hyphens"),
        ({"name": "acme", "api_base_url": "ftp://api.example.com"}, "must be an https:// address"),
        ({"name": "acme", "api_base_url": "http://api.example.com"}, "must be an https:// address"),
    ],
)
def test_a_name_or_an_address_that_cannot_be_is_refused_in_place(
    root: Client, fields: dict[str, str], sentence: str
) -> None:
    page = _page(root, _send(root, "name/save", **fields))
    assert (sentence in page, Customer.objects.exists()) == (True, False)


def test_an_address_inside_the_own_network_is_refused(root: Client, settings: Settings) -> None:
    settings.TESTIO_ALLOW_PRIVATE_ADDRESSES = False
    sent = {"name": "acme", "api_base_url": "https://127.0.0.1/customer/v2"}
    page = _page(root, _send(root, "name/save", **sent))
    assert ("aria-invalid" in page, Customer.objects.exists()) == (True, False)


@pytest.mark.parametrize("refuse", [401, 403])
def test_a_token_that_testio_refuses_is_not_stored(root: Client, sandbox: SandboxServer, refuse: int) -> None:
    _named(root, sandbox)
    sandbox.faults.set(refuse=refuse)
    page = _page(root, _send(root, "token/save", token="a-wrong-token"))
    assert f"The token was not stored. TestIO does not accept it (HTTP {refuse})." in page
    assert ("a-wrong-token" in page, Customer.objects.get().has_token) == (False, False)


def test_an_address_where_nobody_answers_is_said_to_be_one(root: Client) -> None:
    _send(root, "name/save", name="acme", api_base_url="http://127.0.0.1:9/customer/v2")
    page = _page(root, _send(root, "token/save", token="any-token"))
    assert ("TestIO could not be reached" in page, "any-token" in page) == (True, False)


def test_without_a_token_it_does_not_go_on(root: Client, sandbox: SandboxServer) -> None:
    _named(root, sandbox)
    assert "Paste the token first" in _page(root, _send(root, "token/save", token=" "))
    odd = _page(root, _send(root, "token/save", token="two words"))
    assert ("holds characters that no token has" in odd, "two words" in odd) == (True, False)


def test_back_at_the_name_another_address_takes_its_token_along(root: Client, sandbox: SandboxServer) -> None:
    _with_token(root, sandbox)
    assert _send(root, "name/save", name="acme-inc", api_base_url=sandbox.base_url) == "/start/token/"
    assert (Customer.objects.get().name, Customer.objects.get().has_token) == ("acme-inc", True)
    assert _send(root, "token/save", token="") == "/start/products/"  # the stored one is kept
    _send(root, "name/save", name="acme", api_base_url="http://127.0.0.1:9/customer/v2")
    assert (Customer.objects.count(), Customer.objects.get().has_token) == (1, False)


def test_products_are_looked_for_before_they_are_followed(root: Client, sandbox: SandboxServer) -> None:
    _with_token(root, sandbox)
    assert "Tick the products to follow" in _page(root, _send(root, "products/save", which="some"))
    page = _page(root, _send(root, "products/save", which="some", product=["999999999"]))
    assert "TestIO has no 999999999 for this token." in page
    sandbox.faults.set(refuse=401)
    page = _page(root, "/start/products/")
    assert ("The products could not be listed." in page, "Ask again" in page) == (True, True)
    assert _send(root, "products/save", which="all") == "/start/sync/"


@pytest.mark.django_db(transaction=True)
def test_a_first_sync_that_failed_says_why_and_is_tried_again(root: Client, sandbox: SandboxServer) -> None:
    _with_token(root, sandbox)
    _send(root, "products/save", which="all")
    sandbox.faults.set(refuse=401)
    _send(root, "sync/now")
    assert _ended().status == "failed"
    page = _page(root, "/start/result/")
    assert ("The first sync did not come to its end" in page, "does not accept" in page) == (True, True)
    assert _led(root, "/start/token/") == "stays"
    sandbox.faults.set(refuse=None)
    _send(root, "sync/now")
    wait_until(lambda: not SyncEvent.objects.running().exists(), "the end of the second run")
    assert "3 products of acme are here" in _page(root, "/start/result/")


def test_whoever_may_add_a_customer_and_not_see_all_becomes_its_member(sandbox: SandboxServer) -> None:
    user = User.objects.create(username="adder")
    names = ("add_customer", "view_product")
    user.user_permissions.set(Permission.objects.filter(codename__in=names, content_type__app_label="sync"))
    client = with_session(user)
    _with_token(client, sandbox)
    assert list(Customer.objects.get().members.all()) == [user]
    _send(client, "products/save", which="all")
    page = _page(client, "/start/sync/")
    assert ("Somebody who may start syncs does the rest" in page, "/start/sync/now/" in page) == (True, False)
    assert client.post("/start/sync/now/").status_code == 403
    assert not SyncEvent.objects.exists()


def test_a_site_that_is_set_up_is_left_alone(root: Client) -> None:
    customer = CustomerFactory.create(name="acme")
    ProductFactory.create(customer=customer)
    SyncEventFactory.create(customer=customer, status="succeeded", finished_at=timezone.now())
    assert (_led(root, "/start/"), _led(root, "/")) == ("/", "stays")
    response = root.post("/start/name/save/", {"name": "evil", "api_base_url": "https://evil.example"})
    assert response.headers["Location"].startswith("/start/")
    for step in ("token/save", "products/save"):
        assert _send(root, step).startswith("/start/")
    CustomerFactory.create(name="other")
    assert _send(root, "name/save", name="evil") == "/"
    assert not AuditEntry.objects.exclude(kind="login").exists()
    assert [_led(root, f"/start/{step}") for step in ("", "name/", "token/", "result/")] == ["/"] * 4
    assert sorted(Customer.objects.values_list("name", flat=True)) == ["acme", "other"]


def test_whoever_may_not_see_the_customer_finds_nothing_to_set_up() -> None:
    CustomerFactory.create(name="acme", encrypted_token=b"", is_active=False)
    user = User.objects.create(username="adder")
    user.user_permissions.set(Permission.objects.filter(codename__in=("add_customer", "view_product")))
    client = with_session(user)
    assert [_led(client, f"/start/{step}") for step in ("", "name/", "token/")] == ["/"] * 3
    assert _led(client, "/") == "stays"
