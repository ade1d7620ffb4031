"""`manage.py sync`: what it says, what it returns, and that each option does what its help promises."""

import os
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from sync import leases, schedule
from sync.models import Bug, Customer, Person, Product, SyncEvent, Test
from sync.refresh import claim_due_products
from sync.sandbox import SandboxServer, World
from sync.sandbox.comparison import compare
from tests.factories import WatcherFactory
from tests.sync.commands.conftest import Manage
from tests.sync.support import calls, content, make_customer, read_later, sync, versions, world_of

KEYS = [
    "event_id", "customer", "status", "products", "features", "tests_new", "tests_updated", "bugs_new", "bugs_updated",
    "missing", "gaps", "api_calls", "seconds", "warnings",
]  # fmt: skip


def test_a_first_sync_prints_its_counts_and_ends_with_0(
    customer: Customer, sandbox: SandboxServer, manage: Manage
) -> None:
    done = manage("sync")
    assert done.code == 0
    assert "Sync of acme: succeeded" in done.stdout
    rows = [line.split("│") for line in done.stdout.splitlines() if line.startswith("│")]
    shown = {row[1].strip(): row[2].strip() for row in rows}
    assert (shown["products"], shown["tests new"], shown["bugs new"], shown["gaps"]) == ("2", "40", "120", "0")
    assert compare(sandbox.world, customer).is_complete


def test_progress_goes_to_standard_error_in_plain_lines(
    customer: Customer, sandbox: SandboxServer, manage: Manage
) -> None:
    said = [line for line in manage("sync").stderr.splitlines() if not line.startswith("{")]
    for product in Product.objects.all():
        own = [line.removeprefix(f"{product}: ") for line in said if line.startswith(f"{product}: ")]
        assert [line for line in own if line != "test-case results"] == ["Features", "Tests", "Bugs", "done"]
    assert "\x1b" not in "".join(said)


def test_json_is_one_document_with_the_promised_keys(
    customer: Customer, sandbox: SandboxServer, manage: Manage
) -> None:
    document = manage("sync", "--json").json
    assert [key for key in document if key in KEYS] == KEYS
    event = SyncEvent.objects.get()
    assert document["event_id"] == str(event.event_id)
    assert (document["customer"], document["status"]) == ("acme", "succeeded")
    assert (document["products"], document["tests_new"], document["bugs_new"]) == (2, 40, 120)
    assert (document["gaps"], document["missing"]) == (0, 0)
    assert document["api_calls"] == sandbox.stats.total
    assert document["seconds"] > 0
    assert all("no longer has" in warning for warning in document["warnings"])


def test_gaps_end_with_3_and_are_named(customer: Customer, sandbox: SandboxServer, manage: Manage) -> None:
    sandbox.world.break_some(tests=1)
    done = manage("sync")
    assert done.code == 3
    assert "Sync of acme: partial" in done.stdout
    assert " cannot be read." in done.stdout
    again = manage("sync", "--full", "--json")
    assert (again.code, again.json["status"], again.json["gaps"]) == (3, "partial", 1)


def test_full_finds_what_disappeared(customer: Customer, sandbox: SandboxServer, manage: Manage) -> None:
    sync(customer)
    deleted = sandbox.world.tests_of(sandbox.world.product_ids()[0])[-1]
    sandbox.world.delete_test(deleted)
    result = manage("sync", "--full", "--json").json
    assert result["missing"] >= 1
    assert SyncEvent.objects.latest("started_at").mode == "full"
    assert Test.objects.get(pk=deleted).missing_since is not None


def test_incremental_only_looks_for_new_tests_and_nothing_else(
    customer: Customer, sandbox: SandboxServer, manage: Manage
) -> None:
    sync(customer)
    sandbox.world.insert_tests(sandbox.world.product_ids()[1], 1, bugs=1)
    made = calls(sandbox, lambda: manage("sync", "--incremental-only"))
    assert set(made) == {"products", "tests"}
    assert (Test.objects.count(), Bug.objects.count()) == (41, 120)


def test_force_rewrites_unchanged_rows(customer: Customer, sandbox: SandboxServer, manage: Manage) -> None:
    sync(customer)
    before = versions(Test, Bug)
    result = manage("sync", "--force", "--json").json
    assert (result["tests_updated"], result["bugs_updated"]) == (40, 120)
    after = versions(Test, Bug)
    assert all(after[table][pk] != version for table, rows in before.items() for pk, version in rows.items())


