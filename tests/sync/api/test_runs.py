"""Starting, watching and stopping runs, and how everything stands, as programs have it."""

from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from sync.models import Customer, Product, SyncEvent, SyncPhase
from sync.models.status import Status
from sync.sandbox import SandboxServer, World
from sync.schemas import runs as schemas
from tests.factories import CustomerFactory, ProductFactory
from tests.sync.api.calling import V1, as_published, reader, refusal, rows
from tests.sync.support import make_customer, sync, wait_until, world_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return world_of(tests=30, products=2)


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("ops"))
    return client


def _post(client: Client, address: str, body: dict[str, Any] | None = None) -> Any:
    return client.post(f"{V1}{address}", data=body or {}, content_type="application/json")


def _ended(event_id: str) -> SyncEvent:
    wait_until(lambda: SyncEvent.objects.get(pk=event_id).finished_at is not None, "the end of the run")
    return SyncEvent.objects.get(pk=event_id)


def _run(customer: Customer, **fields: Any) -> SyncEvent:
    ended = {"status": "succeeded", "finished_at": datetime.now(UTC)}
    return SyncEvent.objects.create(customer=customer, host="here", **{**ended, **fields})


@pytest.mark.django_db(transaction=True)
def test_a_sync_is_started_watched_and_read_back(operator: Client, sandbox: SandboxServer, world: World) -> None:
    make_customer(sandbox, is_default=True)
    answer = _post(operator, "/sync")
    begun = answer.json()
    assert (answer.status_code, begun["status"], begun["trigger"], begun["requested_by"]) == (
        202, "running", "api", "ops",
    )  # fmt: skip
    assert _ended(begun["event_id"]).status == "succeeded"
    told = as_published(operator.get(answer["Location"]), schemas.RunDetail)
    assert (told["status"], told["tests_new"]) == ("succeeded", 30)
    assert {phase["name"] for phase in told["phases"]} >= {"products", "features", "tests", "bugs"}
    assert rows(operator.get(f"{V1}/sync/events"), "events")[0]["public_id"] == begun["public_id"]


@pytest.mark.django_db(transaction=True)
def test_a_run_is_cancelled_and_says_by_whom(operator: Client, sandbox: SandboxServer) -> None:
    make_customer(sandbox, is_default=True)
    sandbox.faults.set(latency_ms=200)
    begun = _post(operator, "/sync").json()
    assert _post(operator, f"/sync/events/{begun['public_id']}/cancel").status_code == 202
    run = _ended(begun["event_id"])
    assert (run.status, run.error) == ("cancelled", "Cancelled by ops; what was stored before stays.")
    again = _post(operator, f"/sync/events/{begun['public_id']}/cancel")
    assert (again.status_code, again.json()["type"]) == (409, "/problems/impossible")


def test_a_dry_run_starts_nothing(operator: Client) -> None:
    customer = CustomerFactory.create(name="acme", is_default=True)
    ProductFactory.create(pk=12, customer=customer, name="Shop")
    answer = _post(operator, "/sync", {"dry_run": True})
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "customer": "acme",
            "products": [{"id": 12, "name": "Shop", "last_sync": None, "action": "read everything"}],
        },
    )
    assert not SyncEvent.objects.exists()


def test_contradictions_and_customers_without_a_token_are_refused_with_a_reason(operator: Client) -> None:
    CustomerFactory.create(name="acme", is_default=True, encrypted_token=b"")
    contradiction = _post(operator, "/sync", {"mode": "incremental_only", "bugs": "all"})
    assert (contradiction.status_code, contradiction.json()["type"]) == (409, "/problems/impossible")
    without_token = _post(operator, "/sync")
    assert (without_token.status_code, "no API token" in without_token.json()["detail"]) == (409, True)
    assert not SyncEvent.objects.exists()


def test_what_a_sync_is_asked_for_is_checked_by_name(operator: Client) -> None:
    refused = _post(operator, "/sync", {"mode": "nuke", "since": "Q3 2024", "speed": "fast"})
    assert set(refusal(refused)) == {"mode", "since", "speed"}


def test_products_that_are_not_the_customers_are_named(operator: Client) -> None:
    customer = ProductFactory.create(pk=12, customer__name="acme", customer__is_default=True).customer
    answer = _post(operator, "/sync", {"product_ids": [12, 999_999], "dry_run": True})
    assert (answer.status_code, answer.json()["errors"]) == (
        404,
        [{"field": "product_ids.1", "reason": f"Customer {customer} has no product 999999."}],
    )


@pytest.mark.django_db(transaction=True)
def test_a_second_sync_a_moment_after_the_first_is_told_to_wait(operator: Client, sandbox: SandboxServer) -> None:
    customer = make_customer(sandbox, is_default=True)
    sync(customer)
    sandbox.faults.set(latency_ms=300)
    first, second = _post(operator, "/sync"), _post(operator, "/sync")
    assert (first.status_code, second.status_code, second.json()["type"]) == (202, 409, "/problems/busy")
    assert int(second["Retry-After"]) >= 1
    _ended(first.json()["event_id"])
    assert SyncEvent.objects.count() == 2


