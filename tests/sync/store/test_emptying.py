import pytest
from django.db import connection, models, transaction

from sync import store
from sync.models import (
    Bug,
    Feature,
    Person,
    Product,
    Section,
    SyncEvent,
    SyncLease,
    SyncPhase,
    Test,
    TestCase,
    TestCaseResult,
    TestFeature,
)
from sync.store import Saved
from tests.factories import (
    MARCH,
    FeatureFactory,
    SectionFactory,
    SyncLeaseFactory,
    SyncPhaseFactory,
    TestCaseFactory,
    TestCaseResultFactory,
)
from tests.sync.store.support import MIRRORED, Shop, a_bug, a_copy, a_feature, a_test, versions

pytestmark = pytest.mark.django_db

#: Everything synced but the products themselves.
BELONGING: tuple[type[models.Model], ...] = (
    *(model for model in MIRRORED if model is not Product),
    TestCase,
    TestCaseResult,
    Person,
    Feature.sections.through,
)


def fill(shop: Shop, first: int) -> None:
    """Two features, two tests and three bugs with everything that can belong to them; ids from ``first`` up."""
    section = SectionFactory.create(id=first, product=shop.product)
    shop.save_features(a_feature(first), a_feature(first + 2))
    store.save_section_features(shop.product.pk, {first: [first]})
    tests = [
        a_test(first + each, section={"id": section.pk}, features=[a_copy(first + each, first)]) for each in (0, 1)
    ]
    shop.save_tests(*tests)
    bugs = [a_bug(first + each, first, test_feature={"id": first, "feature": {"id": first}}) for each in (0, 1, 2)]
    shop.save_bugs(*bugs)
    TestCaseFactory.create(test_id=first, test=Test.objects.get(pk=first))
    TestCaseResultFactory.create(test=Test.objects.get(pk=first))
    SyncPhaseFactory.create(product=shop.product, event__customer=shop.product.customer)
    SyncLeaseFactory.create(product=shop.product, token=7)


def empty(shop: Shop) -> None:
    with transaction.atomic():
        store.empty_product(shop.product.pk)


def rows(shop: Shop) -> int:
    """How many rows of any kind belong to the product, itself and the people left out."""
    of_bugs = Bug.objects.filter(product=shop.product)
    of_tests = Test.objects.filter(product=shop.product)
    of_features = Feature.objects.filter(product=shop.product)
    return sum(
        found.count()
        for found in (
            of_bugs, of_tests, of_features, Section.objects.filter(product=shop.product),
            TestFeature.objects.filter(test__in=of_tests),
        )
    )  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_an_emptied_product_is_as_if_never_synced_and_all_others_are_untouched() -> None:
    others = [Shop.open(), Shop.open()]
    shop = Shop.open(customer=others[0].product.customer, tests_synced_at=MARCH, walked_at=MARCH, name="Shop")
    for number, other in enumerate(others):
        fill(other, 1000 * (number + 1))
    before = versions(*BELONGING)
    fill(shop, 9000)
    assert rows(shop) == 2 + 2 + 3 + 1 + 2

    empty(shop)
    assert rows(shop) == 0
    assert versions(*BELONGING) == before
    product = Product.objects.get(pk=shop.product.pk)
    assert (product.name, product.tests_synced_at, product.walked_at) == ("Shop", None, None)
    assert (SyncPhase.objects.filter(product=product).count(), SyncLease.objects.get(product=product).token) == (1, 7)
    assert SyncEvent.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_what_is_kept_under_another_product_loses_its_link_not_its_row() -> None:
    shop = Shop.open()
    other = Shop.open(customer=shop.product.customer)
    fill(shop, 9000)
    fill(other, 1000)
    Bug.objects.filter(pk=1000).update(test_id=9000, test_feature_id=9000, feature_id=9000)
    TestFeature.objects.filter(pk=1000).update(feature_id=9000)
    Test.objects.filter(pk=1000).update(section_id=9000)
    moved = FeatureFactory.create(product=other.product)
    moved.sections.add(9000)

    empty(shop)
    bug, test = Bug.objects.get(pk=1000), Test.objects.get(pk=1000)
    assert (bug.test_id, bug.test_feature_id, bug.feature_id, bug.mentioned_test_id) == (None, None, None, 1000)
    assert (TestFeature.objects.get(pk=1000).feature_id, test.section_id) == (None, None)
    assert moved.sections.count() == 0


@pytest.mark.django_db(transaction=True)
def test_an_emptied_product_can_be_filled_again() -> None:
    shop = Shop.open()
    shop.save_tests(a_test(1))
    shop.save_bugs(a_bug(5, 1))
    empty(shop)
    assert shop.save_tests(a_test(1)) == Saved(created={1}, stubs={70: 1})
    assert shop.save_bugs(a_bug(5, 1)) == Saved(created={5})


def test_a_deleted_row_finds_what_points_to_it_by_an_index() -> None:
    """Or else emptying a large product takes the square of its size."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT conrelid::regclass::text, attname FROM pg_constraint
            JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
            WHERE contype = 'f' AND conrelid::regclass::text LIKE 'sync\\_%' AND NOT EXISTS (
                SELECT FROM pg_index WHERE indrelid = conrelid AND indkey[0] = conkey[1] AND indpred IS NULL
            )
            """
        )
        assert cursor.fetchall() == []
