"""Features: read once per product and run, and kept as stubs where tests and bugs outlive them."""

from collections import Counter

from sync.models import Bug, Customer, Feature, Product, TestFeature, UserStory
from sync.sandbox import SandboxServer
from tests.sync.support import sync, warnings_of


def test_each_products_features_are_read_once_in_a_run(customer: Customer, sandbox: SandboxServer) -> None:
    sync(customer)
    asked = Counter(seen.address.partition("?")[0] for seen in sandbox.stats.recent if seen.kind == "features")
    assert asked == {f"/products/{pk}/features": 1 for pk in sandbox.world.product_ids()}
    sections = Counter(seen.address for seen in sandbox.stats.recent if seen.kind == "section_features")
    assert set(sections.values()) == {1}


def test_features_only_tests_know_are_stubs_named_in_one_warning_per_product(
    customer: Customer, sandbox: SandboxServer
) -> None:
    event = sync(customer)
    stubs = dict(Feature.objects.exclude(missing_since=None).values_list("pk", "product_id"))
    said = [sentence for sentence in warnings_of(event) if "features that its catalogue no longer has" in sentence]
    assert len(said) == len(set(stubs.values()))
    for product_id in set(stubs.values()):
        product = Product.objects.get(pk=product_id)
        [sentence] = [each for each in said if each.startswith(f"{product}:")]
        assert all(f"{pk} (test " in sentence for pk, owner in stubs.items() if owner == product_id)
    assert warnings_of(sync(customer)) == []


def test_bugs_and_tests_keep_their_link_to_a_stub(customer: Customer, sandbox: SandboxServer) -> None:
    sync(customer)
    stubs = Feature.objects.exclude(missing_since=None)
    assert set(TestFeature.objects.filter(feature__in=stubs).values_list("feature", flat=True)) == set(
        stubs.values_list("pk", flat=True)
    )
    truth = {
        bug["id"]: (
            bug.get("feature") or bug["test_feature"].get("feature") or {"id": bug["test_feature"]["feature_id"]}
        )["id"]
        for test_id in sandbox.world.test_ids()
        for bug in sandbox.world.bug_payloads(test_id)
        if bug.get("feature") or bug.get("test_feature")
    }
    assert dict(Bug.objects.exclude(feature=None).values_list("pk", "feature_id")) == truth


def test_a_stub_that_joins_the_catalogue_again_is_filled(customer: Customer, sandbox: SandboxServer) -> None:
    sync(customer)
    feature_id = sandbox.world.feature_ids(sandbox.world.product_ids()[0])[0]
    expected = Feature.objects.filter(pk=feature_id).values("title", "description", "howtofind").get()
    UserStory.objects.filter(feature=feature_id).delete()
    Feature.objects.filter(pk=feature_id).update(
        title="stub", description="", howtofind="", fingerprint=b"", missing_since="2026-01-01T00:00:00Z"
    )
    assert sync(customer).status == "succeeded"
    feature = Feature.objects.get(pk=feature_id)
    assert feature.missing_since is None
    assert {name: getattr(feature, name) for name in expected} == expected


def test_a_renamed_feature_is_renamed_and_tests_keep_the_title_they_copied(
    customer: Customer, sandbox: SandboxServer
) -> None:
    sync(customer)
    copy = TestFeature.objects.filter(feature__missing_since=None).first()
    assert copy is not None
    assert copy.feature_id is not None
    sandbox.world.rename_feature(copy.feature_id, "Renamed")
    sync(customer)
    assert Feature.objects.get(pk=copy.feature_id).title == "Renamed"
    assert TestFeature.objects.get(pk=copy.pk).title == copy.title


def test_when_the_catalogue_cannot_be_read_links_wait_as_stubs_without_a_false_alarm(
    customer: Customer, sandbox: SandboxServer
) -> None:
    for product_id in sandbox.world.product_ids():
        sandbox.faults.force(f"/products/{product_id}/features", 404)
    event = sync(customer)
    assert event.status == "partial"
    assert not [sentence for sentence in warnings_of(event) if "no longer has" in sentence]
    assert Bug.objects.exclude(feature=None).exists()
    assert sync(customer).status == "succeeded"
    catalogue = {pk for product_id in sandbox.world.product_ids() for pk in sandbox.world.feature_ids(product_id)}
    assert set(Feature.objects.filter(missing_since=None).values_list("pk", flat=True)) == catalogue
