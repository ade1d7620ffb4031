from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from django.db.transaction import TransactionManagementError

from sync import store
from sync.models import Bug, Feature, Section, Test, TestFeature, TestFreshness, TestPlatform
from sync.store import Saved
from tests.factories import MARCH, BugFactory, CustomerFactory, FeatureFactory, SectionFactory, TestFactory
from tests.sync.store.support import Shop, a_copy, a_feature, a_test, queries, versions, written

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Shop:
    return Shop.open()


def test_a_new_test_is_stored_with_all_that_belongs_to_it(shop: Shop) -> None:
    shop.save_features(a_feature(70))
    payload = a_test(
        1, title="Checkout", goal_text="Buy \ud83d", enable_low=True, demo=True, submitted_by="bert",
        test_environment={"id": 9, "title": "Staging"}, features=[a_copy(10, 70, user_stories=["Pay", '"{,}\\ üñ'])],
    )  # fmt: skip
    assert shop.save_tests(payload) == Saved(created={1})
    test = Test.objects.get()
    assert (test.product, test.title, test.status, test.testing_type) == (
        shop.product,
        "Checkout",
        "locked",
        "coverage",
    )
    assert (test.end_at, test.start_at) == (datetime(2026, 3, 1, 12, tzinfo=UTC), None)
    assert (test.goal, test.notes) == ("Buy ?", ["broken characters were replaced"])
    assert (test.environment_id, test.environment_title, test.is_demo) == (9, "Staging", True)
    assert (test.enable_low, test.enable_high) == (True, None)
    assert test.section
    assert (test.section.pk, test.section.name) == (3, "Checkout")
    assert [test.created_by and test.created_by.username, test.submitted_by] == ["anna", None]
    assert (test.raw["title"], test.missing_since) == ("Checkout", None)
    copy = TestFeature.objects.get()
    assert (copy.pk, copy.test_id, copy.feature_id, copy.enable_default) == (10, 1, 70, True)
    assert copy.user_stories == ["Pay", '"{,}\\ üñ']
    assert [str(platform) for platform in test.platforms.all()] == ["iOS (Smartphones)", "Any system (Desktop)"]


@pytest.mark.parametrize("force", [False, True])
def test_the_number_of_queries_does_not_grow_with_the_number_of_tests(force: bool) -> None:
    counts = []
    for first_id, amount in ((100, 1), (200, 3), (300, 50)):
        shop = Shop.open()
        payloads = [
            a_test(test_id, section={"id": first_id}, features=[a_copy(test_id, first_id)])
            for test_id in range(first_id, first_id + amount)
        ]
        changed = [payload | {"title": "now"} for payload in payloads]
        counts.append([queries(partial(shop.save_tests, *sent, force=force)) for sent in (payloads, changed)])
    assert counts[0] == counts[1] == counts[2]


def test_saving_the_same_tests_again_writes_no_row(shop: Shop) -> None:
    payloads = [a_test(test_id) for test_id in range(1, 6)]
    shop.save_tests(*payloads)
    saved, rows = written(lambda: shop.save_tests(*payloads))
    assert (saved, rows) == (Saved(), set())


def test_of_many_tests_only_the_changed_one_is_written(shop: Shop) -> None:
    shop.save_tests(*(a_test(test_id) for test_id in range(1, 6)))
    before = Test.objects.get(pk=2)
    saved, rows = written(lambda: shop.save_tests(*(a_test(pk, status="archived" if pk == 2 else "locked")
                                                    for pk in range(1, 6))))  # fmt: skip
    assert saved == Saved(updated={2})
    assert {row for row in rows if row[0] == "sync_test"} == {("sync_test", "2")}
    after = Test.objects.get(pk=2)
    assert (after.status, after.first_seen_at) == ("archived", before.first_seen_at)


def test_force_writes_unchanged_tests_too_and_doubles_nothing(shop: Shop) -> None:
    shop.save_tests(a_test(1), a_test(2))
    assert shop.save_tests(a_test(1), a_test(2), force=True) == Saved(updated={1, 2})
    assert [TestPlatform.objects.count(), TestFeature.objects.count()] == [4, 2]


def test_platforms_follow_the_test(shop: Shop) -> None:
    shop.save_tests(a_test(1), a_test(2))
    shop.save_tests(a_test(1, requirements=[{"category": {"name": "Watches"}}]), a_test(2))
    shown = TestPlatform.objects.order_by("test_id", "position").values_list("test_id", "position", "category")
    assert list(shown) == [(1, 0, "Watches"), (2, 0, "Smartphones"), (2, 1, "Desktop")]


def test_a_feature_a_test_no_longer_has_is_marked_and_comes_back(shop: Shop) -> None:
    shop.save_tests(a_test(1, features=[a_copy(10, 70), a_copy(11, 70)]))
    shop.save_tests(a_test(1, features=[a_copy(11, 70)]))
    assert [copy.missing_since is None for copy in TestFeature.objects.order_by("pk")] == [False, True]
    shop.save_tests(a_test(1, features=[a_copy(10, 70), a_copy(11, 70)]))
    assert TestFeature.objects.filter(missing_since=None).count() == 2


def test_a_missing_test_that_is_seen_again_is_back(shop: Shop) -> None:
    shop.save_tests(a_test(1), a_test(2))
    assert [store.mark_missing(Test, [1]), store.mark_missing(Test, [1])] == [1, 0]
    assert shop.save_tests(a_test(1), a_test(2)) == Saved(updated={1})
    assert Test.objects.filter(missing_since=None).count() == 2


