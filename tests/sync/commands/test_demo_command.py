"""`manage.py demo --once`, and what would keep it from being shown."""

from pytest_django import Settings

from sync.models import Customer, SyncEvent, Test
from sync.sandbox import SandboxServer
from tests.sync.commands.conftest import Manage
from tests.sync.support import finish, make_customer, start


def test_the_demo_syncs_names_the_gaps_it_staged_and_ends_with_0(database_url: str) -> None:
    # A token of the real TestIO in the environment is none of the demo's business.
    done = finish(start(database_url, "demo", "--once", TESTIO_CUSTOMER_API_TOKEN="a-real-token"))
    assert done.code == 0
    assert (Customer.objects.get().name, Test.objects.count()) == ("demo", 197)
    assert SyncEvent.objects.get().gaps == 3
    first, staged, *rest = done.stdout.splitlines()
    assert first.startswith(f"Sync {SyncEvent.objects.get().public_id}: done with gaps. 197 new tests, ")
    assert staged.startswith("Staged: tests 1000")
    assert sum("cannot be read." in line for line in rest) == 2
    assert rest[-1] == "Everything else is here: no test and no bug is missing, none is there twice."


def test_the_demo_keeps_away_from_a_database_with_other_customers(sandbox: SandboxServer, manage: Manage) -> None:
    make_customer(sandbox)
    done = manage("demo", "--once")
    assert (done.code, done.stdout, Test.objects.count()) == (1, "", 0)
    assert "This database holds other customers; the demo wants one of its own." in done.stderr


def test_the_demo_says_which_settings_it_needs(manage: Manage, settings: Settings) -> None:
    settings.TESTIO_ALLOW_PRIVATE_ADDRESSES = False
    done = manage("demo", "--once")
    assert (done.code, done.stdout, Customer.objects.count()) == (1, "", 0)
    assert "these settings let no token go there. Use `make demo`, or set DJANGO_DEBUG=true." in done.stderr
