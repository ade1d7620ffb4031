"""What is offered on every page: one navigation for the admin and the pages, in the order of the work."""

import re
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from sync.models import Customer
from sync.models.status import Status
from testio_site import navigation
from testio_site.navigation import Navigation
from testio_site.operating import badges
from tests.factories import CustomerFactory, ProductFactory, SyncEventFactory, SyncPhaseFactory
from tests.problematic.factories import ProblematicEventFactory
from tests.testio_site.callers import member, with_session

pytestmark = pytest.mark.django_db


def offered(user: User, path: str = "/") -> Navigation:
    request = RequestFactory().get(path)
    request.user = user
    return navigation.of(request)


def titles(user: User) -> dict[str, list[str]]:
    return {group.title: [link.title for link in group.links] for group in offered(user).groups}


def shown_badges(user: User) -> dict[str, str]:
    links = [link for group in offered(user).groups for link in group.links]
    return {link.title: link.badge.text for link in links if link.badge}


@pytest.fixture
def boss() -> User:
    return User.objects.create(username="boss", is_staff=True, is_superuser=True)


def run(customer: Customer, status: Status, *products: int, minutes: int = 60) -> None:
    """One that began so many minutes ago and read these products."""
    began = timezone.now() - timedelta(minutes=minutes)
    ended = began + timedelta(seconds=5)
    event = SyncEventFactory.create(customer=customer, status=status, started_at=began, finished_at=ended)
    for product in products:
        SyncPhaseFactory.create(event=event, product_id=product, product=None, status=status, finished_at=ended)


def test_the_groups_follow_the_work_and_the_details_come_last_and_folded(boss: User) -> None:
    groups = offered(boss).groups
    assert [group.title for group in groups] == [
        "Overview", "Problems", "Syncs", "Data", "Reports", "Settings", "Details",
    ]  # fmt: skip
    assert [group.title for group in groups if group.is_folded] == ["Details"]


def test_the_admin_and_the_pages_offer_the_same(boss: User) -> None:
    client = with_session(boss)
    sidebar = client.get("/admin/").context["sidebar_navigation"]
    page = client.get("/operate/").context["navigation"]
    assert [(group["title"], [(each["title"], each["link"]) for each in group["items"]]) for group in sidebar] == [
        (group.title, [(link.title, link.url) for link in group.links]) for group in page.groups
    ]


def test_every_table_of_the_admin_is_offered_once(boss: User) -> None:
    models = [model._meta for model in apps.get_models() if admin.site.is_registered(model)]
    lists = {reverse(f"admin:{each.app_label}_{each.model_name}_changelist") for each in models}
    urls = [link.url for group in offered(boss).groups for link in group.links]
    assert {url: urls.count(url) for url in urls if urls.count(url) != 1} == {}
    assert lists - set(urls) == set()


