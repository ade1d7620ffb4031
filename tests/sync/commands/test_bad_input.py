"""What people get wrong, and what gets in the way: one clear sentence, the right exit code, nothing half-written."""

import socket
from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection

from sync.models import Bug, Customer, Product, SyncEvent, Test
from sync.sandbox import SandboxServer
from sync.sandbox.comparison import compare
from tests.sync.commands.conftest import Manage
from tests.sync.support import Outcome, finish, free_leases, start, sync, versions


def said(done: Outcome) -> list[str]:
    """What standard error says, without the log and the progress lines."""
    lines = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    return [line for line in lines if line.startswith(("CommandError: ", "usage: ", "manage.py "))]


def check_one_sentence(done: Outcome, code: int, sentence: str) -> None:
    assert (done.code, done.stdout) == (code, "")
    assert said(done) == [f"CommandError: {sentence}"]
    assert "Traceback" not in done.stderr


def check_one_document(done: Outcome, code: int, sentence: str) -> None:
    """What ``--json`` adds: the same sentence and the code, as the only thing on standard output."""
    assert (done.code, done.json) == (code, {"status": "failed", "error": sentence, "exit_code": code})
    assert said(done) == [f"CommandError: {sentence}"]


def test_an_unknown_customer_is_named_with_those_there_are(customer: Customer, manage: Manage) -> None:
    check_one_sentence(manage("sync", "--customer", "acne"), 1, 'There is no customer "acne". Known: acme.')
    check_one_document(manage("sync", "--customer", "acne", "--json"), 1, 'There is no customer "acne". Known: acme.')
    check_one_sentence(manage("sync", "--customer", ""), 1, 'There is no customer "". Known: acme.')
    assert SyncEvent.objects.count() == 0


def test_without_any_customer_it_says_how_to_add_one(manage: Manage) -> None:
    sentence = (
        "No customer is configured. Add one with `manage.py customer add --name NAME`, "
        "or set TESTIO_CUSTOMER_API_TOKEN in the environment."
    )
    check_one_sentence(manage("sync"), 1, sentence)
    check_one_document(manage("sync", "--json"), 1, sentence)
    sentence = "No active customer is configured. Add one with `manage.py customer add`."
    check_one_sentence(manage("sync", "--all-customers"), 1, sentence)


def test_with_several_customers_and_no_default_one_must_be_named(
    customer: Customer, sandbox: SandboxServer, manage: Manage
) -> None:
    Customer.objects.update(is_default=False)
    Customer.objects.create(name="globex", api_base_url=sandbox.base_url)
    sentence = "Several customers are configured and none is the default: name one. Known: acme, globex."
    check_one_sentence(manage("sync"), 1, sentence)


def test_a_product_outside_the_filter_is_refused(customer: Customer, sandbox: SandboxServer, manage: Manage) -> None:
    inside, outside = sandbox.world.product_ids()
    Customer.objects.update(product_ids=[inside])
    sentence = (
        f"Product {outside} is outside the filter of customer acme, which allows {inside}. "
        "Ask for one of these, or change the filter."
    )
    check_one_sentence(manage("sync", "--product-ids", str(inside), str(outside)), 1, sentence)
    check_one_document(manage("sync", "--product-ids", str(inside), str(outside), "--json"), 1, sentence)
    assert (sandbox.stats.total, SyncEvent.objects.count()) == (0, 0)


@pytest.mark.parametrize("date", ["whenever", "Q3 2024", "03/04/2024", "2025-13-01", "", "tomorrow", "next week"])
def test_an_unreadable_date_is_wrong_usage(
    customer: Customer, sandbox: SandboxServer, manage: Manage, date: str
) -> None:
    done = manage("sync", "--since", date)
    assert (done.code, done.stdout, sandbox.stats.total) == (2, "", 0)
    [sentence] = said(done)
    assert sentence.startswith(f'CommandError: "{date}" is ')
    assert sentence.endswith('Write it as 2025-03-31, "yesterday", "3 days ago", "last week" or "31 March 2025".')
    check_one_document(manage("sync", "--since", date, "--json"), 2, sentence.removeprefix("CommandError: "))


@pytest.mark.parametrize(
    "flags",
    [
        ["--full", "--incremental-only"],
        ["--full", "--nuke"],
        ["--nuke", "--incremental-only"],
        ["--no-bugs", "--refresh-bugs"],
        ["--customer", "acme", "--all-customers"],
        ["--incremental-only", "--force"],
        ["--incremental-only", "--refresh-bugs"],
        ["--incremental-only", "--no-bugs"],
        ["--all-customers", "--product-ids", "5"],
        ["--status", "--full"],
        ["--status", "--dry-run"],
        ["--status", "--since", "yesterday"],
        ["--status", "--nuke", "--yes"],
        ["--product-ids", "five"],
        ["--product-ids"],
        ["--fulll"],
    ],
)
def test_contradictory_or_unknown_flags_are_wrong_usage(
    customer: Customer, sandbox: SandboxServer, manage: Manage, flags: list[str]
) -> None:
    done = manage("sync", *flags)
    assert (done.code, done.stdout, sandbox.stats.total, SyncEvent.objects.count()) == (2, "", 0, 0)
    assert len(said(done)) >= 1
    assert "Traceback" not in done.stderr
    document = manage("sync", *flags, "--json")
    assert (document.code, said(document)) == (2, said(done))
    assert said(done)[-1].endswith(f"rror: {document.json['error']}")
    assert document.json == {"status": "failed", "error": document.json["error"], "exit_code": 2}


