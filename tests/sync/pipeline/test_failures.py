"""A run that meets an API, a product or another run that stands in its way."""

import logging
import re
from uuid import uuid4

import pytest
from django.db import connection

from sync import leases, summaries
from sync.models import Customer, Product, SyncEvent, SyncLease, SyncPhase, Test, TestCaseResult
from sync.pipeline import SyncBusy, SyncImpossible
from sync.sandbox import SandboxServer
from sync.sandbox.comparison import compare
from tests.sync.support import content, free_leases, sync, tables_with, versions, warnings_of

FRESHNESS = ("pk", "features_synced_at", "tests_synced_at", "bugs_synced_at", "walked_at")


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_stops_the_customer_at_once_with_one_sentence(
    customer: Customer, sandbox: SandboxServer, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    first = sandbox.world.product_ids()[0]
    # The others of the run hear of it before they ask for their tests.
    sandbox.faults.force(f"/products/{first}/exploratory_tests", status, times=50)
    sandbox.faults.when(f"/products/{first}/exploratory_tests", lambda _: sandbox.faults.set(latency_ms=200))
    event = sync(customer)
    assert event.status == "failed"
    assert event.error.count("TestIO does not accept this customer's API token") == 1
    assert f"HTTP {status}" in event.error
    assert sandbox.stats.by_status[str(status)] <= 10
    assert sandbox.stats.by_kind["bugs"] == 0
    assert set(SyncPhase.objects.filter(product=first, name="tests").values_list("status", flat=True)) == {"failed"}
    assert free_leases()
    assert sandbox.token not in caplog.text
    assert tables_with(sandbox.token) == []


@pytest.mark.parametrize("mode", [SyncEvent.Mode.INCREMENTAL, SyncEvent.Mode.NUKE])
def test_after_a_refusal_everything_stored_before_is_as_it_was(
    customer: Customer, sandbox: SandboxServer, mode: SyncEvent.Mode
) -> None:
    sync(customer)
    before, times = content(customer), list(Product.objects.order_by("pk").values_list(*FRESHNESS))
    sandbox.faults.set(refuse=401)
    sandbox.stats.reset()
    event = sync(customer, mode=mode)
    assert (event.status, sandbox.stats.total) == ("failed", 1)
    assert content(customer) == before
    assert list(Product.objects.order_by("pk").values_list(*FRESHNESS)) == times
    sandbox.faults.clear()
    assert sync(customer).status == "succeeded"


def test_a_product_that_does_not_answer_does_not_stop_the_others(customer: Customer, sandbox: SandboxServer) -> None:
    world = sandbox.world
    down, up = world.product_ids()
    sandbox.faults.force(f"/products/{down}/exploratory_tests", 503, times=6)
    event = sync(customer)
    assert event.status == "partial"
    assert event.error.startswith(f"{Product.objects.get(pk=down)}: TestIO could not answer")
    assert Test.objects.filter(product=up).count() == len(world.tests_of(up))
    assert list(_phases(down)) == [("features", "succeeded"), ("tests", "failed")]
    assert Product.objects.get(pk=down).features_synced_at is not None
    assert Product.objects.values_list("tests_synced_at", "walked_at", "bugs_synced_at").get(pk=down) == (None,) * 3
    assert free_leases()
    assert sync(customer).status == "succeeded"
    assert compare(world, customer).is_complete


def test_a_phase_that_fails_leaves_its_time_alone_and_the_next_phase_goes_on(
    customer: Customer, sandbox: SandboxServer
) -> None:
    sync(customer)
    product = Product.objects.latest("pk")
    sandbox.faults.force(f"/products/{product.pk}/features", 404)
    event = sync(customer)
    assert event.status == "partial"
    assert list(_phases(product.pk, event)) == [("features", "failed"), ("tests", "succeeded"), ("bugs", "succeeded")]
    now = Product.objects.get(pk=product.pk)
    assert now.features_synced_at == product.features_synced_at
    assert now.tests_synced_at is not None
    assert product.tests_synced_at is not None
    assert now.tests_synced_at > product.tests_synced_at


def test_results_that_cannot_be_read_cost_only_their_test_and_are_read_by_the_next_sync(
    customer: Customer, sandbox: SandboxServer
) -> None:
    world = sandbox.world
    hidden = next(pk for pk in world.test_case_tests() if world.results_payload(pk))
    sandbox.faults.force(f"/test_case_tests/{hidden}/results", 500, times=3)
    event = sync(customer)
    assert event.status == "partial"
    [said] = [sentence for sentence in warnings_of(event) if str(hidden) in sentence and "test-case" in sentence]
    assert said.startswith(f"The test-case results of test {hidden} could not be read and are tried again next time: ")
    assert not TestCaseResult.objects.filter(test=hidden).exists()
    assert sync(customer).status == "succeeded"
    assert TestCaseResult.objects.filter(test=hidden).count() == len(world.results_payload(hidden))


def test_a_database_that_drops_all_connections_in_the_middle_loses_nothing_that_was_stored(
    customer: Customer, sandbox: SandboxServer
) -> None:
    world = sandbox.world
    product_id = world.product_ids()[0]

    def drop(_: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        connection.close()

    sandbox.faults.when(f"/products/{product_id}/exploratory_tests?page=2", drop)
    event = sync(customer)
    assert event.status in ("partial", "failed")
    assert "The database did not do its part: " in event.error
    assert free_leases()
    assert sync(customer).status == "succeeded"
    assert compare(world, customer).is_complete
    assert free_leases()


def _phases(product_id: int, event: SyncEvent | None = None) -> list[tuple[str, str]]:
    phases = SyncPhase.objects.filter(product=product_id, event=event or SyncEvent.objects.latest("started_at"))
    return list(phases.exclude(name="results").order_by("pk").values_list("name", "status"))


def test_when_everything_fails_the_run_failed(customer: Customer, sandbox: SandboxServer) -> None:
    sandbox.faults.force("/products?", 503, times=100)
    sandbox.faults.force("/products", 503, times=100)
    event = sync(customer)
    assert event.status == "failed"
    assert event.error.startswith("TestIO could not answer /products (HTTP 503)")
    assert (event.products, Product.objects.count()) == (0, 0)


def test_a_busy_product_is_left_to_its_writer_and_named(customer: Customer, sandbox: SandboxServer) -> None:
    sync(customer)
    taken, free = sandbox.world.product_ids()
    before = versions(Test)
    [held], _ = leases.acquire([taken], uuid4())
    event = sync(customer, mode=SyncEvent.Mode.FULL, force=True)
    held.release()
    assert event.status == "partial"
    assert event.error.startswith("Sync in progress. Retry in ")
    assert f"(Product {taken} is being written by process " in event.error
    changed = {pk for pk, version in versions(Test)["Test"].items() if before["Test"][pk] != version}
    assert changed == set(sandbox.world.tests_of(free))


def test_when_all_products_are_busy_nothing_is_asked_and_no_run_is_opened(
    customer: Customer, sandbox: SandboxServer
) -> None:
    sync(customer)
    held, _ = leases.acquire(sandbox.world.product_ids(), uuid4())
    sandbox.stats.reset()
    with pytest.raises(SyncBusy) as busy:
        sync(customer)
    assert busy.value.retry_after >= 1
    assert re.match(rf"Sync in progress\. Retry in {busy.value.retry_after} seconds?\. ", str(busy.value))
    assert (sandbox.stats.total, SyncEvent.objects.count()) == (0, 1)
    for lease in held:
        lease.release()


def test_a_first_sync_that_finds_all_its_products_taken_is_busy_too(customer: Customer, sandbox: SandboxServer) -> None:
    """Another first sync was a moment quicker: it made the products and is writing them."""

    def be_quicker(_: object) -> None:
        ids = sandbox.world.product_ids()
        Product.objects.bulk_create([Product(pk=pk, customer=customer, name="", fingerprint=b"") for pk in ids])
        leases.acquire(ids, uuid4())
        connection.close()

    sandbox.faults.when("products", be_quicker)
    with pytest.raises(SyncBusy):
        sync(customer)
    event = SyncEvent.objects.get()
    assert event.status == "failed"
    assert event.error.startswith("Sync in progress. Retry in ")
    assert Test.objects.count() == 0


def test_a_writer_that_lost_its_lease_writes_nothing_more(customer: Customer, sandbox: SandboxServer) -> None:
    world = sandbox.world
    robbed, other = world.product_ids()

    def rob(_: object) -> None:
        SyncLease.objects.filter(pk=robbed).update(token=1_000)
        connection.close()

    sandbox.faults.when(f"/products/{robbed}/exploratory_tests?page=2", rob)
    event = sync(customer)
    assert event.status == "partial"
    assert f"Product {robbed} was taken over by another sync" in event.error
    assert Test.objects.filter(product=robbed).count() < len(world.tests_of(robbed))
    assert Test.objects.filter(product=other).count() == len(world.tests_of(other))
    assert Product.objects.get(pk=robbed).tests_synced_at is None


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"is_active": False}, "Customer acme is switched off. Activate it before syncing."),
        ({"encrypted_token": b""}, "Customer acme has no API token. Set one with `manage.py customer add`."),
        ({"encrypted_token": b"sealed elsewhere"}, "A stored API token cannot be read"),
        ({"api_base_url": "ftp://127.0.0.1/"}, "The customer's API base URL is not an address calls can be made to."),
    ],
)
def test_a_customer_that_cannot_be_synced_is_told_so_before_a_run_is_opened(
    customer: Customer, fields: dict[str, object], sentence: str
) -> None:
    for name, value in fields.items():
        setattr(customer, name, value)
    customer.save()
    with pytest.raises(SyncImpossible) as refusal:
        sync(customer)
    assert str(refusal.value).startswith(sentence)
    assert SyncEvent.objects.count() == 0


