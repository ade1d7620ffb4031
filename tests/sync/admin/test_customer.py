from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from sync.models import Bug, Customer
from sync.models.process import this_process
from tests.factories import BugFactory, CustomerFactory, ProductFactory, SyncLeaseFactory
from tests.sync.admin.pages import list_page, page, shown

pytestmark = pytest.mark.django_db

TOKEN = "a-token-nobody-sees"
ADD = "admin:sync_customer_add"


def _customer(**values: Any) -> Customer:
    customer = CustomerFactory.build(**values)
    customer.set_token(TOKEN)
    customer.save()
    return customer


def _form(customer: Customer | None = None, **changes: str) -> dict[str, str]:
    """What the browser sends for this customer; a change to "" unticks a box."""
    stored = customer or Customer(name="new", api_base_url="https://api.example.com/v2")
    fields = {
        "name": stored.name,
        "api_base_url": stored.api_base_url,
        "product_ids": ",".join(map(str, stored.product_ids)),
        "is_active": "on" if stored.is_active else "",
        "is_default": "on" if stored.is_default else "",
        "api_token": "",
        **changes,
    }
    return {name: value for name, value in fields.items() if value or not name.startswith("is_")}


def _save(client: Client, customer: Customer, **changes: str) -> dict[str, list[str]]:
    """The errors of the form; none when it was saved."""
    response = client.post(page(Customer, customer.pk), _form(customer, **changes))
    errors = {} if response.status_code == 302 else dict(response.context["adminform"].form.errors)
    customer.refresh_from_db()
    return errors


def test_a_customer_is_added_with_its_token(admin_client: Client) -> None:
    sent = _form(api_token=TOKEN, product_ids="7, 9")
    assert admin_client.post(reverse(ADD), sent).status_code == 302
    added = Customer.objects.get()
    assert (added.name, added.product_ids, added.read_token()) == ("new", [7, 9], TOKEN)


def test_a_customer_is_not_added_without_a_token(admin_client: Client) -> None:
    response = admin_client.post(reverse(ADD), _form())
    assert dict(response.context["adminform"].form.errors) == {
        "api_token": ["A new customer needs its token: nothing can be read without it."]
    }


def test_an_empty_token_keeps_the_stored_one(admin_client: Client) -> None:
    customer = _customer()
    assert _save(admin_client, customer, product_ids="5") == {}
    assert (customer.product_ids, customer.read_token()) == ([5], TOKEN)


def test_a_new_token_replaces_the_stored_one(admin_client: Client) -> None:
    customer = _customer()
    assert _save(admin_client, customer, api_token=" another-token \n") == {}
    assert customer.read_token() == "another-token"


def test_a_token_with_a_blank_inside_is_refused_and_not_shown_again(admin_client: Client) -> None:
    customer = _customer()
    response = admin_client.post(page(Customer, customer.pk), _form(customer, api_token="two secret-words"))
    assert list(response.context["adminform"].form.errors) == ["api_token"]
    assert "secret-words" not in response.content.decode()


def test_no_page_shows_the_token_sealed_or_not(admin_client: Client) -> None:
    customer = _customer()
    _save(admin_client, customer, api_token=TOKEN)
    addresses = [list_page(Customer), *(page(Customer, customer.pk, kind) for kind in ("change", "history", "delete"))]
    pages = "".join(shown(admin_client, address) for address in addresses)
    sealed = bytes(customer.encrypted_token)
    assert [secret for secret in (TOKEN, sealed.decode(), sealed.hex()) if secret in pages] == []


def test_whoever_may_only_view_a_customer_sees_no_token(client: Client) -> None:
    customer = _customer()
    viewer = User.objects.create(username="viewer", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_customer"))
    customer.members.add(viewer)
    client.force_login(viewer)
    seen = shown(client, page(Customer, customer.pk))
    assert (TOKEN in seen, bytes(customer.encrypted_token).decode() in seen) == (False, False)
    assert client.post(page(Customer, customer.pk), _form(customer)).status_code == 403


def test_the_stored_token_is_not_sent_to_another_address(admin_client: Client) -> None:
    customer = _customer()
    errors = _save(admin_client, customer, api_base_url="https://elsewhere.example.com")
    assert errors == {"api_token": ["The address has changed. Enter the token that belongs to the new one."]}
    moved = _save(admin_client, customer, api_base_url="https://elsewhere.example.com", api_token="its-token")
    assert (moved, customer.read_token()) == ({}, "its-token")


def test_saving_writes_nothing_that_a_sync_may_have_written_meanwhile(admin_client: Client) -> None:
    customer = _customer()
    with CaptureQueriesContext(connection) as captured:
        assert _save(admin_client, customer, product_ids="5") == {}
    writes = [query["sql"] for query in captured.captured_queries if query["sql"].startswith('UPDATE "sync_customer"')]
    assert ["api_paused_until" in sql for sql in writes] == [False]


def test_choosing_another_default_moves_the_mark(admin_client: Client) -> None:
    first, second = _customer(is_default=True), _customer()
    assert _save(admin_client, second, is_default="on") == {}
    first.refresh_from_db()
    assert (first.is_default, second.is_default) == (False, True)


def test_the_default_stays_the_default_when_something_else_is_saved(admin_client: Client) -> None:
    customer = _customer(is_default=True)
    assert _save(admin_client, customer, product_ids="1") == {}
    assert customer.is_default


def test_the_mark_can_be_taken_away(admin_client: Client) -> None:
    customer = _customer(is_default=True)
    assert _save(admin_client, customer, is_default="") == {}
    assert not customer.is_default


def test_a_customer_that_is_switched_off_cannot_be_the_default(admin_client: Client) -> None:
    customer = _customer(is_default=True)
    errors = _save(admin_client, customer, is_active="")
    assert errors == {"is_default": ["A customer that is switched off cannot be the default. Switch it on as well."]}
    assert customer.is_active


def test_a_name_that_is_taken_is_an_error_of_the_form(admin_client: Client) -> None:
    taken, customer = _customer(), _customer()
    assert list(_save(admin_client, customer, name=taken.name)) == ["name"]


def test_the_address_cannot_ask_about_the_sealed_token(admin_client: Client) -> None:
    _customer()
    assert admin_client.get(list_page(Customer), {"encrypted_token__gt": "a"}).status_code == 400


def test_deleting_a_customer_says_what_goes_and_takes_everything_along(admin_client: Client) -> None:
    bug = BugFactory.create()
    customer = bug.product.customer
    delete = page(Customer, customer.pk, "delete")
    counts = dict(admin_client.get(delete).context["model_count"])
    assert counts == {"products": 1, "tests": 1, "bugs": 1, "sync runs": 0}
    assert admin_client.post(delete, {"post": "yes"}).status_code == 302
    assert (Customer.objects.exists(), Bug.objects.exists()) == (False, False)


def test_a_customer_that_is_being_synced_is_not_deleted(admin_client: Client) -> None:
    product = ProductFactory.create()
    SyncLeaseFactory.create(product=product, holder=uuid4(), acquired_at=Now(), heartbeat_at=Now(), **this_process())
    delete = page(Customer, product.customer_id, "delete")
    response = admin_client.post(delete, {"post": "yes"}, follow=True)
    said = [str(message) for message in response.context["messages"]]
    assert [sentence.split(" Retry in ")[0] for sentence in said] == ["The customer was not deleted. Sync in progress."]
    assert Customer.objects.filter(pk=product.customer_id).exists()
