"""Lists: what they show, how they are narrowed and sorted, whose rows they leave out, and what they cost."""

from datetime import timedelta
from itertools import chain
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pydantic import BaseModel

from sync.models import Product, Test
from sync.schemas.bugs import BugPage
from sync.schemas.customers import CustomerPage
from sync.schemas.features import FeaturePage, UserStoryPage
from sync.schemas.people import PersonPage
from sync.schemas.products import ProductPage, SectionPage
from sync.schemas.tests import TestPage
from tests.factories import (
    MARCH,
    BugFactory,
    CustomerFactory,
    CustomReportFactory,
    FeatureFactory,
    PersonFactory,
    ProductFactory,
    SectionFactory,
    TestFactory,
    TestFeatureFactory,
    UserStoryFactory,
)
from tests.sync.api.calling import V1, as_published, ids, pages, reader, refusal, rows

pytestmark = pytest.mark.django_db

#: Every list of synced data: where it is, the name of its rows, what is published of it. {} is a product's number.
LISTS: dict[str, tuple[str, type[BaseModel]]] = {
    "/products": ("products", ProductPage),
    "/products/{}/sections": ("sections", SectionPage),
    "/products/{}/tests": ("tests", TestPage),
    "/products/{}/features": ("features", FeaturePage),
    "/tests": ("tests", TestPage),
    "/bugs": ("bugs", BugPage),
    "/features": ("features", FeaturePage),
    "/user-stories": ("user_stories", UserStoryPage),
    "/people": ("people", PersonPage),
    "/customers": ("customers", CustomerPage),
}


@pytest.fixture
def client() -> Client:
    return reader()


def fill(product: Product, number: int) -> None:
    """So many of everything a list can show."""
    for _ in range(number):
        section = SectionFactory.create(product=product)
        test = TestFactory.create(section=section, created_by=PersonFactory.create(customer=product.customer))
        feature = TestFeatureFactory.create(test=test, feature__product=product).feature
        UserStoryFactory.create(feature=feature)
        CustomReportFactory.create(bug=BugFactory.create(test=test, feature=feature, severity="custom"))


# What all lists have in common ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", LISTS)
def test_every_list_looks_as_it_is_published(client: Client, path: str) -> None:
    product = ProductFactory.create()
    fill(product, 2)
    name, model = LISTS[path]
    page = as_published(client.get(f"{V1}{path.format(product.pk)}?count=true"), model)
    assert page["count"] == len(page[name]) > 0
    empty = as_published(client.get(f"{V1}{path.format(ProductFactory.create().pk)}"), model)
    assert empty["next_cursor"] is None


@pytest.mark.parametrize("path", LISTS)
def test_no_list_shows_what_belongs_to_another_customer(path: str) -> None:
    mine, foreign = ProductFactory.create(), ProductFactory.create()
    fill(mine, 1)
    fill(foreign, 1)
    name, _ = LISTS[path]
    everything = ids(reader().get(f"{V1}{path.format(mine.pk)}?limit=200"), name)
    caller = reader(mine.customer, name="mia")
    shown = caller.get(f"{V1}{path.format(mine.pk)}?count=true")
    assert shown.json()["count"] == len(rows(shown, name)) > 0
    assert set(ids(shown, name)) <= set(everything)
    owners = {row.get("customer", row.get("name")) for row in rows(shown, name)}
    assert owners == {mine.customer.name}
    if "{}" in path:
        assert caller.get(f"{V1}{path.format(foreign.pk)}").status_code == 404
    elif path != "/customers":
        answer = caller.get(f"{V1}{path}?customer={foreign.customer.name}")
        sentence = f'There is no customer "{foreign.customer.name}". Known: {mine.customer.name}.'
        assert (answer.status_code, answer.json()["errors"]) == (404, [{"field": "customer", "reason": sentence}])


