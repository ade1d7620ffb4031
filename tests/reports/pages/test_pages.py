"""Every page: with data and without, for its own people only, at a constant price, with odd texts inert."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from reports import periods, standings
from reports.metrics import answer
from reports.metrics.query import Query, Range
from reports.pages import words
from reports.standings import NOW, Question
from sync import wording
from sync.models import Bug, Customer
from tests.factories import BugFactory, CustomerFactory, TestFactory
from tests.reports.pages.scenes import Scene, stage

pytestmark = pytest.mark.django_db

PAGES = ("overview", "products", "product", "test", "bug", "search")
#: What a page costs at most: five statements, and one for each of its panels.
PANELS = {"overview": 6, "products": 2, "product": 7, "test": 6, "bug": 3, "search": 8}
SEES = ("view_product", "view_test", "view_bug", "view_feature")


def _shown(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, address
    return response.content.decode()


def _member(customer: Customer) -> Client:
    user = User.objects.create(username="member")
    user.user_permissions.set(Permission.objects.filter(codename__in=SEES))
    customer.members.add(user)
    client = Client()
    client.force_login(user)
    return client


def _statements(client: Client, address: str) -> int:
    ContentType.objects.clear_cache()
    with CaptureQueriesContext(connection) as captured:
        _shown(client, address)
    return len([each for each in captured.captured_queries if each["sql"].startswith(("SELECT", "WITH"))])


@pytest.mark.parametrize("name", PAGES)
def test_whoever_is_not_logged_in_is_sent_to_the_login(client: Client, scene: Scene, name: str) -> None:
    response = client.get(scene.addresses[name])
    assert (response.status_code, "login" in response.headers["Location"]) == (302, True)


@pytest.mark.parametrize("name", PAGES)
def test_whoever_lacks_the_permission_is_told_so(client: Client, scene: Scene, name: str) -> None:
    client.force_login(User.objects.create(username="nobody"))
    assert client.get(scene.addresses[name]).status_code == 403


@pytest.mark.parametrize("name", PAGES)
def test_a_page_shows_its_data(reader: Client, scene: Scene, name: str) -> None:
    expected = {
        "overview": "40.0%",  # two of five bugs are rejected
        "products": "Shop of acme",
        "product": "Checkout round",
        "test": "Button 0 does nothing",
        "bug": "Pixel 9",
        "search": "<mark>",
    }
    assert expected[name] in _shown(reader, scene.addresses[name])


def test_pages_without_any_data_say_what_to_do_next(reader: Client) -> None:
    assert reader.get("/").headers["Location"] == "/start/"  # whoever may add the first customer is led to that
    CustomerFactory.create(name="acme", is_active=False)
    assert ("Go on with it" in _shown(reader, "/"), 'href="/start/"' in _shown(reader, "/")) == (True, True)
    CustomerFactory.create(name="other")
    assert "Add a customer with the token of its TestIO account" in _shown(reader, "/")
    assert "Products appear here after the first sync" in _shown(reader, "/products/")
    assert "What are you looking for?" in _shown(reader, "/search/")
    assert "Nothing found" in _shown(reader, "/search/?q=nothing")


def test_a_test_without_bugs_has_no_rates(reader: Client, scene: Scene) -> None:
    quiet = TestFactory.create(product=scene.product)
    assert _shown(reader, f"/tests/{quiet.pk}/").count('<span class="stat__value stat__value--none">N/A</span>') == 5


def test_a_bug_of_which_nothing_is_known_has_a_page(reader: Client, scene: Scene) -> None:
    bug = BugFactory.create(
        test=None, product=scene.product, author=None, title="", reported_at=None, mentioned_test_id=7
    )
    page = _shown(reader, f"/bugs/{bug.pk}/")
    assert (f"<h1>Bug {bug.pk}</h1>" in page, "7, not read from TestIO yet" in page, "(none)" in page) == (True,) * 3


def test_what_is_known_of_a_record_stands_under_its_title(reader: Client) -> None:
    bug = BugFactory.create(known=True, missing_since=timezone.now(), reported_at=timezone.now() - timedelta(days=2))
    bug.product.missing_since = timezone.now()
    bug.product.save()
    page = _shown(reader, f"/bugs/{bug.pk}/")
    badges = re.findall(r'class="badge[^"]*"><span>([^<]*)<', page.partition("head__line")[2].partition("</header>")[0])
    assert badges == [bug.severity, words.spaced(wording.shown_bug_status(bug.status)), "known", "no longer in TestIO"]
    assert f"Bug {bug.pk}, reported 2\xa0days ago" in page
    head = _shown(reader, f"/products/{bug.product_id}/").partition("head__line")[2].partition("</header>")[0]
    assert ("no longer in TestIO" in head, "Stored record" in head, f"Product {bug.product_id}" in head) == (True,) * 3


@pytest.mark.parametrize("address", ["/products/999/", "/tests/999/", "/bugs/999/", f"/bugs/{10**30}/"])
def test_what_does_not_exist_is_not_found(reader: Client, address: str) -> None:
    assert reader.get(address).status_code == 404


def test_a_member_sees_their_customer_and_nothing_else(scene: Scene, elsewhere: Scene) -> None:
    member = _member(scene.product.customer)
    for name in PAGES:
        assert "other" not in _shown(member, scene.addresses[name]), name
    hidden = [elsewhere.addresses[name] for name in ("product", "test", "bug")]
    assert [member.get(address).status_code for address in hidden] == [404, 404, 404]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_costs_the_same_however_much_there_is(reader: Client, scene: Scene, name: str) -> None:
    costs = [_statements(reader, scene.addresses[name])]
    for more in (2, 47):
        ended = timezone.now() - timedelta(days=4)
        for test in TestFactory.create_batch(more, product=scene.product, end_at=ended):
            BugFactory.create(test=test, author=scene.bug.author)
        BugFactory.create_batch(more, test=scene.test, author=scene.bug.author, title="Another button")
        costs.append(_statements(reader, scene.addresses[name]))
    # One apart: a list that is not full yet is asked for the tests without an end, too.
    assert (max(costs) - min(costs) <= 1, max(costs) <= 5 + PANELS[name]) == (True, True), costs


def test_the_overview_costs_the_same_for_many_products(reader: Client, scene: Scene) -> None:
    before = _statements(reader, "/")
    for number in range(8):
        stage(CustomerFactory.create(name=f"more-{number}"), ended=timezone.now() - timedelta(days=3))
    assert _statements(reader, "/") == before


def test_texts_of_testio_are_shown_as_text(reader: Client) -> None:
    odd = '<script>alert("x")</script><img src=x onerror=alert(1)>'
    scene = stage(CustomerFactory.create(name="odd"), ended=timezone.now() - timedelta(days=3), title=odd)
    Bug.objects.filter(pk=scene.bug.pk).update(
        title=odd, actual_result=odd, expected_result=odd, steps=[odd], location="javascript:alert(1)", status=odd
    )
    type(scene.product).objects.filter(pk=scene.product.pk).update(name=odd, product_type=odd)
    for name, address in scene.addresses.items():
        page = _shown(reader, address)
        assert ("<script>alert" in page, "<img src" in page, 'href="javascript' in page) == (False, False, False), name


def test_no_page_has_a_script_or_a_style_of_its_own(reader: Client, scene: Scene) -> None:
    for address in scene.addresses.values():
        page = _shown(reader, address)
        assert ("<script>" in page, "<style" in page, " style=" in page, " onclick=" in page) == (False,) * 4


def test_products_are_sorted_by_their_address(reader: Client, scene: Scene, elsewhere: Scene) -> None:
    page = _shown(reader, "/products/?sort=-name")
    assert page.index("Shop of other") < page.index("Shop of acme")
    page = _shown(reader, "/products/?sort=name")
    assert page.index("Shop of acme") < page.index("Shop of other")


def test_an_address_with_odd_parameters_still_opens(reader: Client, scene: Scene) -> None:
    odd = "?days=x&sort=-nothing&after=%00&status=zzz&q=%00&health=9&customer=%27&kind=x"
    for address in ("/", "/products/", f"/products/{scene.product.pk}/", "/search/"):
        assert reader.get(f"{address}{odd}").status_code == 200, address


def test_the_tests_of_a_product_are_filtered_sorted_and_paged(reader: Client, scene: Scene) -> None:
    ended = timezone.now() - timedelta(days=10)
    made = [TestFactory.create(product=scene.product, title=f"Stage {n:02}", end_at=ended) for n in range(30)]
    address = f"/products/{scene.product.pk}/?q=Stage+&sort=title"
    first = reader.get(address)
    assert [row[0].text for row in first.context["tests"].rows] == [f"Stage {n:02}" for n in range(25)]
    second = reader.get(first.context["pager"].next_url)
    assert [row[0].text for row in second.context["tests"].rows] == [f"Stage {n:02}" for n in range(25, 30)]
    assert second.context["pager"].next_url == ""
    only = reader.get(f"/products/{scene.product.pk}/?q={made[7].pk}")
    assert [row[0].text for row in only.context["tests"].rows] == ["Stage 07"]
    locked = reader.get(f"/products/{scene.product.pk}/?status=locked")
    assert [row[0].text for row in locked.context["tests"].rows] == ["Quiet round"]
    assert "No test fits" in _shown(reader, f"/products/{scene.product.pk}/?q=nothing")


def test_the_pages_count_what_the_cube_counts(scene: Scene, elsewhere: Scene) -> None:
    today = timezone.now().date()
    period = periods.last_days(90, today)
    ids = [scene.product.pk, elsewhere.product.pk]
    tallies = standings.figures_of(Question(ids, period, periods.months(12, today))).by_product(NOW)
    asked = Query(("tests", "bugs", "rejection"), ("product",), range=Range(period.first, period.last))
    found = {row.cells[0].key: row.values for row in answer(asked, None).rows}
    assert {
        pk: {"tests": tally.tests, "bugs": tally.bugs.total, "rejection": tally.bugs.rejection}
        for pk, tally in tallies.items()
    } == found