@pytest.mark.parametrize("query", ["status=succeeded&status=partial", "status=succeeded,partial"])
def test_several_values_are_repeated_or_separated_by_commas(operator: Client, query: str) -> None:
    customer = CustomerFactory.create()
    _run(customer)
    _run(customer, status="partial")
    _run(customer, status="failed")
    shown = rows(operator.get(f"{V1}/sync/events?{query}"), "events")
    assert sorted(row["status"] for row in shown) == ["partial", "succeeded"]


def test_only_an_operator_starts_and_cancels(operator: Client) -> None:
    run = _run(CustomerFactory.create(name="acme"))
    viewer = reader()
    assert _post(viewer, "/sync").status_code == 403
    assert _post(viewer, f"/sync/events/{run.public_id}/cancel").status_code == 403


def test_runs_of_other_customers_do_not_exist(operator: Client) -> None:
    ours, theirs = CustomerFactory.create(name="ours"), CustomerFactory.create(name="theirs")
    mine, other = _run(ours), _run(theirs)
    viewer = reader(ours)
    shown = viewer.get(f"{V1}/sync/events?count=true").json()
    assert ([row["public_id"] for row in shown["events"]], shown["count"]) == ([mine.public_id], 1)
    assert viewer.get(f"{V1}/sync/events/{other.event_id}").status_code == 404
    standing = as_published(viewer.get(f"{V1}/sync/status"), schemas.SyncStatus)
    assert [each["customer"] for each in standing["customers"]] == ["ours"]


def test_runs_are_filtered_and_paged(operator: Client) -> None:
    customer = CustomerFactory.create(name="acme")
    begun = [_run(customer, started_at=datetime(2026, 3, day, tzinfo=UTC)) for day in (1, 2, 3)]
    _run(customer, status="failed", started_at=datetime(2026, 3, 4, tzinfo=UTC))
    address = f"{V1}/sync/events?status=succeeded&limit=2"
    first = operator.get(address).json()
    second = operator.get(f"{address}&cursor={first['next_cursor']}").json()
    shown = [row["event_id"] for row in first["events"] + second["events"]]
    assert shown == [str(run.event_id) for run in reversed(begun)]
    assert second["next_cursor"] is None
    since = operator.get(f"{V1}/sync/events?since=2026-03-02&until=2026-03-03").json()
    assert [row["event_id"] for row in since["events"]] == [str(begun[2].event_id), str(begun[1].event_id)]


@pytest.mark.parametrize("address", ["/sync/events", "/sync/status", "/diagnostics"])
def test_the_number_of_statements_does_not_grow(operator: Client, address: str) -> None:
    counted = []
    for size in (1, 3, 50):
        while Customer.objects.count() < size:
            _run(ProductFactory.create().customer)
        operator.get(f"{V1}{address}")
        with CaptureQueriesContext(connection) as statements:
            assert operator.get(f"{V1}{address}").status_code == 200
        counted.append(len(statements))
    assert counted[0] == counted[1] == counted[2]


def test_the_standing_of_every_product_is_told(operator: Client) -> None:
    product: Product = ProductFactory.create(name="Shop")
    told = as_published(operator.get(f"{V1}/sync/status"), schemas.SyncStatus)
    (standing,) = told["customers"]
    assert [each["id"] for each in standing["products"]] == [product.pk]
    assert operator.get(f"{V1}/sync/status?customer=nobody").status_code == 404


def test_diagnostics_add_up_what_the_caller_may_see(operator: Client) -> None:
    ours, theirs = ProductFactory.create().customer, ProductFactory.create().customer
    _run(ours)
    _run(ours, status="failed")
    _run(theirs)
    told = as_published(reader(ours).get(f"{V1}/diagnostics"), schemas.Diagnostics)
    assert (told["counts"]["customers"], told["counts"]["products"], told["database_bytes"]) == (1, 1, None)
    assert told["runs_last_24_hours"] == {
        "succeeded": 1, "partial": 0, "failed": 1, "interrupted": 0, "cancelled": 0, "success_rate": 0.5,
    }  # fmt: skip
    everything = as_published(operator.get(f"{V1}/diagnostics"), schemas.Diagnostics)
    assert everything["counts"]["customers"] == 2
    assert everything["database_bytes"] > 0


def test_published_words_are_those_of_the_models() -> None:
    assert set(get_args(schemas.RunStatus)) == set(Status.values)
    assert set(get_args(schemas.Trigger)) == set(SyncEvent.Trigger.values)
    assert set(get_args(schemas.Mode)) == set(SyncEvent.Mode.values)
    assert set(get_args(schemas.PhaseName)) == set(SyncPhase.Name.values)