@pytest.mark.parametrize("path", ["/products", "/tests", "/bugs", "/features", "/user-stories", "/custom-reports"])
def test_a_product_that_is_not_there_for_the_caller_is_refused_and_not_left_out(path: str) -> None:
    mine, foreign = ProductFactory.create(), ProductFactory.create()
    answer = reader(mine.customer).get(f"{V1}{path}?product_id={mine.pk},{foreign.pk}")
    sentence = f"There is no product {foreign.pk} that you may see. GET /api/v1/products lists them."
    assert (answer.status_code, answer.json()["errors"]) == (404, [{"field": "product_id.1", "reason": sentence}])


@pytest.mark.parametrize("path", LISTS)
def test_a_list_costs_the_same_number_of_statements_however_long_it_is(client: Client, path: str) -> None:
    product = ProductFactory.create(**dict.fromkeys(("features_synced_at", "tests_synced_at", "bugs_synced_at"), Now()))
    name, _ = LISTS[path]
    client.get(f"{V1}{path.format(product.pk)}")  # the first call of all has statements of its own
    counted = []
    for more in (1, 2, 47):
        fill(product, more)
        if path == "/customers":
            CustomerFactory.create_batch(more)
        with CaptureQueriesContext(connection) as queries:
            shown = client.get(f"{V1}{path.format(product.pk)}?limit=200")
        counted.append(len(queries))
        assert [query["sql"] for query in queries if '"raw"' in query["sql"]] == []
        if path != "/products":
            assert len(rows(shown, name)) >= more
    assert counted == [counted[0]] * 3


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    ("query", "field"),
    [("limit=0", "limit"), ("limit=201", "limit"), ("cursor=*", "cursor"), ("srt=id", "srt"),
     ("sort=colour", "sort"), ("count=perhaps", "count")],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_by_name(client: Client, path: str, query: str, field: str) -> None:
    product = ProductFactory.create()
    assert list(refusal(client.get(f"{V1}{path.format(product.pk)}?{query}"))) == [field]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (
            "/bugs?status=opne",
            'status.0: "opne" is no status of a bug. Known are: open, accepted, auto_accepted, rejected, forwarded.',
        ),
        (
            "/tests?testing_type=manual",
            (
                'testing_type.0: "manual" is no testing type. '
                "Known are: coverage, focused, rapid, usability, custom, test case, external."
            ),
        ),
        (
            "/tests?since=03/04/2025",
            (
                'since: "03/04/2025" is not a day that can be read. '
                'Write it as 2025-03-31, "yesterday", "3 days ago", "last week" or "31 March 2025".'
            ),
        ),
    ],
)
def test_an_odd_word_is_refused_and_the_known_ones_are_named(client: Client, query: str, reason: str) -> None:
    answer = client.get(f"{V1}{query}")
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        f"Nothing was done. Correct this and try again: {reason}",
    )


@pytest.mark.parametrize("odd", ["%00", "'; DROP TABLE sync_bug; --", "%F0%9F%A6%86", "%25"])
def test_any_text_may_be_looked_for(client: Client, odd: str) -> None:
    answer = client.get(f"{V1}/products?search={odd}")
    assert answer.status_code == (422 if odd == "%00" else 200)


@pytest.mark.parametrize("path", ["/tests", "/bugs", "/products", "/people", "/customers"])
def test_without_the_permission_there_is_no_list(path: str) -> None:
    nobody = reader(name="nobody")
    assert nobody.get(f"{V1}{path}").status_code == 200
    User.objects.get(username="nobody").user_permissions.clear()
    assert (nobody.get(f"{V1}{path}").status_code, Client().get(f"{V1}{path}").status_code) == (403, 401)


