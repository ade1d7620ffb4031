from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from sync import store
from sync.models import Feature, Product, Section, UserStory
from sync.store import Saved
from sync.testio.payloads import parse_product
from tests.factories import CustomerFactory, FeatureFactory, ProductFactory, SectionFactory
from tests.sync.store.support import Shop, a_feature, queries, versions, written

pytestmark = pytest.mark.django_db


def a_product(product_id: int, **fields: Any) -> dict[str, Any]:
    return {"id": product_id, "name": f"Product {product_id}", "type": "website", **fields}


def save_product(customer_id: int, payload: dict[str, Any], *, force: bool = False) -> Saved:
    with transaction.atomic():
        return store.save_product(customer_id, parse_product(payload), force=force)


# Products and sections -----------------------------------------------------------------------------------------------


def test_new_products_are_added_and_known_ones_left_to_whoever_holds_their_lease() -> None:
    known = ProductFactory.create(id=1, name="as it was")
    foreign = ProductFactory.create(id=2)
    records = [parse_product(a_product(product_id)) for product_id in (1, 2, 3)]
    saved, rows = written(lambda: store.add_products(known.customer_id, records))
    assert saved == Saved(created={3}, refused=["Product 2 was not stored: this id belongs to another customer."])
    assert rows == {("sync_product", "3")}
    assert Product.objects.get(pk=3).customer == known.customer
    assert Product.objects.get(pk=2).customer == foreign.customer


