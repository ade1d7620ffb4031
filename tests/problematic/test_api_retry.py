"""Retries asked for through the API: begun at once, run in the background against the sandbox, watched to their end."""

import threading
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from problematic.models import ProblematicEvent, ProblematicMapping, RetryJob
from sync.models import Bug, Customer, Product, Test
from sync.models.process import this_process
from sync.sandbox import World
from tests.factories import CustomerFactory, ProductFactory
from tests.problematic.api import BASE, READ, RETRY, caller, errors, kind, post
from tests.problematic.factories import ProblematicEventFactory, ProblematicMappingFactory, RetryJobFactory
from tests.sync.support import wait_until

NOBODY = 2**22 + 1  # above the highest process id there can be


@pytest.fixture
def client(transactional_db: None) -> Client:
    return caller(READ, RETRY)


@pytest.fixture
def product(customer: Customer, product_id: int) -> Product:
    return ProductFactory.create(id=product_id, customer=customer)


def _mapped(product: Product, *test_ids: int) -> ProblematicEvent:
    event = ProblematicEventFactory.create(product=product)
    for test_id in test_ids:
        ProblematicMappingFactory.create(event=event, test_id=test_id)
    return event


def _watched(client: Client, started: Any) -> dict[str, Any]:
    """The job as it is when it has ended, its thread included."""
    assert started.status_code == 202
    location, job = started["Location"], started.json()
    assert location == f"{BASE}/jobs/{job['job_id']}"
    wait_until(lambda: client.get(location).json()["status"] != "running", "the end of the job")
    thread = f"retry-{job['public_id']}"
    wait_until(lambda: thread not in {each.name for each in threading.enumerate()}, "the end of the job's thread")
    ended: dict[str, Any] = client.get(location).json()
    return ended


def test_a_retry_runs_to_its_end_in_the_background_and_stores_the_tests(
    client: Client, product: Product, world: World
) -> None:
    good, *_, broken = world.test_ids()
    world.break_records([broken])
    event = _mapped(product, good, broken)
    started = post(client, f"{BASE}/events/{event}/retry", None)
    job = started.json()
    assert (job["status"], job["total"], job["event_id"], job["requested_by"]) == ("running", 2, str(event.pk), "tess")

    ended = _watched(client, started)
    reason = f"Test {broken}: TestIO still cannot read it (500). Retry once TestIO has repaired it."
    assert (ended["status"], ended["errors"]) == ("partial", [reason])
    assert (ended["tests_retried"], ended["tests_succeeded"], ended["tests_failed"]) == (2, 1, 1)
    assert ended["started_at"] <= ended["finished_at"]
    assert list(Test.objects.values_list("pk", "product")) == [(good, product.pk)]
    assert Bug.objects.filter(test=good).count() == len(world.bug_payloads(good))
    told = {each["test_id"]: each for each in client.get(f"{BASE}/events/{event}").json()["mappings"]}
    assert (told[good]["state"], told[good]["attempts"], told[good]["last_error"]) == ("succeeded", 1, "")
    assert (told[broken]["state"], told[broken]["last_error"]) == ("failed", reason)
    assert [each["outcome"] for each in told[broken]["history"]] == ["failed"]

    world.repair([broken])
    ended = _watched(client, post(client, f"{BASE}/events/{event}/retry", None))
    assert (ended["status"], ended["total"], ended["errors"]) == ("succeeded", 1, [])
    assert set(Test.objects.values_list("pk", flat=True)) == {good, broken}


def test_a_retry_can_be_about_one_product_or_all(client: Client, product: Product, world: World) -> None:
    first, second, *_ = world.test_ids()
    _mapped(product, first)
    _mapped(product, second)
    other = ProductFactory.create(customer=product.customer)
    elsewhere = _mapped(other, NOBODY)
    ended = _watched(client, post(client, f"{BASE}/retry", {"product_id": product.pk}))
    assert (ended["status"], ended["event_id"], ended["tests_succeeded"]) == ("succeeded", None, 2)
    ended = _watched(client, post(client, f"{BASE}/retry", {"all": True}))
    assert (ended["status"], ended["total"], ended["tests_failed"]) == ("partial", 1, 1)
    assert [mapping.state for mapping in elsewhere.mappings.all()] == ["failed"]


@pytest.mark.parametrize("is_stored", [False, True])
def test_a_retry_of_nothing_is_refused_with_the_reason(client: Client, product: Product, *, is_stored: bool) -> None:
    event = _mapped(product, *([5] if is_stored else []))
    ProblematicMapping.objects.update(state="succeeded")
    what = "Everything mapped there is stored already" if is_stored else "Nothing is mapped there"
    for address, body in [(f"/events/{event}/retry", None), ("/retry", {"all": True})]:
        response = post(client, BASE + address, body)
        assert kind(response) == (409, "nothing-to-do")
        assert response.json()["title"] == "There is nothing to do"
        assert response.json()["detail"] == f"{what}, so nothing was retried."
    assert not RetryJob.objects.exists()


