"""Filters of lists, kept under names: one's own and everybody's, for lists and rows that the reader sees, and nothing
that leads anywhere else."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from sync.models import Customer, Test
from testio_site import saved_filters
from testio_site.admin.filters import MOST
from testio_site.models import SavedFilter
from tests.factories import CustomerFactory, ProductFactory
from tests.sync.admin.pages import list_page, shown
from tests.testio_site.callers import member, with_session

pytestmark = pytest.mark.django_db

EVENTS = "/admin/problematic/problematicevent/"
SAVE = "/admin/testio_site/savedfilter/save/"
MINE = "/admin/testio_site/savedfilter/"


@pytest.fixture
def maria() -> User:
    return User.objects.create(username="maria", is_staff=True, is_superuser=True)


@pytest.fixture
def desk(maria: User) -> Client:
    return with_session(maria)


@pytest.fixture
def customer() -> Customer:
    return CustomerFactory.create(name="ours")


def viewer(customer: Customer) -> Client:
    return with_session(member(customer, role="Viewer", staff=True, name="vera"))


def save(client: Client, place: str = "problematic.problematicevent", **data: str) -> tuple[str, str]:
    """Where that leads, and what is said there."""
    response = client.post(SAVE, {"place": place, "name": "Old", "query": "age=older", **data}, follow=True)
    said = " ".join(map(str, response.context["messages"]))
    return response.redirect_chain[-1][0], said


def links(client: Client, address: str) -> dict[str, str]:
    """The bar above a list: each name with its address."""
    page = shown(client, address)
    bar = re.search(r'aria-label="Saved filters">(.*?)</nav>', page, re.DOTALL)
    found = re.findall(r'<a href="([^"]*\?[^"]*)"[^>]*>(.*?)</a>', bar[1], re.DOTALL) if bar else []
    return {" ".join(re.sub(r"<[^>]+>", "", name).split()): url.replace("&amp;", "&") for url, name in found}


def kept(owner: User, **values: Any) -> SavedFilter:
    given = {"place": "problematic.problematicevent", "name": "Old", "query": "age=older", **values}
    return SavedFilter.objects.create(owner=owner, **given)


def test_the_filter_of_a_list_is_kept_under_a_name_and_is_a_link_above_it(desk: Client, maria: User) -> None:
    assert links(desk, EVENTS) == {}
    assert 'name="query" value="age=older&amp;q=12"' in shown(desk, f"{EVENTS}?age=older&q=12&p=1")
    assert save(desk, query="age=older&q=12&p=2&odd=1") == (f"{EVENTS}?age=older&q=12", "Saved this filter as Old.")
    assert links(desk, EVENTS) == {"Old": f"{EVENTS}?age=older&q=12"}
    assert 'name="query"' not in shown(desk, f"{EVENTS}?age=older&q=12")
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_repr) == (maria, "Old")


@pytest.mark.parametrize("place", ["sync.test", "sync.bug", "sync.syncevent", "problematic.retryjob"])
def test_filters_of_the_other_lists_are_kept_too(desk: Client, place: str) -> None:
    address = f"/admin/{place.replace('.', '/')}/"
    assert save(desk, place, query="q=5") == (f"{address}?q=5", "Saved this filter as Old.")
    assert links(desk, address) == {"Old": f"{address}?q=5"}
    assert links(desk, EVENTS) == {}


def test_a_list_that_is_not_filtered_offers_nothing_to_keep(desk: Client) -> None:
    assert "Save this filter" not in shown(desk, f"{EVENTS}?p=1")
    said = "Nothing was saved: this list is not filtered. Choose a filter or search first."
    assert save(desk, query="p=1") == (EVENTS, said)
    assert SavedFilter.objects.count() == 0


@pytest.mark.parametrize("name", ["", " ", "x" * 61])
def test_a_filter_needs_a_name_that_fits(desk: Client, name: str) -> None:
    assert save(desk, name=name)[1].startswith("Nothing was saved.")
    assert SavedFilter.objects.count() == 0


def test_a_name_is_used_once_for_each_list(desk: Client) -> None:
    save(desk)
    said = "Nothing was saved. You have a filter of that name for this list. Choose another name."
    assert save(desk, name="OLD", query="age=7")[1] == said
    assert save(desk, "sync.bug", query="q=5")[1] == "Saved this filter as Old."


def test_nobody_keeps_more_filters_of_a_list_than_anybody_reads(desk: Client, maria: User) -> None:
    for number in range(MOST):
        kept(maria, name=str(number))
    assert save(desk)[1] == f"Nothing was saved: you have {MOST} filters of this list. Delete one first."


def test_only_filters_for_everybody_are_shown_to_others(desk: Client, customer: Customer) -> None:
    save(desk, name="Mine")
    save(desk, name="Ours", query="age=7", is_shared="on")
    assert links(viewer(customer), EVENTS) == {"Ours (maria)": f"{EVENTS}?age=7"}
    assert links(desk, EVENTS) == {"Mine": f"{EVENTS}?age=older", "Ours (everybody)": f"{EVENTS}?age=7"}


def test_a_shared_filter_that_names_what_somebody_may_not_see_is_not_shown_to_them(
    maria: User, customer: Customer
) -> None:
    ours, theirs = ProductFactory.create(customer=customer), ProductFactory.create()
    kept(maria, name="a", is_shared=True, query=f"customer={customer.name}")
    kept(maria, name="b", is_shared=True, query=f"customer={theirs.customer.name}")
    kept(maria, name="c", is_shared=True, query=f"product__id__exact={ours.pk}")
    kept(maria, name="d", is_shared=True, query=f"product__id__exact={theirs.pk}")
    client = viewer(customer)
    assert [name[0] for name in links(client, EVENTS)] == ["a", "c"]
    assert theirs.customer.name not in shown(client, EVENTS)


def test_filters_of_lists_that_somebody_may_not_see_are_neither_kept_nor_shown(maria: User) -> None:
    kept(maria, is_shared=True)
    client = with_session(User.objects.create(username="nobody", is_staff=True))
    assert client.post(SAVE, {"place": "sync.bug", "name": "x", "query": "q=1"}).status_code == 403
    assert "Old" not in shown(client, MINE)


@pytest.mark.parametrize("place", ["auth.user", "sync.nothing", "https://example.org", "", "sync"])
def test_only_lists_of_this_site_have_filters(desk: Client, place: str) -> None:
    assert desk.post(SAVE, {"place": place, "name": "x", "query": "q=1"}).headers["Location"] == MINE
    assert SavedFilter.objects.count() == 0


def test_keeping_a_filter_takes_a_post(desk: Client) -> None:
    assert desk.get(SAVE, {"place": "sync.bug", "name": "x", "query": "q=1"}).status_code == 302
    assert SavedFilter.objects.count() == 0


@given(st.text())
def test_whatever_is_sent_leads_to_a_list_of_this_site(query: str) -> None:
    page = saved_filters.page_of("sync.bug")
    assert page is not None
    cleaned = saved_filters.cleaned(page, query)
    assert re.fullmatch(r"[\w.%~+=&-]*", cleaned, re.ASCII)
    assert saved_filters.cleaned(page, cleaned) == cleaned


@pytest.mark.parametrize(
    "query", ["//example.org", "https://example.org/?q", "next=//example.org", "q=%00", "x" * 3_000]
)
def test_what_is_no_filter_is_not_kept(desk: Client, query: str) -> None:
    assert save(desk, query=query)[0] == EVENTS
    assert SavedFilter.objects.count() == 0


def test_ones_own_filters_are_renamed_shared_and_deleted(desk: Client, maria: User) -> None:
    row = kept(maria)
    assert f"{MINE}{row.pk}/change/" in shown(desk, f"{EVENTS}?age=older")
    desk.post(f"{MINE}{row.pk}/change/", {"name": "Older", "is_shared": "on"})
    row.refresh_from_db()
    assert (row.name, row.is_shared, row.query) == ("Older", True, "age=older")
    desk.post(f"{MINE}{row.pk}/delete/", {"post": "yes"})
    assert SavedFilter.objects.count() == 0


def test_nobody_changes_or_deletes_the_filters_of_others(maria: User, customer: Customer) -> None:
    row = kept(maria, is_shared=True)
    client = viewer(customer)
    for view, data in (("change", {"name": "x"}), ("delete", {"post": "yes"})):
        client.post(f"{MINE}{row.pk}/{view}/", data)
    assert SavedFilter.objects.get().name == "Old"
    assert "Old" not in shown(client, MINE)


def test_names_are_shown_inert(desk: Client, maria: User) -> None:
    kept(maria, name="<script>alert(1)</script>", is_shared=True)
    assert "<script>alert" not in shown(desk, EVENTS) + shown(desk, MINE) + shown(desk, list_page(Test))