@pytest.mark.parametrize(
    ("argv", "code", "error"),
    [
        (["sync", "--nuke"], 1, "Nobody is there to answer, so nothing was changed. Say --yes if you are sure."),
        (["customer", "add"], 2, "the following arguments are required: --name"),
        (
            ["customer", "add", "--name", "acme", "--product-ids", "five"],
            2,
            "argument --product-ids: invalid int value: 'five'",
        ),
        (["customer", "list", "--all"], 2, "unrecognized arguments: --all"),
        (["sandbox", "--port", "five"], 2, "argument --port: invalid int value: 'five'"),
        (
            ["sandbox", "--products", "0"],
            2,
            "A sandbox world needs 0 or more tests, 1 to 100 products and 0 to 30 bugs a test, not 200, 0 and 10.",
        ),
    ],
)
def test_whatever_fails_before_there_is_a_result_is_one_document(
    customer: Customer, manage: Manage, argv: list[str], code: int, error: str
) -> None:
    done = manage(*argv, "--json")
    assert done.json == {"status": "failed", "error": error, "exit_code": code}
    assert done.code == code


def test_an_environment_that_cannot_be_used_is_one_document(database_url: str) -> None:
    done = finish(start(database_url, "sync", "--json", TESTIO_PAGE_SIZE="none"))
    assert done.json == {"status": "failed", "error": done.stderr.rstrip("\n"), "exit_code": 1}
    assert "TESTIO_PAGE_SIZE" in done.stderr


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of this machine nobody listens on, and nobody can while the test runs."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_an_unreachable_api_fails_in_one_sentence(customer: Customer, manage: Manage, closed_port: int) -> None:
    customer.api_base_url = f"http://127.0.0.1:{closed_port}/customer/v2"
    customer.save()
    done = manage("sync", "--json")
    assert (done.code, done.json["status"]) == (1, "failed")
    assert done.json["error"].startswith("TestIO could not be reached to ask for /products: ")
    assert done.json["error"].endswith("Check the network and the customer's API base URL.")
    assert "Traceback" not in done.stderr
    assert Product.objects.count() == 0
    assert free_leases()


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusing_api_fails_at_once_without_showing_the_token(
    customer: Customer, sandbox: SandboxServer, manage: Manage, status: int
) -> None:
    sync(customer)
    before = versions(Product, Test, Bug)
    sandbox.faults.set(refuse=status)
    sandbox.stats.reset()
    done = manage("sync")
    assert (done.code, sandbox.stats.total) == (1, 1)
    assert done.stderr.count("TestIO does not accept this customer's API token") == 1
    assert sandbox.token not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert versions(Product, Test, Bug) == before


def test_a_full_disk_fails_in_one_sentence_and_keeps_what_was_stored(
    customer: Customer, sandbox: SandboxServer, manage: Manage
) -> None:
    """PostgreSQL reports a full disk as error 53100; here it meets it at the first bug."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING "
            "ERRCODE = '53100', MESSAGE = 'could not extend file: No space left on device'; END $$"
        )
        cursor.execute("CREATE TRIGGER disk_full BEFORE INSERT ON sync_bug EXECUTE FUNCTION disk_full()")
    try:
        done = manage("sync", "--json")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION disk_full CASCADE")
    assert (done.code, done.json["status"]) == (1, "failed")
    assert done.json["error"] == (
        "The database has no room left (could not extend file: No space left on device). "
        "Free disk space and run this again; what was stored stays."
    )
    assert "Traceback" not in done.stderr
    assert (Test.objects.exists(), Bug.objects.count(), free_leases()) == (True, 0, True)
    assert manage("sync", "--json").json["bugs_new"] == 120
    assert compare(sandbox.world, customer).is_complete


@pytest.fixture
def empty_database(database_url: str) -> Iterator[str]:
    """A database nobody has migrated, on the same server."""
    name = "not_migrated"
    with psycopg.connect(database_url, autocommit=True) as session:
        session.execute(f"DROP DATABASE IF EXISTS {name}")
        session.execute(f"CREATE DATABASE {name}")
        address, options = database_url.split("?")
        yield f"{address.rpartition('/')[0]}/{name}?{options}"
        session.execute(f"DROP DATABASE {name}")


def test_a_database_that_is_not_migrated_is_said_so_and_left_alone(empty_database: str) -> None:
    commands = (["sync"], ["customer", "list"], ["sync", "--status", "--json"])
    sync, customers, status = map(finish, [start(empty_database, *argv) for argv in commands])
    sentence = "The database is not up to date. Run `manage.py migrate` first."
    check_one_sentence(sync, 1, sentence)
    check_one_sentence(customers, 1, sentence)
    check_one_document(status, 1, sentence)
    with psycopg.connect(empty_database) as session:
        assert session.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)


def test_a_database_that_is_not_there_is_said_so(database_url: str, closed_port: int) -> None:
    done = finish(start(f"postgresql://nobody:secret-word@127.0.0.1:{closed_port}/desk", "sync", "--json"))
    [sentence] = said(done)
    check_one_document(done, 1, sentence.removeprefix("CommandError: "))
    assert "Traceback" not in done.stderr
    assert "secret-word" not in done.stdout + done.stderr
    assert "Connection refused" in done.stderr or "failed" in done.stderr
