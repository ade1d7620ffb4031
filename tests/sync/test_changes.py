"""What is kept is kept for as long as the data is the same, and not a moment longer."""

from collections.abc import Callable

import psycopg
import pytest
from django.db import connection, models, transaction
from django.utils import timezone
from factory.django import DjangoModelFactory

from sync import changes
from sync.models import Bug, Product, SyncEvent
from sync.sandbox import SandboxServer, World
from tests import factories
from tests.sync.support import make_customer, sync, world_of

pytestmark = pytest.mark.django_db(transaction=True)

#: A row of each table that figures are made of.
MADE_OF = (
    factories.CustomerFactory,
    factories.ProductFactory,
    factories.SectionFactory,
    factories.PersonFactory,
    factories.FeatureFactory,
    factories.TestFactory,
    factories.TestFeatureFactory,
    factories.TestPlatformFactory,
    factories.BugFactory,
    factories.BugDeviceFactory,
    factories.CustomReportFactory,
)
NAMES = {
    "Customer": "name",
    "Product": "name",
    "Section": "name",
    "Person": "username",
    "Feature": "title",
    "Test": "status",
    "TestFeature": "title",
    "TestPlatform": "operating_system",
    "Bug": "severity",
    "BugDevice": "device",
    "CustomReport": "configuration_id",
}


def _told(change: str = "SELECT count(*) FROM sync_datachange") -> int:
    with connection.cursor() as cursor:
        cursor.execute(change)
        return int(cursor.fetchone()[0]) if cursor.description else cursor.rowcount


def _changes_with(act: Callable[[], object]) -> bool:
    before = changes.state()
    act()
    after = changes.state()
    assert after is not None
    return after != before


@pytest.mark.parametrize("factory", MADE_OF, ids=lambda factory: factory._meta.model.__name__)
def test_a_row_that_comes_changes_or_goes_is_a_change(
    factory: type[DjangoModelFactory[models.Model]],
) -> None:
    assert _changes_with(factory.create)
    model = factory._meta.model
    rows: models.QuerySet[models.Model] = models.QuerySet(model)
    assert _changes_with(lambda: rows.update(**{NAMES[model.__name__]: "another"}))
    assert _changes_with(rows.delete)


@pytest.fixture
def world() -> World:
    return world_of(tests=12, products=2, bugs_per_test=3)


def test_a_sync_that_finds_nothing_new_is_no_change_and_one_that_finds_a_bug_is(
    sandbox: SandboxServer, world: World
) -> None:
    customer = make_customer(sandbox)
    sync(customer)
    assert not _changes_with(lambda: sync(customer))
    assert not _changes_with(lambda: sync(customer, mode=SyncEvent.Mode.FULL, bugs="all"))
    world.add_bugs(world.test_ids()[0], 1)
    assert _changes_with(lambda: sync(customer, mode=SyncEvent.Mode.FULL, bugs="all"))


def test_when_a_product_is_due_next_is_no_change_of_the_data_but_its_name_is() -> None:
    product = factories.ProductFactory.create()
    assert not _changes_with(lambda: Product.objects.update(next_sync_at=timezone.now(), failures=3))
    assert _changes_with(lambda: Product.objects.filter(pk=product.pk).update(name="Another"))


def test_many_rows_of_a_transaction_are_one_change_and_none_are_none() -> None:
    before = _told()
    with transaction.atomic():
        factories.BugFactory.create_batch(5)
    assert _told() == before + 1
    assert not _changes_with(lambda: Bug.objects.filter(pk=-1).update(severity="low"))


def test_nothing_may_be_kept_of_what_a_transaction_is_changing_itself() -> None:
    bug = factories.BugFactory.create()
    before = changes.state()
    with transaction.atomic():
        assert changes.state() == before
        with transaction.atomic():
            Bug.objects.filter(pk=bug.pk).update(severity="low")
            assert changes.state() is None
            transaction.set_rollback(True)
        assert changes.state() == before  # what was taken back has not happened
        Bug.objects.filter(pk=bug.pk).update(severity="high")
        assert changes.state() is None
    assert changes.state() not in (None, before)


def test_a_change_that_took_long_is_seen_though_later_ones_were_seen_before(database_url: str) -> None:
    bug = factories.BugFactory.create()
    with psycopg.connect(database_url) as slow:
        slow.execute("UPDATE sync_bug SET severity = 'critical' WHERE id = %s", [bug.pk])
        factories.BugFactory.create()
        between = changes.state()
        slow.commit()
    assert changes.state() != between


def test_old_changes_are_forgotten_and_no_state_comes_again() -> None:
    factories.BugFactory.create()
    _told("UPDATE sync_datachange SET at = at - interval '2 days'")
    before = changes.state()
    assert changes.forget_old() >= 1
    assert changes.state() not in (None, before)
    assert changes.forget_old() == 0


def test_a_database_that_never_told_of_a_change_has_no_state() -> None:
    _told("DELETE FROM sync_datachange")
    assert changes.state() is None
