"""Sections and what they show: nothing is believed to be gone because a list is empty."""

from sync.models import Customer, Feature, Product, Section
from sync.models.run import Status
from sync.sandbox import SandboxServer
from tests.sync.support import sync, warnings_of


def links() -> int:
    return Feature.sections.through.objects.count()


def test_empty_feature_lists_take_no_section_its_features(customer: Customer, sandbox: SandboxServer) -> None:
    sync(customer)
    before, read_at = links(), set(Product.objects.values_list("pk", "sections_synced_at"))
    sandbox.faults.set(empty=["features"])
    event = sync(customer, mode="full")
    assert before > 0
    assert (event.status, links()) == (Status.PARTIAL, before)
    assert any("feature lists of sections" in sentence for sentence in warnings_of(event))
    assert set(Product.objects.values_list("pk", "sections_synced_at")) == read_at


def test_a_product_that_names_no_sections_any_more_keeps_those_that_still_answer(
    customer: Customer, sandbox: SandboxServer
) -> None:
    sync(customer)
    before, linked = set(Section.objects.filter(missing_since=None).values_list("pk", flat=True)), links()
    for product_id in sandbox.world.product_ids():
        sandbox.world.change_product(product_id, sections=[], sections_with_default=[])
    sync(customer, mode="full")
    assert before
    assert set(Section.objects.filter(missing_since=None).values_list("pk", flat=True)) == before
    assert links() == linked


def test_a_section_whose_own_address_answers_404_is_missing(customer: Customer, sandbox: SandboxServer) -> None:
    sync(customer)
    section = Section.objects.filter(missing_since=None).earliest("pk")
    sandbox.faults.force(f"/sections/{section.pk}/", 404, times=10)
    sync(customer, mode="full")
    assert list(Section.objects.exclude(missing_since=None)) == [section]