# Pages ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sort", ["end_at", "-end_at", "start_at", "-start_at", "status", "-title", "id", "-id"])
def test_the_pages_of_tests_follow_each_other_in_every_order(client: Client, sort: str) -> None:
    product = ProductFactory.create()
    for place in range(7):
        TestFactory.create(product=product, end_at=MARCH + timedelta(hours=place // 2) if place % 3 else None)
    found = pages(client, f"{V1}/tests?sort={sort}&limit=2", "tests")
    whole = ids(client.get(f"{V1}/tests?sort={sort}"), "tests")
    assert ([len(page) for page in found], list(chain(*found))) == ([2, 2, 2, 1], whole)


@pytest.mark.parametrize("sort", ["reported_at", "-reported_at", "severity", "-severity", "status", "title", "-id"])
def test_the_pages_of_bugs_follow_each_other_in_every_order(client: Client, sort: str) -> None:
    test = TestFactory.create()
    for place in range(5):
        reported_at = MARCH + timedelta(hours=place // 2) if place % 2 else None
        BugFactory.create(test=test, reported_at=reported_at, severity=["high", "low"][place % 2])
    found = pages(client, f"{V1}/bugs?sort={sort}&limit=2", "bugs")
    whole = ids(client.get(f"{V1}/bugs?sort={sort}"), "bugs")
    assert ([len(page) for page in found], list(chain(*found))) == ([2, 2, 1], whole)


def test_a_cursor_is_good_for_the_list_and_the_parameters_it_came_from_only(client: Client) -> None:
    product = ProductFactory.create()
    TestFactory.create_batch(3, product=product)
    cursor = client.get(f"{V1}/tests?limit=1&status=archived").json()["next_cursor"]
    assert client.get(f"{V1}/tests?limit=2&count=true&status=archived&cursor={cursor}").status_code == 200
    for address in ("/tests?status=locked", "/tests?limit=1", f"/products/{product.pk}/tests?status=archived"):
        answer = client.get(f"{V1}{address}&cursor={cursor}")
        assert (answer.status_code, [each["field"] for each in answer.json()["errors"]]) == (404, ["cursor"])


def test_severities_are_sorted_by_how_much_they_matter(client: Client) -> None:
    test = TestFactory.create()
    for severity in ("custom", "low", "critical", "high"):
        BugFactory.create(test=test, severity=severity)
    shown = rows(client.get(f"{V1}/bugs?sort=severity"), "bugs")
    assert [row["severity"] for row in shown] == ["critical", "high", "low", "custom"]


# Filters --------------------------------------------------------------------------------------------------------------


def test_tests_are_found_by_everything_the_list_offers(client: Client) -> None:
    section = SectionFactory.create()
    mine = TestFactory.create(section=section, status="locked", testing_type="external", end_at=MARCH)
    other = TestFactory.create(testing_type=None, end_at=MARCH + timedelta(days=1), missing_since=MARCH)
    feature = FeatureFactory.create(product=mine.product)
    TestFeatureFactory.create(test=mine, feature=feature)
    asked = {
        f"test_id={mine.pk}": [mine],
        f"test_id={mine.pk},{other.pk}": [other, mine],
        f"test_id={mine.pk}&test_id={other.pk}": [other, mine],
        f"product_id={mine.product_id}": [mine],
        f"customer={other.product.customer.name}": [other],
        "status=locked": [mine],
        "status=LOCKED,archived": [other, mine],
        "testing_type=custom": [mine],
        "testing_type=external": [mine],
        "testing_type=test case": [other],
        "testing_type=test_case,custom": [other, mine],
        f"feature_id={feature.pk}": [mine],
        f"section_id={section.pk}": [mine],
        "since=2026-03-02": [other],
        "until=2026-03-01": [mine],
        "since=2026-03-01&until=2 March 2026": [other, mine],
        "until=9999-12-31": [other, mine],
        "missing=true": [other],
        "missing=false": [mine],
        "status=cancelled": [],
    }
    found = {query: ids(client.get(f"{V1}/tests?{query}"), "tests") for query in asked}
    assert found == {query: [test.pk for test in tests] for query, tests in asked.items()}


def test_bugs_are_found_by_everything_the_list_offers(client: Client) -> None:
    test = TestFactory.create(testing_type="rapid")
    feature = FeatureFactory.create(product=test.product)
    tess = PersonFactory.create(username="tess", customer=test.product.customer)
    mine = BugFactory.create(
        test=test, feature=feature, severity="critical", status="forwarded", known=True, author=tess
    )
    other = BugFactory.create(
        test__testing_type=None, status="rejected", rejection_reason="known_bug", reported_at=MARCH - timedelta(days=9)
    )
    lone = BugFactory.create(test=None, mentioned_test_id=999, reported_at=None)
    asked = {
        "": [mine, other, lone],
        f"bug_id={mine.pk},{lone.pk}": [mine, lone],
        f"product_id={mine.product_id}": [mine],
        f"customer={other.product.customer.name}": [other],
        f"test_id={test.pk}": [mine],
        "test_id=999": [lone],
        "status=open": [mine],
        "status=forwarded,rejected": [mine, other],
        "severity=critical": [mine],
        "known=true": [mine],
        "known=false": [other, lone],
        "rejection_reason=known_bug": [other],
        f"feature_id={feature.pk}": [mine],
        f"tester_id={other.author_id}": [other],
        "tester=tess": [mine],
        "testing_type=rapid": [mine],
        "testing_type=test case": [other],
        "since=2026-03-01": [mine],
        "until=2026-02-28": [other],
    }
    found = {query: ids(client.get(f"{V1}/bugs?{query}"), "bugs") for query in asked}
    assert found == {query: [bug.pk for bug in bugs] for query, bugs in asked.items()}


def test_relative_days_are_taken_as_on_the_command_line(client: Client) -> None:
    recent = TestFactory.create(end_at=timezone.now() - timedelta(days=2))
    TestFactory.create(end_at=timezone.now() - timedelta(days=20))
    assert ids(client.get(f"{V1}/tests?since=last week&until=today"), "tests") == [recent.pk]


def test_features_stories_people_and_sections_are_found_too(client: Client) -> None:
    section = SectionFactory.create(name="Checkout")
    feature = FeatureFactory.create(product=section.product, title="Basket 100%")
    feature.sections.add(section)
    FeatureFactory.create(title="Search")
    story = UserStoryFactory.create(feature=feature, title="I pay")
    tester = PersonFactory.create(username="tess")
    host = PersonFactory.create(username="hugo", kind="customer")
    asked: dict[str, tuple[str, list[Any]]] = {
        "/features?search=BASKET 100%25": ("features", [feature]),
        f"/features?section_id={section.pk}": ("features", [feature]),
        "/features?has_user_stories=true": ("features", [feature]),
        f"/products/{section.product_id}/features?feature_id={feature.pk}": ("features", [feature]),
        f"/user-stories?feature_id={feature.pk}": ("user_stories", [story]),
        "/user-stories?search=pay": ("user_stories", [story]),
        "/people": ("people", [host, tester]),
        "/people?kind=tester": ("people", [tester]),
        f"/people?person_id={host.pk}": ("people", [host]),
        "/people?username=tess": ("people", [tester]),
        f"/products/{section.product_id}/sections?search=check": ("sections", [section]),
    }
    found = {address: ids(client.get(f"{V1}{address}"), name) for address, (name, _) in asked.items()}
    assert found == {address: [row.pk for row in wanted] for address, (_, wanted) in asked.items()}


# Rows -----------------------------------------------------------------------------------------------------------------


def test_a_test_is_shown_in_the_words_people_use(client: Client) -> None:
    test = TestFactory.create(testing_type="external", created_by=PersonFactory.create(kind="customer"))
    (row,) = rows(client.get(f"{V1}/tests"), "tests")
    assert {name: row[name] for name in ("testing_type", "end_at", "product", "customer", "created_by")} == {
        "testing_type": "custom",
        "end_at": "2026-03-01T12:00:00Z",
        "product": test.product.name,
        "customer": test.product.customer.name,
        "created_by": test.created_by and test.created_by.username,
    }


def test_a_bug_brings_its_long_texts_only_when_asked(client: Client) -> None:
    BugFactory.create(status="forwarded", steps=["one"], expected_result="this", actual_result="that")
    (row,) = rows(client.get(f"{V1}/bugs"), "bugs")
    assert (row["status"], row["rejection_reason"], {"steps", "expected_result", "actual_result"} & set(row)) == (
        "open",
        None,
        set(),
    )
    (row,) = rows(client.get(f"{V1}/bugs?include=steps&include=actual_result"), "bugs")
    assert (row["steps"], row["actual_result"], "expected_result" in row) == (["one"], "that", False)


def test_what_testio_no_longer_has_is_listed_and_not_counted(client: Client) -> None:
    product = ProductFactory.create()
    section = SectionFactory.create(product=product)
    feature = FeatureFactory.create(product=product)
    for missing_since in (None, MARCH):
        test = TestFactory.create(section=section, missing_since=missing_since, end_at=timezone.now())
        TestFeatureFactory.create(test=test, feature=feature)
        BugFactory.create(test=test, feature=feature, missing_since=missing_since)
        UserStoryFactory.create(feature=feature, missing_since=missing_since)
    (row,) = rows(client.get(f"{V1}/features"), "features")
    assert (row["tests"], row["bugs"], row["user_stories"]) == (1, 1, 1)
    (row,) = rows(client.get(f"{V1}/products"), "products")
    assert (row["tests"], row["features"], row["tests_last_30_days"], row["tests_last_90_days"]) == (1, 1, 1, 1)
    (row,) = rows(client.get(f"{V1}/products/{product.pk}/sections"), "sections")
    assert (row["tests"], row["features"]) == (1, 0)
    assert len(rows(client.get(f"{V1}/tests"), "tests")) == 2


def test_a_product_counts_the_tests_of_its_last_30_and_90_days(client: Client) -> None:
    product = ProductFactory.create()
    ends = [timezone.now() - timedelta(days=days) for days in (-2, 0, 5, 60, 200)]
    for end_at in ends:
        TestFactory.create(product=product, end_at=end_at)
    TestFactory.create(product=product, end_at=None)
    (row,) = rows(client.get(f"{V1}/products"), "products")
    assert (row["tests"], row["tests_last_30_days"], row["tests_last_90_days"]) == (6, 2, 3)
    assert row["last_test_end_at"] == ends[1].isoformat().replace("+00:00", "Z")


def test_a_list_is_as_old_as_the_oldest_product_it_shows_and_asks_for_its_refresh(client: Client) -> None:
    fresh = ProductFactory.create(tests_synced_at=timezone.now())
    customer = fresh.customer
    customer.set_token("secret")
    customer.save()
    stale = ProductFactory.create(customer=customer, tests_synced_at=MARCH)
    Product.objects.update(next_sync_at="2999-01-01T00:00:00Z")
    for product in (fresh, stale):
        TestFactory.create(product=product)
    shown = client.get(f"{V1}/tests?product_id={fresh.pk}").json()
    assert (shown["stale"], Product.objects.filter(next_sync_at__lte=Now()).count()) == (False, 0)
    shown = client.get(f"{V1}/tests").json()
    assert (shown["stale"], shown["data_as_of"]) == (True, "2026-03-01T12:00:00Z")
    assert list(Product.objects.filter(next_sync_at__lte=Now())) == [stale]
    assert client.get(f"{V1}/tests?product_id={stale.pk}&status=running").json()["stale"] is True


def test_a_customer_is_shown_without_its_token(client: Client) -> None:
    customer = CustomerFactory.create()
    customer.set_token("a secret token")
    customer.save()
    (row,) = rows(client.get(f"{V1}/customers"), "customers")
    assert (row["name"], row["has_token"]) == (customer.name, True)
    assert [name for name in row if "token" in name] == ["has_token"]


def test_rows_without_a_time_come_last_whichever_way(client: Client) -> None:
    product = ProductFactory.create()
    without, early, late = (TestFactory.create(product=product, end_at=end) for end in (None, MARCH, timezone.now()))
    assert Test.objects.count() == 3
    assert ids(client.get(f"{V1}/tests?sort=end_at"), "tests") == [early.pk, late.pk, without.pk]
    assert ids(client.get(f"{V1}/tests?sort=-end_at"), "tests") == [late.pk, early.pk, without.pk]