def test_a_product_is_written_when_it_changed() -> None:
    product = ProductFactory.create(id=1, tests_synced_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert save_product(product.customer_id, a_product(1, name="Shop")) == Saved(updated={1})
    product.refresh_from_db()
    assert (product.name, product.tests_synced_at) == ("Shop", datetime(2026, 1, 1, tzinfo=UTC))
    saved, rows = written(lambda: save_product(product.customer_id, a_product(1, name="Shop")))
    assert (saved, rows) == (Saved(), set())
    assert save_product(product.customer_id, a_product(1, name="Shop"), force=True) == Saved(updated={1})


def test_a_product_of_another_customer_is_refused_and_so_are_its_sections() -> None:
    section = SectionFactory.create(product__id=1)
    before = versions()
    sections = [{"id": section.pk, "name": "Taken over?"}, {"id": 99, "name": "Slipped in?"}]
    saved = save_product(CustomerFactory.create().pk, a_product(1, sections=sections), force=True)
    assert saved == Saved(refused=["Product 1 was not stored: this id belongs to another customer."])
    assert versions() == before


def test_sections_no_longer_named_are_left_alone_and_renamed_ones_renamed() -> None:
    product = ProductFactory.create(id=1)
    elsewhere = SectionFactory.create()
    both = a_product(1, sections=[{"id": 11, "name": "Cart"}, {"id": 12, "name": "Account"}])
    save_product(product.customer_id, both)
    assert Product.objects.get(pk=1).is_sectioned
    save_product(product.customer_id, a_product(1, sections=[{"id": 12, "name": "Your account"}]))
    shown = {section.pk: (section.name, section.missing_since is None) for section in Section.objects.all()}
    assert shown == {11: ("Cart", True), 12: ("Your account", True), elsewhere.pk: (elsewhere.name, True)}


def test_a_section_that_was_missing_and_is_named_again_is_back() -> None:
    product = ProductFactory.create(id=1)
    SectionFactory.create(id=11, product=product, missing_since=timezone.now())
    save_product(product.customer_id, a_product(1, sections=[{"id": 11, "name": "Cart"}]))
    assert Section.objects.get().missing_since is None


# Features and user stories -------------------------------------------------------------------------------------------


def test_a_feature_is_stored_with_its_user_stories() -> None:
    shop = Shop.open()
    stories = [{"id": 10, "title": "Pay", "path": "Cart > Pay"}, "as a bare string"]
    assert shop.save_features(a_feature(70, howtofind=" top ", user_stories=stories)) == Saved(created={70})
    feature = Feature.objects.get()
    assert (feature.product, feature.title, feature.howtofind) == (shop.product, "Feature 70", "top")
    kept = [(story.testio_id, story.title, story.path) for story in UserStory.objects.all()]
    assert kept == [(10, "Pay", "Cart > Pay"), (None, "as a bare string", "")]


@pytest.mark.parametrize("force", [False, True])
def test_the_number_of_queries_does_not_grow_with_the_number_of_features(force: bool) -> None:
    counts = []
    for first_id, amount in ((1000, 1), (2000, 3), (3000, 50)):
        shop = Shop.open()
        payloads = [a_feature(first_id + 2 * each) for each in range(amount)]
        changed = [payload | {"title": "now"} for payload in payloads]
        counts.append([queries(partial(shop.save_features, *sent, force=force)) for sent in (payloads, changed)])
    assert counts[0] == counts[1] == counts[2]


def test_saving_the_same_features_again_writes_no_row() -> None:
    shop = Shop.open()
    payloads = [a_feature(feature_id) for feature_id in (70, 80, 90)]
    shop.save_features(*payloads)
    saved, rows = written(lambda: shop.save_features(*payloads))
    assert (saved, rows) == (Saved(), set())


def test_of_many_features_only_the_changed_one_is_written() -> None:
    shop = Shop.open()
    shop.save_features(a_feature(70), a_feature(80))
    saved, rows = written(lambda: shop.save_features(a_feature(70), a_feature(80, title="now")))
    assert (saved, rows) == (Saved(updated={80}), {("sync_feature", "80")})


def test_stories_no_longer_sent_become_missing_and_come_back() -> None:
    shop = Shop.open()
    pay, refund = {"id": 10, "title": "Pay"}, {"id": 11, "title": "Refund"}
    shop.save_features(a_feature(70, user_stories=[pay, refund]), a_feature(80))
    shop.save_features(a_feature(70, user_stories=[refund, "by e-mail"]), a_feature(80))
    shown = {story.title: story.missing_since is None for story in UserStory.objects.filter(feature=70)}
    assert shown == {"Pay": False, "Refund": True, "by e-mail": True}
    shop.save_features(a_feature(70, user_stories=[pay, refund, "by e-mail"]), a_feature(80))
    assert UserStory.objects.filter(missing_since=None).count() == 4


def test_a_missing_feature_that_is_seen_again_is_back() -> None:
    shop = Shop.open()
    shop.save_features(a_feature(70))
    store.mark_missing(Feature, [70])
    assert shop.save_features(a_feature(70)) == Saved(updated={70})
    assert Feature.objects.get().missing_since is None


def test_a_feature_of_another_customer_is_refused_in_a_sentence_and_stays_untouched() -> None:
    foreign = Shop.open()
    foreign.save_features(a_feature(70))
    before = versions(Feature, UserStory)
    saved = Shop.open().save_features(a_feature(70, user_stories=["Slipped in?"]), a_feature(80), force=True)
    assert saved == Saved(created={80}, refused=["Feature 70 was not stored: this id belongs to another customer."])
    assert before <= versions(Feature, UserStory)
    assert UserStory.objects.filter(feature=70).count() == 1


# Which section shows which feature -----------------------------------------------------------------------------------


def links() -> set[tuple[int, int]]:
    return set(Feature.sections.through.objects.values_list("section_id", "feature_id"))


def test_the_links_of_a_section_are_replaced_and_equal_ones_kept() -> None:
    shop = Shop.open()
    for section_id in (1, 2, 3):
        SectionFactory.create(id=section_id, product=shop.product)
    shop.save_features(a_feature(70), a_feature(80))
    foreign = FeatureFactory.create(id=99)
    store.save_section_features(shop.product.pk, {1: [70, 80], 2: [70], 3: [80]})
    kept = versions(Feature.sections.through)
    store.save_section_features(shop.product.pk, {1: [70, 80], 2: [80, foreign.pk, 12345]})
    assert links() == {(1, 70), (1, 80), (2, 80), (3, 80)}
    assert len(kept & versions(Feature.sections.through)) == 3