def test_no_bugs_leaves_bugs_alone_and_refresh_bugs_reads_them_all(
    customer: Customer, sandbox: SandboxServer, manage: Manage
) -> None:
    assert manage("sync", "--no-bugs").code == 0
    assert (Test.objects.count(), Bug.objects.count()) == (40, 0)
    assert "bugs" not in calls(sandbox, lambda: manage("sync", "--no-bugs"))
    assert manage("sync", "--json").json["bugs_new"] == 120
    assert "bugs" not in calls(sandbox, lambda: manage("sync"))
    asked = calls(sandbox, lambda: manage("sync", "--refresh-bugs"))
    assert asked["bugs"] >= 2


def test_product_ids_and_since_limit_what_is_read(customer: Customer, sandbox: SandboxServer, manage: Manage) -> None:
    wanted = sandbox.world.product_ids()[1]
    result = manage("sync", "--product-ids", str(wanted), "--since", "60 days ago", "--json").json
    assert (result["products"], result["status"]) == (1, "succeeded")
    begin = datetime.now(UTC) - timedelta(days=61)
    assert set(Test.objects.values_list("product_id", flat=True)) == {wanted}
    assert not Test.objects.filter(end_at__lt=begin).exists()
    assert Product.objects.get(pk=wanted).walked_since == (datetime.now(UTC) - timedelta(days=60)).date()


def test_nuke_empties_only_that_customers_products_in_scope(
    customer: Customer, sandbox: SandboxServer, manage: Manage
) -> None:
    emptied, kept = sandbox.world.product_ids()
    with SandboxServer(world_of(tests=20, products=1, first_id=9_000)) as elsewhere:
        other = make_customer(elsewhere, "globex")
        sync(customer)
        sync(other)
        before, untouched = content(customer), versions(Test, Bug)
        done = manage("sync", "--customer", "acme", "--nuke", "--product-ids", str(emptied), "--yes", "--json")
    assert (done.code, done.json["tests_new"]) == (0, Test.objects.filter(product=emptied).count())
    assert content(customer) == before
    changed = {pk for pk, version in versions(Test)["Test"].items() if untouched["Test"][pk] != version}
    assert changed == set(Test.objects.filter(product=emptied).values_list("pk", flat=True))
    assert Test.objects.filter(product=kept).exists()
    assert Person.objects.filter(customer=other).exists()


def test_nuke_asks_first_and_takes_only_yes_for_an_answer(
    customer: Customer, sandbox: SandboxServer, manage: Manage
) -> None:
    sync(customer)
    before = versions(Test, Bug)
    for answer in ("no\n", "\n", "y e s\n"):
        done = manage("sync", "--nuke", "--json", stdin=answer)
        assert (done.code, done.json["error"]) == (1, "Nothing was changed.")
        assert "Empty the synced rows of acme (all products) and read them again? [y/N]" in done.stderr
        assert "Nothing was changed." in done.stderr
    nobody = manage("sync", "--nuke")
    assert nobody.code == 1
    assert "Nobody is there to answer, so nothing was changed. Say --yes if you are sure." in nobody.stderr
    assert versions(Test, Bug) == before
    assert manage("sync", "--nuke", "--json", stdin="yes\n").json["tests_new"] == 40


def test_all_customers_are_synced_in_turn_and_one_that_cannot_be_does_not_stop_the_next(
    customer: Customer, sandbox: SandboxServer, manage: Manage
) -> None:
    Customer.objects.create(name="blank", api_base_url=sandbox.base_url)
    Customer.objects.create(name="retired", api_base_url=sandbox.base_url, is_active=False)
    with SandboxServer(world_of(tests=20, products=1, first_id=9_000)) as elsewhere:
        make_customer(elsewhere, "globex")
        done = manage("sync", "--all-customers", "--json")
    assert done.code == 1
    assert [(run["customer"], run["status"]) for run in done.json["runs"]] == [
        ("acme", "succeeded"),
        ("globex", "succeeded"),
    ]
    assert "blank: Customer blank has no API token." in done.stderr


def test_status_and_dry_run_ask_nothing_and_write_nothing(
    customer: Customer, sandbox: SandboxServer, manage: Manage
) -> None:
    first = manage("sync", "--dry-run")
    assert first.code == 0
    assert "any product not known yet" in first.stdout
    sync(customer)
    sandbox.world.insert_tests(sandbox.world.product_ids()[0], 1)
    everything = (Customer, Product, Test, Bug, SyncEvent)
    before = versions(*everything)
    made = calls(
        sandbox,
        lambda: [
            manage("sync", *options)
            for options in (["--status"], ["--status", "--json"], ["--dry-run"], ["--dry-run", "--full", "--json"])
        ],
    )
    assert (made, versions(*everything)) == ({}, before)


