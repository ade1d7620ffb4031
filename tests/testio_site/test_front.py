"""The front door: the first page, what is offered there, and what is said where nothing is."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client, RequestFactory

from sync.models import Bug, Customer
from testio_site.navigation import sidebar
from tests.sync.admin.pages import MODELS, list_page, shown

pytestmark = pytest.mark.django_db


def _offered(user: User) -> dict[str, list[str]]:
    request = RequestFactory().get("/admin/")
    request.user = user
    return {group["title"]: [item["title"] for item in group["items"]] for group in sidebar(request)}


def test_the_first_page_asks_for_a_login(client: Client) -> None:
    response = client.get("/", follow=True)
    assert [address for address, _ in response.redirect_chain] == ["/admin/login/?next=/"]


def test_every_model_is_offered_once() -> None:
    offered = [title for titles in _offered(User(is_staff=True, is_superuser=True)).values() for title in titles]
    expected = [str(model._meta.verbose_name_plural).capitalize() for model in MODELS]
    assert [(title, offered.count(title)) for title in expected if offered.count(title) != 1] == []


def test_only_what_somebody_may_see_is_offered() -> None:
    reader = User.objects.create(username="reader", is_staff=True)
    reader.user_permissions.add(Permission.objects.get(codename="view_bug"))
    assert _offered(reader) == {"TestIO": ["Bugs"]}


def test_a_page_that_does_not_exist_says_so(client: Client) -> None:
    response = client.get("/nothing-here/")
    assert (response.status_code, "There is no such page." in response.content.decode()) == (404, True)


def test_an_empty_list_says_how_it_fills_and_an_empty_search_what_to_do(admin_client: Client) -> None:
    assert "A sync fills this list with what TestIO has." in shown(admin_client, list_page(Bug))
    assert "Add the first with the button at the top." in shown(admin_client, list_page(Customer))
    assert "Change the search or the filters" in shown(admin_client, f"{list_page(Bug)}?q=nothing")
