import pytest
from django.test import Client

from sync.models import Bug, Product, Test
from tests.factories import BugFactory, ProductFactory, SectionFactory, TestFactory
from tests.sync.admin.pages import list_page, listed, page, shown

pytestmark = pytest.mark.django_db


def test_the_newest_tests_come_first(admin_client: Client) -> None:
    first, second = TestFactory.create_batch(2)
    assert listed(admin_client, list_page(Test)) == [second.pk, first.pk]


@pytest.mark.parametrize(("stored", "word"), [("external", "custom"), (None, "test case"), ("rapid", "rapid")])
def test_testing_types_are_listed_and_filtered_by_the_words_people_use(
    admin_client: Client, stored: str | None, word: str
) -> None:
    test = TestFactory.create(testing_type=stored)
    TestFactory.create(testing_type="focused")
    assert f">{word}<" in shown(admin_client, list_page(Test))
    assert listed(admin_client, f"{list_page(Test)}?testing_type={word}") == [test.pk]


def test_tests_are_filtered_by_product_status_section_and_presence(admin_client: Client) -> None:
    section = SectionFactory.create()
    wanted = TestFactory.create(section=section, status="locked", missing_since="2026-01-01T00:00Z")
    TestFactory.create(product=section.product)
    TestFactory.create()
    for query in (f"section__id__exact={section.pk}", "status=locked", "presence=missing"):
        assert listed(admin_client, f"{list_page(Test)}?{query}") == [wanted.pk]
    assert len(listed(admin_client, f"{list_page(Test)}?product__id__exact={section.product_id}")) == 2


def test_a_word_that_is_no_status_finds_nothing(admin_client: Client) -> None:
    TestFactory.create()
    assert listed(admin_client, f"{list_page(Test)}?status=unheard-of") == []


def test_a_product_leads_to_its_tests_and_a_test_to_its_bugs(admin_client: Client) -> None:
    bug = BugFactory.create()
    BugFactory.create()
    tests_of_product = f"{list_page(Test)}?product__id__exact={bug.product_id}"
    bugs_of_test = f"{list_page(Bug)}?test__id__exact={bug.test_id}"
    assert f'href="{tests_of_product}"' in shown(admin_client, page(Product, bug.product_id))
    assert f'href="{bugs_of_test}"' in shown(admin_client, page(Test, bug.test_id))
    assert listed(admin_client, tests_of_product) == [bug.test_id]
    assert listed(admin_client, bugs_of_test) == [bug.pk]


def test_products_are_found_by_typing_for_the_filter(admin_client: Client) -> None:
    product = ProductFactory.create(name="Web shop")
    ProductFactory.create(name="Till")
    asked = {"app_label": "sync", "model_name": "test", "field_name": "product", "term": "shop"}
    found = admin_client.get("/admin/autocomplete/", asked).json()["results"]
    assert found == [{"id": str(product.pk), "text": f"Web shop ({product.pk})"}]
