"""The front door: the first page, what is offered there, and what is said where nothing is."""

import pytest
from django.test import Client

from sync.models import Bug, Customer
from tests.sync.admin.pages import list_page, shown

pytestmark = pytest.mark.django_db


def test_the_first_page_asks_for_a_login(client: Client) -> None:
    response = client.get("/", follow=True)
    assert [address for address, _ in response.redirect_chain] == ["/login/?next=/"]


def test_a_page_that_does_not_exist_says_so(client: Client) -> None:
    response = client.get("/nothing-here/")
    assert (response.status_code, "There is no such page." in response.content.decode()) == (404, True)


def test_an_empty_list_says_how_it_fills_and_an_empty_search_what_to_do(admin_client: Client) -> None:
    assert "A sync fills this list with what TestIO has." in shown(admin_client, list_page(Bug))
    assert "Add the first with the button at the top." in shown(admin_client, list_page(Customer))
    assert "Change the search or the filters" in shown(admin_client, f"{list_page(Bug)}?q=nothing")