def test_what_is_left_of_a_resolved_event_is_retried_when_it_is_named_and_said_otherwise(
    client: Client, product: Product, world: World
) -> None:
    first, second, *_ = world.test_ids()
    _mapped(product, first)
    resolved = _mapped(product, second)
    ended = {"status": "resolved", "resolved_at": timezone.now(), "resolution": "It was read through."}
    ProblematicEvent.objects.filter(pk=resolved.pk).update(**ended)
    left_out = f"Left out 1 test mapped to events that are no longer open ({resolved}): name the event to retry it."
    job = _watched(client, post(client, f"{BASE}/retry", {"product_id": product.pk}))
    assert (job["status"], job["tests_succeeded"], job["errors"], job["notes"]) == ("succeeded", 1, [], [left_out])
    job = _watched(client, post(client, f"{BASE}/events/{resolved}/retry", None))
    assert (job["status"], job["tests_succeeded"], job["notes"]) == ("succeeded", 1, [])


def test_a_job_that_cannot_be_done_says_why(client: Client) -> None:
    event = _mapped(ProductFactory.create(customer__name="tokenless"), 5)
    ended = _watched(client, post(client, f"{BASE}/events/{event}/retry", None))
    reason = "Customer tokenless has no API token. Set one in the admin, then retry."
    assert (ended["status"], ended["errors"]) == ("failed", [reason])
    assert [mapping.state for mapping in event.mappings.all()] == ["queued"]


def test_what_somebody_is_retrying_right_now_is_not_retried_again(client: Client) -> None:
    claimed = {"state": "running", "claimed_by": "here/1/1", "claimed_at": timezone.now(), **this_process()}
    mapping = ProblematicMappingFactory.create(**claimed)
    for address, body in [(f"/events/{mapping.event}/retry", None), ("/retry", {"all": True})]:
        response = post(client, BASE + address, body)
        assert kind(response) == (409, "already-claimed")
    assert not RetryJob.objects.exists()


def test_what_a_running_job_is_about_is_not_retried_again_and_the_job_is_named(client: Client) -> None:
    mapping = ProblematicMappingFactory.create()
    job = RetryJobFactory.create(mapping_ids=[mapping.pk])
    for address, body in [(f"/events/{mapping.event}/retry", None), ("/retry", {"all": True})]:
        response = post(client, BASE + address, body)
        assert kind(response) == (409, "already-claimed")
        said = f"Everything mapped there is being retried by {job} right now. Wait for the result."
        assert response.json()["detail"] == said
    assert RetryJob.objects.get() == job


def test_a_claim_whose_worker_died_does_not_stand_in_the_way(client: Client, product: Product, world: World) -> None:
    event = _mapped(product, next(iter(world.test_ids())))
    left = {"state": "running", "claimed_by": "here/1/1", "claimed_at": timezone.now(), **this_process(), "pid": NOBODY}
    ProblematicMapping.objects.update(**left)
    ended = _watched(client, post(client, f"{BASE}/events/{event}/retry", None))
    assert (ended["status"], ended["tests_succeeded"]) == ("succeeded", 1)


def test_an_event_that_is_no_longer_open_is_not_retried(client: Client) -> None:
    ended = {"status": "cleared", "resolved_at": timezone.now(), "resolution": "Cleared by tess."}
    response = post(client, f"{BASE}/events/{ProblematicEventFactory.create(**ended)}/retry", None)
    assert kind(response) == (409, "not-open")
    assert not RetryJob.objects.exists()


def test_a_product_outside_its_customers_filter_is_refused(client: Client) -> None:
    product = ProductFactory.create(customer=CustomerFactory.create(name="acme", product_ids=[7]))
    event = _mapped(product, 5)
    expected = f"Product {product.pk} is outside the filter of customer acme, which allows 7."
    for address, body in [(f"/events/{event}/retry", None), ("/retry", {"product_id": product.pk})]:
        response = post(client, BASE + address, body)
        assert (kind(response), response.json()["detail"]) == ((409, "impossible"), expected)
    assert not RetryJob.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"all": False}, "body"),
        ({"all": True, "product_id": 1}, "body"),
        ({"all": "yes"}, "all"),
        ({"product_id": "1"}, "product_id"),
        ({"event": "evt_1", "all": True}, "event"),
    ],
)
def test_an_order_that_says_not_what_to_retry_is_refused(client: Client, body: object, field: str) -> None:
    response = post(client, f"{BASE}/retry", body)
    assert (kind(response), list(errors(response))) == ((422, "invalid"), [field])


def test_an_order_for_a_product_that_is_not_here_names_it(client: Client) -> None:
    response = post(client, f"{BASE}/retry", {"product_id": 1})
    assert (kind(response), list(errors(response))) == ((404, "not-found"), ["product_id"])


def test_a_job_whose_process_died_is_told_as_interrupted(client: Client) -> None:
    job = RetryJobFactory.create(pid=NOBODY)
    told = client.get(f"{BASE}/jobs/{job}").json()
    assert (told["status"], told["finished_at"] is None) == ("interrupted", False)


def test_a_job_of_a_living_process_is_still_running(client: Client) -> None:
    RetryJobFactory.create(pid=NOBODY)
    job = RetryJobFactory.create(mapping_ids=[1, 2], tests_retried=1, tests_failed=1, errors=["Test 5: gone."])
    told = client.get(f"{BASE}/jobs/{job.pk}").json()
    assert (told["status"], told["total"], told["tests_retried"], told["errors"]) == (
        "running",
        2,
        1,
        ["Test 5: gone."],
    )
    assert (told["errors"], told["finished_at"]) == (["Test 5: gone."], None)


def test_a_job_that_is_not_there_is_not_found(client: Client) -> None:
    assert kind(client.get(f"{BASE}/jobs/job_ffff")) == (404, "not-found")
