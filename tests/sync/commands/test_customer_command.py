"""`manage.py customer`: whose data is kept."""

import subprocess

import pytest

from sync import leases, schedule
from sync.models import Bug, Customer, Person, Product, SyncEvent, Test
from sync.sandbox import SandboxServer
from tests.sync.commands.conftest import Manage
from tests.sync.support import Outcome, calls, finish, make_customer, start, sync, world_of

NOWHERE = "http://127.0.0.1:9/customer/v2"


def complaint(done: Outcome) -> str:
    [line] = [line for line in done.stderr.splitlines() if line.startswith("CommandError: ")]
    return line.removeprefix("CommandError: ")


def test_add_checks_the_token_with_one_call_and_keeps_it_sealed(sandbox: SandboxServer, manage: Manage) -> None:
    add = ("customer", "add", "--name", "acme", "--base-url", sandbox.base_url, "--token", sandbox.token)
    made = calls(sandbox, lambda: _expect(manage(*add), 0, "Customer acme was added. `manage.py sync --customer acme`"))
    assert made == {"products": 1}
    customer = Customer.objects.get()
    assert (customer.name, customer.api_base_url, customer.is_default) == ("acme", sandbox.base_url, True)
    assert customer.read_token() == sandbox.token
    assert sandbox.token.encode() not in bytes(customer.encrypted_token)


def _expect(done: Outcome, code: int, beginning: str) -> None:
    assert done.code == code
    assert done.stdout.startswith(beginning)


def test_the_token_is_taken_from_standard_input(sandbox: SandboxServer, manage: Manage) -> None:
    add = ("customer", "add", "--name", "acme", "--base-url", sandbox.base_url)
    assert manage(*add, stdin=f"{sandbox.token}\n").code == 0
    assert Customer.objects.get().read_token() == sandbox.token
    without = manage("customer", "add", "--name", "globex", "--base-url", sandbox.base_url)
    assert without.code == 1
    assert complaint(without) == "No token was given: pass it on standard input, at the prompt, or with --token."
    document = manage("customer", "add", "--name", "globex", "--base-url", sandbox.base_url, "--json")
    assert document.json == {"status": "failed", "error": complaint(document), "exit_code": 1}


def test_all_that_is_given_is_kept(sandbox: SandboxServer, manage: Manage) -> None:
    make_customer(sandbox, "first", is_default=True)
    first, second = sorted(sandbox.world.product_ids())
    done = manage(
        "customer", "add", "--name", "acme", "--base-url", sandbox.base_url, "--product-ids", str(second), str(first),
        "--sync-since", "2025-03-31", "--default", "--json", stdin=sandbox.token,
    )  # fmt: skip
    assert done.json == {
        "name": "acme",
        "api_base_url": sandbox.base_url,
        "has_token": True,
        "product_ids": [first, second],
        "sync_since": "2025-03-31",
        "is_active": True,
        "is_default": True,
    }
    assert list(Customer.objects.filter(is_default=True).values_list("name", flat=True)) == ["acme"]


def test_a_wrong_token_adds_nothing_and_is_not_shown(sandbox: SandboxServer, manage: Manage) -> None:
    done = manage("customer", "add", "--name", "acme", "--base-url", sandbox.base_url, stdin="wrong-token")
    assert (done.code, done.stdout, Customer.objects.count()) == (1, "", 0)
    assert complaint(done).startswith("TestIO does not accept this customer's API token (HTTP 401 for /products).")
    assert "wrong-token" not in done.stderr


def test_without_the_check_no_call_is_made(sandbox: SandboxServer, manage: Manage) -> None:
    add = ("customer", "add", "--name", "acme", "--base-url", sandbox.base_url, "--no-check")
    made = calls(sandbox, lambda: manage(*add, stdin="wrong-token"))
    assert (made, Customer.objects.get().read_token()) == ({}, "wrong-token")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--name", "no spaces"], 2, "name: Enter a valid “slug” consisting of"),
        (
            ["--name", "taken"],
            1,
            "name: Customer with this Name already exists. `manage.py customer set-token taken` changes its token.",
        ),
        (["--name", "acme", "--product-ids", "-1", "5"], 2, "product_ids: -1 can be no product: ids are whole"),
        (["--name", "acme", "--product-ids", "0"], 2, "product_ids: 0 can be no product: ids are whole numbers"),
        (["--name", "acme", "--base-url", "not an address"], 2, "api_base_url: Enter a valid URL."),
        (
            ["--name", "acme", "--base-url", "http://api.test.io/customer/v2"],
            2,
            "api_base_url: ",
        ),
        (["--name", "acme", "--sync-since", "whenever"], 2, '"whenever" is not a day that can be read.'),
        (["--name", "acme", "--token", "two words"], 1, "This customer's API token is empty or holds characters"),
    ],
)
def test_what_cannot_be_added_is_refused_in_one_sentence(
    sandbox: SandboxServer, manage: Manage, arguments: list[str], code: int, sentence: str
) -> None:
    make_customer(sandbox, "taken")
    done = manage("customer", "add", *arguments, stdin="a-token")
    assert (done.code, done.stdout, Customer.objects.count()) == (code, "", 1)
    assert complaint(done).startswith(sentence)
    document = manage("customer", "add", *arguments, "--json", stdin="a-token")
    assert document.json == {"status": "failed", "error": complaint(done), "exit_code": code}


