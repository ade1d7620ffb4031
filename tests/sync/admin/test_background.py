"""What the admin shows of background work, and what can be done about it there."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.db.models.functions import Now
from django.test import Client
from django.urls import reverse

from sync.models import Customer, Product, SyncEvent, SyncLease
from sync.models.process import this_process
from sync.models.status import Status
from tests.factories import ProductFactory, SyncEventFactory, SyncLeaseFactory, SyncPhaseFactory, WatcherFactory
from tests.sync.admin.pages import list_page, listed, page, shown
from tests.sync.refresh.rows import HOUR, change, customer_with_token, product_due, stored, wait_of

pytestmark = pytest.mark.django_db

NOBODY: dict[str, Any] = {**this_process(), "process_started": 1.0}


def messages_of(client: Client, address: str) -> list[str]:
    return [str(message) for message in client.get(address).context["messages"]]


def staff_with(*permissions: str) -> Client:
    user = User.objects.create(username="staff", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=[*permissions, "see_all_customers"]))
    client = Client()
    client.force_login(user)
    return client


# Runs ----------------------------------------------------------------------------------------------------------------


def address_of(run: SyncEvent, view: str) -> str:
    return reverse(f"admin:sync_syncevent_{view}", args=[run.pk])


def test_a_running_sync_shows_how_far_it_has_come_and_asks_again(admin_client: Client) -> None:
    run = SyncEventFactory.create()
    phase = SyncPhaseFactory.create(event=run, seen=41, api_calls=3)
    for address in (page(SyncEvent, run.pk), address_of(run, "progress")):
        seen = shown(admin_client, address)
        assert "41 records read in 1 phase, 3 API calls, 0 gaps" in seen
        assert f"{phase.product}: tests, 41 read" in re.sub(r"\s+", " ", seen)
        assert f'hx-get="{address_of(run, "progress")}" hx-trigger="every 2s"' in seen


def test_a_page_whose_run_has_ended_loads_itself_anew(admin_client: Client, client: Client) -> None:
    run = SyncEventFactory.create(status=Status.SUCCEEDED, finished_at=Now())
    answer = admin_client.get(address_of(run, "progress"))
    assert (answer.status_code, answer.headers["HX-Refresh"]) == (200, "true")
    assert "hx-get" not in shown(admin_client, page(SyncEvent, run.pk)).partition('id="progress"')[2].partition(">")[0]
    assert client.get(address_of(run, "progress")).status_code == 403


def test_cancelling_asks_first_and_then_marks_the_run(admin_client: Client) -> None:
    run = SyncEventFactory.create()
    assert address_of(run, "cancel") in shown(admin_client, page(SyncEvent, run.pk))
    assert "will finish the page in hand and stop" in shown(admin_client, address_of(run, "cancel"))
    run.refresh_from_db()
    assert run.cancel_requested_at is None
    answer = admin_client.post(address_of(run, "cancel"))
    assert answer.headers["Location"] == page(SyncEvent, run.pk)
    run.refresh_from_db()
    assert (run.cancel_requested_at is not None, str(run.cancel_requested_by)) == (True, "admin")
    assert "asked to stop by admin" in re.sub(r"\s+", " ", shown(admin_client, page(SyncEvent, run.pk)))


def test_a_run_that_has_ended_is_said_to_have_ended(admin_client: Client) -> None:
    run = SyncEventFactory.create(status=Status.SUCCEEDED, finished_at=Now())
    admin_client.post(address_of(run, "cancel"))
    assert messages_of(admin_client, page(SyncEvent, run.pk)) == [f"Run {run} had ended before."]


def test_who_may_only_look_cannot_cancel() -> None:
    run, client = SyncEventFactory.create(), staff_with("view_syncevent")
    assert address_of(run, "cancel") not in shown(client, page(SyncEvent, run.pk))
    assert client.post(address_of(run, "cancel")).status_code == 403
    run.refresh_from_db()
    assert run.cancel_requested_at is None


# Leases --------------------------------------------------------------------------------------------------------------


def held_by(owner: dict[str, Any]) -> SyncLease:
    product = product_due(-HOUR)
    return SyncLeaseFactory.create(
        product=product, holder=uuid4(), acquired_at=Now() - timedelta(seconds=65), heartbeat_at=Now(), **owner
    )


def release(client: Client, *leases: SyncLease) -> list[str]:
    sent = {"action": "release", "_selected_action": [lease.pk for lease in leases]}
    client.post(list_page(SyncLease), sent)
    return messages_of(client, list_page(SyncLease))


def test_a_lease_shows_how_long_it_is_held_and_how_long_its_holder_may_be_silent(admin_client: Client) -> None:
    held_by(this_process())
    seen = shown(admin_client, list_page(SyncLease))
    assert "1\xa0min\xa005\xa0s" in seen
    assert re.search(r"\b(600|599)\b", seen)


def test_the_lease_of_a_dead_holder_is_released_and_its_product_is_due(admin_client: Client) -> None:
    lease = held_by(NOBODY)
    assert release(admin_client, lease) == ["Released 1 of 1 leases; their products are due at once."]
    lease.refresh_from_db()
    assert lease.holder is None
    assert wait_of(lease.product) <= timedelta()


def test_the_lease_of_a_living_holder_is_not_released_and_it_says_why(admin_client: Client) -> None:
    lease = held_by(this_process())
    [said] = release(admin_client, lease)
    assert said.startswith(f"Product {lease.pk} was not released: process {lease.pid} on ")
    assert said.endswith("is writing it and lives. Cancel its run instead.")
    lease.refresh_from_db()
    assert lease.holder is not None


def test_a_free_lease_needs_no_release_and_who_may_only_look_cannot_do_it(admin_client: Client) -> None:
    free, dead = SyncLeaseFactory.create(), held_by(NOBODY)
    assert release(admin_client, free) == ["Nothing to release: nobody holds what you chose."]
    release(staff_with("view_synclease"), dead)
    dead.refresh_from_db()
    assert dead.holder is not None


# What is due ---------------------------------------------------------------------------------------------------------


def test_products_are_listed_by_how_they_stand_as_they_come_due(admin_client: Client) -> None:
    customer = customer_with_token()
    late, later = product_due(HOUR, customer=customer), product_due(2 * HOUR, customer=customer)
    waiting = product_due(-HOUR, customer=customer, failures=2, last_outcome="failed", last_error="No answer.")
    paused = product_due(customer=customer_with_token())
    Customer.objects.filter(pk=paused.customer_id).update(paused_at=Now(), paused_reason="Refused.")
    address = list_page(Product)
    found = {key: listed(admin_client, f"{address}?refresh={key}") for key in ("due", "next", "failing", "paused")}
    assert found == {
        "due": [later.pk, late.pk], "next": [waiting.pk], "failing": [waiting.pk], "paused": [paused.pk],
    }  # fmt: skip
    assert "No answer." in shown(admin_client, page(Product, waiting.pk))


def test_a_product_says_whether_it_is_due_waits_or_is_left_alone(admin_client: Client) -> None:
    product_due(-2 * HOUR, name="Waits")
    change(product_due(name="At work"), claimed_at=Now())
    product_due(name="Its time has come")
    ProductFactory.create(name="Without a token")
    seen = re.sub(r"<[^>]*>|\s", " ", shown(admin_client, list_page(Product)))
    found = re.findall(
        r"(handed to a worker|\bdue\b|in \d+\s+hours?)", seen.partition("Next sync")[2].partition("Without a token")[0]
    )
    assert [" ".join(each.split()) for each in found] == ["handed to a worker", "due", "in 1 hour"]


def test_chosen_products_are_refreshed_now(admin_client: Client) -> None:
    product, left_out = product_due(-HOUR), ProductFactory.create()
    sent = {"action": "refresh_now", "_selected_action": [product.pk, left_out.pk]}
    admin_client.post(list_page(Product), sent)
    assert [said.partition(":")[0].partition(";")[0] for said in messages_of(admin_client, list_page(Product))] == [
        "1 of 2 chosen products are due at once",
        "1 are not refreshed in the background",
    ]
    assert wait_of(product) <= timedelta()


def test_who_may_only_look_cannot_have_products_refreshed() -> None:
    product = product_due(-HOUR)
    staff_with("view_product").post(list_page(Product), {"action": "refresh_now", "_selected_action": product.pk})
    assert wait_of(product) > HOUR / 2


# Customers -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def paused() -> Customer:
    product = product_due(-HOUR, failures=3)
    change(product, failures=3)
    Customer.objects.filter(pk=product.customer_id).update(paused_at=Now(), paused_reason="TestIO refused the token.")
    return Customer.objects.get()


def test_a_paused_customer_says_why_and_is_resumed_with_everything_due(admin_client: Client, paused: Customer) -> None:
    seen = shown(admin_client, page(Customer, paused.pk))
    assert "TestIO refused the token. A new token ends the pause by itself." in seen
    assert "paused" in shown(admin_client, list_page(Customer))
    resume = page(Customer, paused.pk, "resume")
    assert resume in seen
    admin_client.get(resume)
    assert Customer.objects.get().paused_at is not None
    admin_client.post(resume)
    customer, product = Customer.objects.get(), Product.objects.get()
    assert (customer.paused_at, customer.paused_reason) == (None, "")
    assert (wait_of(product) <= timedelta(), stored(product).failures) == (True, 0)
    assert "resume" not in shown(admin_client, page(Customer, paused.pk))


def test_a_new_token_in_the_admin_resumes_the_customer(admin_client: Client, paused: Customer) -> None:
    form = {"name": paused.name, "api_base_url": paused.api_base_url, "is_active": "on", "refresh_interval": "60"}
    admin_client.post(page(Customer, paused.pk), form | {"api_token": ""})
    assert Customer.objects.get().paused_at is not None
    assert admin_client.post(page(Customer, paused.pk), form | {"api_token": "a-new-token"}).status_code == 302
    customer = Customer.objects.get()
    assert (customer.paused_at, customer.refresh_interval) == (None, 60)
    assert wait_of(Product.objects.get()) <= timedelta()


def test_who_may_not_change_customers_cannot_resume(paused: Customer) -> None:
    client = staff_with("view_customer")
    assert "resume" not in shown(client, page(Customer, paused.pk))
    assert client.post(page(Customer, paused.pk, "resume")).status_code == 403
    assert Customer.objects.get().paused_at is not None


def test_a_watcher_is_shown_with_whether_it_lives(admin_client: Client) -> None:
    WatcherFactory.create(name="one")
    WatcherFactory.create(name="two", **NOBODY)
    model = type(WatcherFactory.build())
    states = re.findall(r"\n\n(watching|gone)\n", shown(admin_client, list_page(model)))
    assert states == ["watching", "gone"]


def test_a_product_with_old_data_says_so_and_is_refreshed_for_having_been_looked_at(admin_client: Client) -> None:
    product = ProductFactory.create()
    product.customer.set_token("secret")
    product.customer.save()
    Product.objects.filter(pk=product.pk).update(next_sync_at="2999-01-01T00:00:00Z")
    page = admin_client.get(reverse("admin:sync_product_change", args=[product.pk])).content.decode()
    assert ("never read" in page, "stale" in page) == (True, True)
    assert Product.objects.filter(pk=product.pk, next_sync_at__lte=Now()).exists()
