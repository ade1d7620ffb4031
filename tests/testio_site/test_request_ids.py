"""Every answer names its request, and so does every problem."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("address", ["/health", "/api/v1/products", "/api/nothing", "/admin/login/", "/nothing"])
def test_every_answer_has_an_id_of_its_own(client: Client, address: str) -> None:
    found = [client.get(address)["X-Request-ID"] for _ in range(2)]
    assert [re.fullmatch(r"[0-9a-f-]{36}", each) is not None for each in found] == [True, True]
    assert found[0] != found[1]


def test_an_id_that_comes_in_is_kept_and_named_in_the_problem(client: Client) -> None:
    answer = client.get("/api/v1/products", headers={"X-Request-ID": "page-7:42"})
    assert (answer["X-Request-ID"], answer.json()["request_id"]) == ("page-7:42", "page-7:42")


@pytest.mark.parametrize("odd", ["", "two words", "a" * 65, "a\nb", "<script>", "ü"])
def test_an_id_that_is_none_is_replaced(client: Client, odd: str) -> None:
    answer = client.get("/health", headers={"X-Request-ID": odd})
    assert re.fullmatch(r"[0-9a-f-]{36}", answer["X-Request-ID"])


def test_a_problem_of_one_request_is_not_given_the_id_of_another(client: Client) -> None:
    client.force_login(User.objects.create_superuser("tess"))
    first, second = (client.get("/api/v1/products/1") for _ in range(2))
    assert [first.json()["request_id"], second.json()["request_id"]] == [first["X-Request-ID"], second["X-Request-ID"]]
    assert first["X-Request-ID"] != second["X-Request-ID"]
