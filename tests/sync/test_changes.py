"""What is kept is kept for as long as the data is the same, and not a moment longer."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import psycopg
import pytest
from django.db import connection, models, transaction
from django.utils import timezone
from factory.django import DjangoModelFactory

from sync import changes
from sync.models import Bug, Customer, Feature, Product, SyncEvent, UserStory
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


@contextmanager
def _one_moment() -> Iterator[None]:
    """All statements within see the same data, as those of a question to the cube do."""
    with transaction.atomic():
        _run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


def _state() -> str | None:
    with _one_moment():
        return changes.state()


def _run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def _changes_with(act: Callable[[], object]) -> bool:
    before = _state()
    act()
    after = _state()
    assert after is not None
    return after != before


@pytest.mark.parametrize("made_by", MADE_OF, ids=lambda made_by: made_by._meta.model.__name__)
def test_a_row_that_comes_changes_or_goes_is_a_change(
    made_by: type[DjangoModelFactory[models.Model]],
) -> None:
    model = made_by._meta.model
    rows: models.QuerySet[models.Model] = models.QuerySet(model)
    row = made_by.create()
    assert _changes_with(rows.delete)
    assert _changes_with(lambda: row.save(force_insert=True))  # what it belongs to is there already
    assert _changes_with(lambda: rows.update(**{NAMES[model.__name__]: "another"}))
    assert _changes_with(lambda: _run(f"TRUNCATE {model._meta.db_table} CASCADE"))


def test_nothing_that_is_emptied_goes_untold() -> None:
    """``TRUNCATE ... CASCADE`` above would be told of by what belongs to the table as well."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = 'data_emptied'")
        assert {table for (table,) in cursor.fetchall()} == {made_by._meta.model._meta.db_table for made_by in MADE_OF}


@pytest.mark.parametrize("column", ["name", "customer_id", "missing_since"])
def test_what_figures_take_from_a_product_tells_when_it_changes(column: str) -> None:
    factories.ProductFactory.create(missing_since=None)
    others: dict[str, Any] = {
        "name": "Another",
        "customer_id": factories.CustomerFactory.create().pk,
        "missing_since": timezone.now(),
    }
    assert _changes_with(lambda: Product.objects.update(**{column: others[column]}))


def test_a_customer_or_product_that_is_saved_as_it_was_is_no_change() -> None:
    factories.ProductFactory.create()
    assert not _changes_with(lambda: [each.save() for each in (Customer.objects.get(), Product.objects.get())])


def test_whoever_writes_tells_whatever_the_search_path_and_with_rights_on_one_table_only(database_url: str) -> None:
    """As the data-only restore of a backup does, and somebody who repairs a row."""
    bug, story = factories.BugFactory.create(severity="low"), factories.UserStoryFactory.create()
    _run("CREATE ROLE repairer LOGIN")
    try:
        _run("GRANT SELECT, UPDATE ON sync_bug, sync_userstory TO repairer")

        def repair() -> None:
            with psycopg.connect(database_url) as another:
                another.execute("SET ROLE repairer")
                another.execute("SET search_path = ''")
                another.execute("UPDATE public.sync_bug SET severity = 'high' WHERE id = %s", [bug.pk])
                another.execute("UPDATE public.sync_userstory SET title = 'Repaired' WHERE id = %s", [story.pk])

        assert _changes_with(repair)
        assert Bug.objects.get().severity == "high"
        assert Feature.objects.get(pk=story.feature_id).story_titles == UserStory.objects.get().title == "Repaired"
    finally:
        _run("DROP OWNED BY repairer; DROP ROLE repairer")


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
    before = _state()
    with _one_moment():
        assert changes.state() == before
        with transaction.atomic():
            Bug.objects.filter(pk=bug.pk).update(severity="low")
            assert changes.state() is None
            transaction.set_rollback(True)
        assert changes.state() == before  # what was taken back has not happened
        Bug.objects.filter(pk=bug.pk).update(severity="high")
        assert changes.state() is None
    assert _state() not in (None, before)


def test_nothing_may_be_kept_where_the_next_statement_may_see_other_data() -> None:
    factories.BugFactory.create()
    assert _state() is not None
    with transaction.atomic():
        assert changes.state() is None


def test_a_change_that_took_long_is_seen_though_later_ones_were_seen_before(database_url: str) -> None:
    bug = factories.BugFactory.create()
    with psycopg.connect(database_url) as slow:
        slow.execute("UPDATE sync_bug SET severity = 'critical' WHERE id = %s", [bug.pk])
        factories.BugFactory.create()
        between = _state()
        slow.commit()
    assert _state() != between


def test_old_changes_are_forgotten_and_no_state_comes_again() -> None:
    factories.BugFactory.create()
    _told("UPDATE sync_datachange SET at = at - interval '2 days'")
    before = _state()
    assert changes.forget_old() >= 1
    assert _state() not in (None, before)
    assert changes.forget_old() == 0


@contextmanager
def _forgetting_slowly() -> Iterator[None]:
    """In a transaction of its own, which is committed at the end."""
    deleted, may_end = Event(), Event()

    def forget() -> None:
        try:
            with transaction.atomic():
                assert changes.forget_old() == 2
                deleted.set()
                may_end.wait(20)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        forgetting = pool.submit(forget)
        try:
            assert deleted.wait(20)
            yield
        finally:
            may_end.set()
            forgetting.result()


def test_no_state_comes_again_while_old_changes_are_forgotten_beside_a_slow_one(database_url: str) -> None:
    """Two are forgotten, and two become visible, before and after which the last change is the same one."""
    slow_bug, _ = factories.BugFactory.create_batch(2)
    _told("DELETE FROM sync_datachange")
    _told("INSERT INTO sync_datachange (at) SELECT now() - interval '2 days' FROM generate_series(1, 2)")
    with psycopg.connect(database_url) as slow, _forgetting_slowly():
        slow.execute("UPDATE sync_bug SET severity = 'critical' WHERE id = %s", [slow_bug.pk])
        factories.BugFactory.create()
        between, told_between = _state(), _told()
    # Both are committed now, the one that forgets first.
    assert _told() == told_between  # what does not tell them apart: how many there are
    assert _state() not in (None, between)


def test_a_change_of_more_than_a_day_is_seen_though_it_is_forgotten_at_once(database_url: str) -> None:
    bug, _ = factories.BugFactory.create_batch(2)
    with psycopg.connect(database_url) as slow:
        slow.execute("UPDATE sync_bug SET severity = 'critical' WHERE id = %s", [bug.pk])
        slow.execute("UPDATE sync_datachange SET at = now() - interval '2 days' WHERE xmin = pg_current_xact_id()::xid")
        before = _state()
        slow.commit()
    assert changes.forget_old() == 1
    assert _state() not in (None, before)


def test_a_database_that_never_told_of_a_change_has_no_state() -> None:
    _told("DELETE FROM sync_datachange")
    assert _state() is None


def test_nothing_is_kept_while_nothing_tells_of_changes_and_then_under_another_state() -> None:
    """As while a backup is restored: its triggers come last."""
    factories.BugFactory.create()
    before = _state()
    _run("DROP TRIGGER data_emptied ON sync_bug")
    assert _state() is None
    _run("CREATE TRIGGER data_emptied AFTER TRUNCATE ON sync_bug EXECUTE FUNCTION sync_tell_change()")
    assert _state() not in (None, before)
