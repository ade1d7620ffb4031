from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from sync.models import Bug, Customer, Test
from tests import factories
from tests.factories import (
    BugFactory,
    CustomerFactory,
    ModelFactory,
    PersonFactory,
    ProductFactory,
    SectionFactory,
    SyncEventFactory,
    SyncPhaseFactory,
    TestFactory,
    TestFeatureFactory,
)

pytestmark = pytest.mark.django_db

FACTORIES: list[type[ModelFactory[Any]]] = [
    made
    for made in vars(factories).values()
    if isinstance(made, type) and issubclass(made, ModelFactory) and made is not ModelFactory
]


def test_every_model_of_the_app_has_one_factory() -> None:
    made = [factory._meta.model for factory in FACTORIES]
    assert sorted(model.__name__ for model in made) == sorted(
        model.__name__ for model in apps.get_app_config("sync").get_models()
    )


@pytest.mark.parametrize("factory", FACTORIES, ids=lambda factory: factory.__name__)
def test_every_factory_makes_rows_that_can_be_shown_and_read_again(factory: type[ModelFactory[Any]]) -> None:
    first, second = factory.create_batch(2)
    assert first.pk != second.pk
    shown = str(first)
    first.refresh_from_db()
    assert str(first) == shown != ""


def test_what_belongs_together_agrees() -> None:
    product = ProductFactory.create()
    section = SectionFactory.create(product=product)
    bug = BugFactory.create(test__product=product)
    copy = TestFeatureFactory.create(test=bug.test)
    phase = SyncPhaseFactory.create()
    assert [bug.product, bug.author and bug.author.customer] == [product, product.customer]
    assert copy.feature
    assert [copy.feature.product, TestFactory.create(section=section).product] == [product, product]
    assert phase.product
    assert phase.product.customer == phase.event.customer


def test_lists_leave_the_raw_payload_in_the_database() -> None:
    BugFactory.create(raw={"title": "as sent"}, test__raw={"title": "as sent"})
    with CaptureQueriesContext(connection) as queries:
        test, bug = Test.objects.get(), Bug.objects.get()
    assert ['"raw"' in query["sql"] for query in queries] == [False, False]
    assert [test.raw, bug.raw] == [{"title": "as sent"}] * 2


def test_unfinished_tests_can_still_change_and_are_there() -> None:
    for status in ("running", "locked", "archived", "cancelled"):
        TestFactory.create(status=status)
    TestFactory.create(status="running", missing_since=factories.MARCH)
    assert sorted(test.status for test in Test.objects.unfinished()) == ["locked", "running"]


def test_an_open_bug_is_one_the_customer_still_has_to_decide() -> None:
    bugs = [BugFactory.build(status=status, test=None, product=None, author=None) for status in ("forwarded", "known")]
    assert [bug.is_open for bug in bugs] == [True, False]


def test_a_customer_follows_its_products_or_all() -> None:
    assert CustomerFactory.build(product_ids=[]).follows(7)
    assert CustomerFactory.build(product_ids=[7]).follows(7)
    assert not CustomerFactory.build(product_ids=[8]).follows(7)


def refused(constraint: str) -> "pytest.RaisesExc[IntegrityError]":
    return pytest.raises(IntegrityError, match=constraint)


def test_only_one_customer_is_the_default_and_it_is_active() -> None:
    first = CustomerFactory.create(is_default=True)
    with refused("customer_only_one_default"), transaction.atomic():
        CustomerFactory.create(is_default=True)
    with refused("customer_default_is_active"), transaction.atomic():
        Customer.objects.filter(pk=first.pk).update(is_active=False)


def test_a_person_is_kept_once_per_role() -> None:
    tess = PersonFactory.create(username="tess")
    PersonFactory.create(username="tess", customer=tess.customer, kind="customer")
    PersonFactory.create(username="tess")
    with refused("person_once"), transaction.atomic():
        PersonFactory.create(username="tess", customer=tess.customer)


def test_the_public_id_of_a_run_is_the_beginning_of_its_event_id() -> None:
    run = SyncEventFactory.create(event_id=UUID("0123456789ab4cdeaf00112233445566"))
    assert (run.public_id, str(run)) == ("run_0123456789ab", "run_0123456789ab")