def test_products_testio_does_not_have_are_refused_with_those_it_has(sandbox: SandboxServer, manage: Manage) -> None:
    first, second = sorted(sandbox.world.product_ids())
    add = ("customer", "add", "--name", "acme", "--base-url", sandbox.base_url, "--product-ids", str(first), "99999")
    made = calls(sandbox, lambda: _expect(manage(*add, stdin=sandbox.token), 2, ""))
    assert (made, Customer.objects.count()) == ({"products": 1}, 0)
    assert complaint(manage(*add, stdin=sandbox.token)) == (
        f"product_ids: TestIO has no 99999 for this token. It has {first}, {second}. "
        "Correct the ids, or say --no-check to add the customer all the same."
    )
    assert manage(*add, "--no-check", stdin=sandbox.token).code == 0
    assert Customer.objects.get().product_ids == [first, 99999]


def test_a_new_token_is_proven_kept_and_ends_a_pause(
    customer: Customer, sandbox: SandboxServer, manage: Manage
) -> None:
    sync(customer)
    customer.set_token("an-old-token")
    customer.save()
    schedule.pause(customer, "The token was refused.")
    set_token = ("customer", "set-token", "acme")
    made = calls(sandbox, lambda: _expect(manage(*set_token, stdin=f"{sandbox.token}\n"), 0, "Customer acme has a new"))
    assert made == {"products": 1}
    customer.refresh_from_db()
    assert (customer.read_token(), customer.paused_at, customer.paused_reason) == (sandbox.token, None, "")
    assert Product.objects.due().count() == Product.objects.count() == 2
    again = manage(*set_token, "--token", sandbox.token, "--json")
    assert (again.code, again.json["name"], again.json["has_token"]) == (0, "acme", True)
    assert sandbox.token not in again.stdout + again.stderr


def test_a_new_token_that_is_refused_changes_nothing_unless_it_is_not_checked(
    customer: Customer, sandbox: SandboxServer, manage: Manage
) -> None:
    schedule.pause(customer, "The token was refused.")
    refused = manage("customer", "set-token", "acme", stdin="wrong-token")
    assert (refused.code, refused.stdout) == (1, "")
    assert complaint(refused).startswith("TestIO does not accept this customer's API token (HTTP 401 for /products).")
    nothing = manage("customer", "set-token", "acme")
    assert (nothing.code, complaint(nothing).startswith("No token was given: ")) == (1, True)
    unknown = manage("customer", "set-token", "acne", stdin=sandbox.token)
    assert (unknown.code, complaint(unknown)) == (1, 'There is no customer "acne". Known: acme.')
    customer.refresh_from_db()
    assert (customer.read_token(), customer.paused_reason) == (sandbox.token, "The token was refused.")
    made = calls(sandbox, lambda: manage("customer", "set-token", "acme", "--no-check", stdin="wrong-token"))
    customer.refresh_from_db()
    assert (made, customer.read_token(), customer.paused_at) == ({}, "wrong-token", None)


def test_an_api_that_is_not_there_adds_nothing(manage: Manage) -> None:
    done = manage("customer", "add", "--name", "acme", "--base-url", NOWHERE, "--json", stdin="a-token")
    assert done.json == {"status": "failed", "error": complaint(done), "exit_code": 1}
    assert done.json["error"].startswith("TestIO could not be reached to ask for /products: ")
    assert (done.code, Customer.objects.count()) == (1, 0)


@pytest.mark.parametrize("arguments", [["add"], ["add", "--name"], ["remove"], ["set-token"], [], ["rename", "acme"]])
def test_an_incomplete_command_is_wrong_usage(manage: Manage, arguments: list[str]) -> None:
    done = manage("customer", *arguments)
    assert (done.code, done.stdout) == (2, "")