def test_a_token_no_header_can_carry_is_refused_before_a_run_is_opened(customer: Customer) -> None:
    customer.set_token("two words")
    customer.save()
    with pytest.raises(SyncImpossible) as refusal:
        sync(customer)
    assert "two words" not in str(refusal.value)
    assert SyncEvent.objects.count() == 0


def test_a_disk_that_is_full_fails_the_product_in_one_sentence_and_keeps_what_was_stored(
    customer: Customer, sandbox: SandboxServer
) -> None:
    """PostgreSQL reports a full disk as error 53100, wherever in a statement it meets it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "IF (SELECT count(*) FROM sync_test) >= 20 THEN RAISE EXCEPTION USING ERRCODE = '53100', "
            "MESSAGE = 'could not extend file: No space left on device'; END IF; RETURN NULL; END $$"
        )
        cursor.execute("CREATE TRIGGER disk_full AFTER INSERT ON sync_test EXECUTE FUNCTION disk_full()")
    try:
        event = sync(customer, product_ids=[sandbox.world.product_ids()[0]])
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION disk_full CASCADE")
    assert event.status == "failed"
    assert "The database has no room left (could not extend file: No space left on device)." in event.error
    phase = SyncPhase.objects.get(name="tests")
    assert (phase.status, phase.seen) == ("failed", Test.objects.count())
    assert 0 < Test.objects.count() < 20
    assert warnings_of(event) == []
    assert free_leases()
    sync(customer)
    assert compare(sandbox.world, customer).is_complete


def test_a_phase_that_fails_gives_its_reason_in_the_result_with_the_product_it_happened_to(
    customer: Customer, sandbox: SandboxServer
) -> None:
    first = sandbox.world.product_ids()[0]
    sandbox.faults.force(f"/products/{first}/exploratory_tests", 404, times=400)
    event = sync(customer)
    (said,) = [each for each in summaries.result(event)["warnings"] if "failed" in each]
    assert said.startswith(f"{Product.objects.get(pk=first)}: Tests failed. TestIO has nothing at ")
    assert (event.status, event.error) == ("partial", "")


def test_bugs_of_which_none_could_be_read_keep_the_time_of_the_last_that_were(
    customer: Customer, sandbox: SandboxServer
) -> None:
    sync(customer)
    before = list(Product.objects.order_by("pk").values_list("pk", "bugs_synced_at"))
    sandbox.faults.force("bugs", 500, times=2_000)
    event = sync(customer, bugs="all")
    assert set(event.phases.filter(name="bugs").values_list("status", flat=True)) == {"failed"}
    assert list(Product.objects.order_by("pk").values_list("pk", "bugs_synced_at")) == before