def test_status_shows_rows_freshness_and_who_is_writing(
    customer: Customer, sandbox: SandboxServer, manage: Manage
) -> None:
    event = sync(customer)
    taken, free = sandbox.world.product_ids()
    [held], _ = leases.acquire([taken], event.pk)
    [standing] = manage("sync", "--status", "--json").json["customers"]
    table = manage("sync", "--status")
    held.release()
    rows = {row["id"]: row for row in standing["products"]}
    assert rows[taken]["lease"].startswith("syncing, retry in ")
    assert rows[free]["lease"] == ""
    assert {pk: (row["tests"], row["bugs"]) for pk, row in rows.items()} == {
        pk: (len(sandbox.world.tests_of(pk)), sandbox.world.bug_count(pk)) for pk in (taken, free)
    }
    assert standing["last_run"].startswith(f"{event.public_id}, succeeded, ")
    assert table.code == 0
    assert f"Last run: {event.public_id}, succeeded, " in table.stdout


def test_status_shows_what_a_worker_has_in_hand(customer: Customer, manage: Manage) -> None:
    sync(customer)
    Product.objects.update(next_sync_at=Now())
    claim_due_products()
    [standing] = manage("sync", "--status", "--json").json["customers"]
    assert [(row["due"], row["claimed_at"] is not None) for row in standing["products"]] == [(False, True)] * 2
    assert manage("sync", "--status").stdout.count("handed to a worker") == 2


def test_dry_run_says_for_each_product_what_would_be_done(
    customer: Customer, sandbox: SandboxServer, manage: Manage
) -> None:
    first, second = sandbox.world.product_ids()
    sync(customer, product_ids=[first])

    def plan(*options: str) -> dict[int, str]:
        [planned] = manage("sync", "--dry-run", "--json", *options).json["plan"]
        return {product["id"]: product["action"] for product in planned["products"]}

    assert plan() == {first: "read what is new or unfinished"}
    assert plan("--full") == plan("--force") == {first: "read everything"}
    assert plan("--nuke") == {first: "empty, then read everything"}
    assert plan("--product-ids", str(second)) == {first: "left out by this command"}
    assert plan("--since", "yesterday") == {first: "read what is new or unfinished"}


def test_a_reading_that_is_old_is_refreshed(customer: Customer, sandbox: SandboxServer, manage: Manage) -> None:
    manage("sync")
    unfinished: World = sandbox.world
    locked = next(pk for pk in unfinished.unfinished_tests() if unfinished.status_of(pk) == "locked")
    unfinished.add_bugs(locked, 2)
    read_later()
    assert manage("sync", "--json").json["bugs_new"] == 2


def test_status_and_dry_run_cost_the_same_queries_for_one_product_and_for_many(
    customer: Customer, sandbox: SandboxServer, manage: Manage
) -> None:
    def queries(*options: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            manage("sync", *options)
        return len(captured)

    sync(customer, product_ids=sandbox.world.product_ids()[:1])
    for_one = queries("--status"), queries("--dry-run")
    Product.objects.bulk_create(
        [Product(pk=pk, customer=customer, name=f"Product {pk}", fingerprint=b"") for pk in range(1, 6)]
    )
    assert (queries("--status"), queries("--dry-run")) == for_one


def test_status_shows_what_is_due_failing_and_paused_and_who_watches(customer: Customer, manage: Manage) -> None:
    sync(customer)
    first, second = Product.objects.order_by("pk")
    Product.objects.filter(pk=first.pk).update(next_sync_at=Now())
    Product.objects.filter(pk=second.pk).update(failures=2, last_outcome="failed", last_error="TestIO did not answer.")
    WatcherFactory.create(name="refresh")
    document = manage("sync", "--status", "--json").json
    [standing] = document["customers"]
    rows = {row["id"]: (row["due"], row["failures"], row["last_error"]) for row in standing["products"]}
    assert rows == {first.pk: (True, 0, ""), second.pk: (False, 2, "TestIO did not answer.")}
    assert (standing["paused_at"], document["watcher"]["pid"], document["watcher"]["cycles"]) == (None, os.getpid(), 0)
    schedule.pause(customer, "The token was refused.")
    said = manage("sync", "--status").stdout
    told = ["2 failed", f"- {second}: TestIO did not answer.", ": The token was refused.", f"process {os.getpid()} on "]
    assert [text for text in told if text not in said] == []