def test_list_shows_everything_but_the_token(customer: Customer, sandbox: SandboxServer, manage: Manage) -> None:
    Customer.objects.create(name="globex", api_base_url=NOWHERE, product_ids=[5, 9], is_active=False)
    listed = manage("customer", "list", "--json")
    assert [(each["name"], each["has_token"], each["is_default"]) for each in listed.json["customers"]] == [
        ("acme", True, True),
        ("globex", False, False),
    ]
    table = manage("customer", "list")
    assert [line.split("│")[1].strip() for line in table.stdout.splitlines() if line.startswith("│")] == [
        "acme",
        "globex",
    ]
    assert sandbox.token not in table.stdout + listed.stdout


def test_an_empty_list_says_how_to_add_one(manage: Manage) -> None:
    assert manage("customer", "list").stdout == (
        "No customer is configured. Add one with `manage.py customer add --name NAME`.\n"
    )
    assert manage("customer", "list", "--json").json == {"customers": []}


def test_set_default_leaves_exactly_one(customer: Customer, sandbox: SandboxServer, manage: Manage) -> None:
    make_customer(sandbox, "globex")
    make_customer(sandbox, "retired", is_active=False)
    assert manage("customer", "set-default", "globex").stdout == "globex is the default customer now.\n"
    assert list(Customer.objects.filter(is_default=True).values_list("name", flat=True)) == ["globex"]
    refused = manage("customer", "set-default", "retired")
    assert (refused.code, complaint(refused)) == (
        1,
        "Customer retired is switched off, so it cannot be the default.",
    )
    unknown = manage("customer", "set-default", "acne")
    assert (unknown.code, complaint(unknown)) == (1, 'There is no customer "acne". Known: acme, globex, retired.')


def test_remove_asks_and_then_takes_everything_of_that_customer_only(
    customer: Customer, sandbox: SandboxServer, manage: Manage
) -> None:
    with SandboxServer(world_of(tests=10, products=1, first_id=9_000)) as elsewhere:
        other = make_customer(elsewhere, "globex")
        sync(customer)
        sync(other)
    kept = Test.objects.filter(product__customer=other).count()
    refused = manage("customer", "remove", "acme", stdin="n\n")
    assert (refused.code, Product.objects.filter(customer=customer).count()) == (0, 2)
    assert "Remove customer acme with its 2 products and all their data? [y/N]" in refused.stderr
    nobody = manage("customer", "remove", "acme")
    assert (nobody.code, Customer.objects.count()) == (1, 2)
    assert manage("customer", "remove", "acme", "--yes").stdout == "Customer acme was removed.\n"
    assert list(Customer.objects.values_list("name", flat=True)) == ["globex"]
    assert (Test.objects.count(), Product.objects.count()) == (kept, 1)
    assert set(Person.objects.values_list("customer__name", flat=True)) <= {"globex"}
    assert set(SyncEvent.objects.values_list("customer__name", flat=True)) == {"globex"}
    assert not Bug.objects.exclude(product__customer=other).exists()


def test_remove_is_refused_while_a_product_is_being_written(
    customer: Customer, sandbox: SandboxServer, manage: Manage
) -> None:
    event = sync(customer)
    [held], _ = leases.acquire(sandbox.world.product_ids()[:1], event.pk)
    done = manage("customer", "remove", "acme", "--yes")
    held.release()
    assert done.code == 75
    assert complaint(done).startswith("Sync in progress. Retry in ")
    assert Test.objects.count() == 40


def test_the_first_command_makes_the_customer_of_the_environment(database_url: str, sandbox: SandboxServer) -> None:
    variables = {
        "TESTIO_CUSTOMER_API_TOKEN": sandbox.token,
        "TESTIO_CUSTOMER_API_BASE_URL": sandbox.base_url,
        "TESTIO_CUSTOMER_NAME": "from-environment",
        "TESTIO_PRODUCT_IDS": str(sandbox.world.product_ids()[0]),
        "TESTIO_SYNC_SINCE": "2020-01-01",
    }
    # Two at once: whichever is first makes it, and neither minds the other.
    processes: list[subprocess.Popen[str]] = [
        start(database_url, "customer", "list", "--json", **variables) for _ in range(2)
    ]
    for done in map(finish, processes):
        assert done.code == 0
        assert [(each["name"], each["is_default"]) for each in done.json["customers"]] == [("from-environment", True)]
    synced = finish(start(database_url, "sync", "--json", **variables))
    assert (synced.code, synced.json["customer"], synced.json["products"]) == (0, "from-environment", 1)
    assert sandbox.token not in synced.stdout + synced.stderr
    assert Customer.objects.count() == 1