def test_only_what_somebody_may_see_is_offered() -> None:
    reader = User.objects.create(username="reader", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_bug"))
    found = titles(reader)
    found.pop(navigation.DETAILS, None)  # what everybody has of their own
    assert found == {"Data": ["Bugs"]}


def test_whoever_is_no_staff_is_offered_pages_and_no_table_of_the_admin() -> None:
    found = offered(member(CustomerFactory.create()))
    assert [link.url for group in found.groups for link in group.links if link.url.startswith("/admin/")] == []
    assert [group.title for group in found.groups] == ["Overview", "Syncs", "Data", "Reports"]


@pytest.mark.parametrize(
    ("path", "title"), [("/", "Overview"), ("/operate/", "Home"), ("/operate/audit/", "Audit trail"), ("/x/", None)]
)
def test_the_link_of_the_page_one_is_on_is_marked(boss: User, path: str, title: str | None) -> None:
    here = [link.title for group in offered(boss, path).groups for link in group.links if link.is_here]
    assert here == ([title] if title else [])


def test_badges_count_what_the_person_sees() -> None:
    ours, theirs = CustomerFactory.create(), CustomerFactory.create()
    ProblematicEventFactory.create(product__customer=ours)
    ProblematicEventFactory.create_batch(2, product__customer=theirs)
    run(theirs, Status.FAILED)
    assert shown_badges(member(ours, staff=True)) == {"Open problems": "1"}
    assert shown_badges(member(ours, theirs, name="both", staff=True)) == {"Open problems": "3", "Runs": "1"}


def test_many_are_not_counted_to_the_end(boss: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(badges.MOST, badges.PROBLEMS, 3)
    ProblematicEventFactory.create_batch(4)
    assert shown_badges(boss) == {"Open problems": "2+"}


def test_a_failed_run_counts_until_one_of_the_same_products_went_well(boss: User) -> None:
    shop, other = ProductFactory.create_batch(2, customer=CustomerFactory.create())
    run(shop.customer, Status.FAILED, shop.pk, minutes=60)
    run(shop.customer, Status.SUCCEEDED, shop.pk, minutes=90)  # before it
    run(shop.customer, Status.SUCCEEDED, other.pk, minutes=30)
    run(CustomerFactory.create(), Status.SUCCEEDED, minutes=30)
    assert shown_badges(boss) == {"Runs": "1"}
    run(shop.customer, Status.PARTIAL, shop.pk, other.pk, minutes=20)
    assert shown_badges(boss) == {}


def test_a_run_that_failed_before_it_read_a_product_is_made_good_by_any(boss: User) -> None:
    product = ProductFactory.create()
    run(product.customer, Status.INTERRUPTED, minutes=60)
    assert shown_badges(boss) == {"Runs": "1"}
    run(product.customer, Status.SUCCEEDED, product.pk, minutes=20)
    assert shown_badges(boss) == {}


def test_what_failed_more_than_a_day_ago_is_history(boss: User) -> None:
    run(CustomerFactory.create(), Status.FAILED, minutes=25 * 60)
    assert shown_badges(boss) == {}


def test_badges_cost_one_statement_for_a_request(boss: User) -> None:
    ProblematicEventFactory.create()
    request = RequestFactory().get("/")
    request.user = boss
    with CaptureQueriesContext(connection) as queries:
        navigation.of(request)
        navigation.sidebar(request)
    assert len(queries) == 1


def test_both_kinds_of_pages_have_the_same_search(boss: User) -> None:
    client = with_session(boss)
    for address in ("/operate/", "/admin/", reverse("admin:sync_bug_changelist")):
        page = client.get(address).content.decode()
        found = (page.count('action="/search/"'), page.count('id="search-everything"'))
        assert found == (1, 1), address


def crumbs(client: Client, address: str) -> list[str]:
    place = '<nav class="crumbs"' if not address.startswith("/admin/") else "<h1"
    part = client.get(address).content.decode().partition(place)[2]
    return re.findall(r">\s*([^<>\s][^<>]*?)\s*</(?:a|span)>", re.split("</nav>|</h1>", part)[0])


def test_where_one_is_is_said_in_the_words_of_the_navigation_and_ids_as_they_are(boss: User) -> None:
    client, event = with_session(boss), ProblematicEventFactory.create(product__name="Shop")
    found = {
        address: [word for word in crumbs(client, address) if word not in ("chevron_right", "dock_to_right")]
        for address in (
            "/", "/operate/", "/operate/audit/", "/syncs/", f"/products/{event.product_id}/", "/metrics/",
            reverse("admin:sync_bug_changelist"),
            reverse("admin:problematic_problematicevent_change", args=[event.pk]),
        )
    }  # fmt: skip
    assert list(found.values()) == [
        ["Overview"], ["Overview", "Home"], ["Settings", "Audit trail"], ["Syncs"], ["Data", "Products", "Shop"],
        ["Reports", "Metrics"], ["Data", "Bugs"], ["Problems", "Open problems", event.public_id],
    ]  # fmt: skip


def test_an_error_page_needs_nobody_logged_in(client: Client) -> None:
    assert client.get("/nothing-here/").status_code == 404