def test_a_feature_the_catalogue_does_not_have_becomes_a_stub_until_it_has(shop: Shop) -> None:
    payload = a_test(1, features=[a_copy(10, 70, title="Cart")])
    assert shop.save_tests(payload) == Saved(created={1}, stubs={70: 1})
    stub = Feature.objects.get()
    assert (stub.pk, stub.title, stub.product, stub.missing_since) == (70, "Cart", shop.product, MARCH)
    assert (stub.raw, stub.notes) == ({}, ["Only tests mention it."])
    assert TestFeature.objects.get().feature == stub

    assert shop.save_features(a_feature(70, title="Cart and checkout")) == Saved(updated={70})
    stub.refresh_from_db()
    assert (stub.title, stub.missing_since, stub.notes) == ("Cart and checkout", None, [])
    assert TestFeature.objects.get().feature == stub


def test_a_test_of_another_customer_is_refused_in_a_sentence_and_stays_untouched(shop: Shop) -> None:
    foreign = Shop.open()
    foreign.save_tests(a_test(1, features=[a_copy(10, 71)], section={"id": 4}))
    before = versions(Test, TestFeature, TestPlatform, TestFreshness)
    saved = shop.save_tests(a_test(1, title="Taken over?"), a_test(2), force=True)
    assert saved.refused == ["Test 1 was not stored: this id belongs to another customer."]
    assert (saved.created, saved.updated) == ({2}, set())
    assert before <= versions(Test, TestFeature, TestPlatform, TestFreshness)
    assert Test.objects.get(pk=1).product == foreign.product


def test_a_test_that_moved_to_another_product_of_its_customer_moves(shop: Shop) -> None:
    shop.save_tests(a_test(1))
    other = Shop.open(customer=shop.product.customer)
    assert other.save_tests(a_test(1)).updated == {1}
    assert Test.objects.get().product == other.product


def test_a_feature_of_another_customer_is_not_linked(shop: Shop) -> None:
    foreign = FeatureFactory.create(id=70)
    before = versions(Feature)
    assert shop.save_tests(a_test(1)) == Saved(created={1})
    assert TestFeature.objects.get().feature is None
    assert (versions(Feature), foreign.product) == (before, Feature.objects.get().product)


def test_a_copy_that_belongs_to_another_test_stays_there(shop: Shop) -> None:
    shop.save_tests(a_test(1, features=[a_copy(10, 70)]))
    shop.save_tests(a_test(2, features=[a_copy(10, 70)]))
    assert [copy.test_id for copy in TestFeature.objects.all()] == [1]


def test_a_section_that_only_tests_mention_is_stored(shop: Shop) -> None:
    SectionFactory.create(id=5, name="Of another product")
    SectionFactory.create(id=6, product=shop.product, name="As the product calls it")
    shop.save_tests(
        a_test(1, section={"id": 4, "name": "New"}),
        a_test(2, section={"id": 5, "name": "Taken"}),
        a_test(3, section={"id": 6, "name": "As the test calls it"}),
        a_test(4, section=None),
    )
    sections = [test.section_id for test in Test.objects.order_by("pk")]
    assert sections == [4, None, 6, None]
    names = Section.objects.order_by("pk").values_list("name", flat=True)
    assert list(names) == ["New", "Of another product", "As the product calls it"]


def test_bugs_that_waited_for_a_test_are_linked_to_it(shop: Shop) -> None:
    waiting = BugFactory.create(test=None, product=shop.product, mentioned_test_id=1)
    elsewhere = BugFactory.create(test=None, mentioned_test_id=1)
    shop.save_tests(a_test(1))
    assert [Bug.objects.get(pk=bug.pk).test_id for bug in (waiting, elsewhere)] == [1, None]


def test_a_new_or_changed_test_is_due_for_its_bugs_and_results_again(shop: Shop) -> None:
    shop.save_tests(a_test(1), a_test(2))
    TestFreshness.objects.update(bugs_synced_at=MARCH, bugs_settled=True, results_synced_at=MARCH, results_settled=True)
    shop.save_tests(a_test(1), a_test(2, status="archived"), a_test(3))
    fresh = {row.pk: (row.bugs_synced_at, row.bugs_settled, row.results_synced_at, row.results_settled)
             for row in TestFreshness.objects.all()}  # fmt: skip
    due = (None, False, None, False)
    assert fresh == {1: (MARCH, True, MARCH, True), 2: due, 3: due}


def test_of_two_records_with_one_id_the_last_is_stored(shop: Shop) -> None:
    assert shop.save_tests(a_test(1, title="first"), a_test(1, title="last")) == Saved(created={1}, stubs={70: 1})
    assert Test.objects.get().title == "last"


def test_two_saves_in_one_transaction_do_not_disturb_each_other(shop: Shop) -> None:
    shop.save_tests(a_test(1))
    assert shop.save_tests(a_test(1, title="now"), a_test(2)) == Saved(created={2}, updated={1})
    assert shop.save_tests(a_test(3)) == Saved(created={3})


def test_no_tests_are_no_work(shop: Shop) -> None:
    saved, rows = written(shop.save_tests)
    assert (saved, rows) == (Saved(), set())


@pytest.mark.django_db(transaction=True)
def test_storing_outside_a_transaction_is_refused(shop: Shop) -> None:
    customer: Any = CustomerFactory.create()
    TestFactory.create(id=1, product=shop.product)
    with pytest.raises(TransactionManagementError):
        store.save_tests(customer.pk, shop.product.pk, shop.test_records(a_test(1)), people=shop.people, now=MARCH)
