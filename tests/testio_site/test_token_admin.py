"""API tokens in the admin: the secret is in one answer, everybody has their own, and what ended stays to be seen."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from sync.models import Customer
from testio_site import tokens
from testio_site.models import ApiToken
from tests.factories import CustomerFactory
from tests.sync.admin.pages import listed, queries, shown
from tests.testio_site.callers import member, token_of, with_session, with_token

pytestmark = pytest.mark.django_db

LIST, ADD = "/admin/testio_site/apitoken/", "/admin/testio_site/apitoken/add/"


@pytest.fixture
def acme() -> Customer:
    return CustomerFactory.create(name="acme")


@pytest.fixture
def mia(acme: Customer) -> User:
    return member(acme, staff=True)


@pytest.fixture
def client(mia: User) -> Client:
    return with_session(mia)


def add(client: Client, **values: Any) -> Any:
    return client.post(ADD, {"name": "ci", "scopes": ["read"], "life": "90", **values})


def page(token: ApiToken, view: str = "change") -> str:
    return reverse(f"admin:testio_site_apitoken_{view}", args=[token.pk])


def errors(answer: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = answer.context["adminform"].form.errors
    return found


def test_the_secret_is_shown_in_the_answer_and_never_again(client: Client, mia: User, acme: Customer) -> None:
    answer = add(client, customers=[acme.pk])
    (secret,) = re.findall(r"desk_[\w-]{43}", answer.content.decode())
    assert "no-store" in answer["Cache-Control"]
    assert Client(headers={"Authorization": f"Bearer {secret}"}).get("/api/v1/problematic/events").status_code == 200
    token = ApiToken.objects.get()
    assert (token.owner, token.scopes, list(token.customers.all())) == (mia, ["read"], [acme])
    assert token.expires_at is not None
    later = "".join(shown(client, address) for address in (LIST, page(token), page(token, "history"), "/admin/"))
    assert (secret in later, token.digest.hex() in later, token.beginning in later) == (False, False, True)


def test_only_a_token_without_an_end_is_valid_for_ever(client: Client) -> None:
    add(client, all_customers="on", life="never")
    assert ApiToken.objects.get().expires_at is None
    assert errors(add(client, name="other", all_customers="on", life=""))["life"]


def test_a_form_that_makes_no_sense_is_answered_with_what_to_correct(client: Client, acme: Customer) -> None:
    stranger = CustomerFactory.create(name="initech")
    assert errors(add(client)) == {"__all__": ["Choose at least one customer, or all of the owner's."]}
    assert list(errors(add(client, customers=[stranger.pk]))) == ["customers"]
    assert list(errors(add(client, customers=[acme.pk], all_customers="on"))) == ["customers"]
    assert list(errors(add(client, customers=[acme.pk], scopes=["all"]))) == ["scopes"]
    token_of(User.objects.get(username="mia"))
    taken = 'mia has a token "ci" already. Revoke it first, or choose another name.'
    assert errors(add(client, all_customers="on")) == {"__all__": [taken]}
    assert "initech" not in shown(client, ADD)


def test_nobody_makes_a_token_for_somebody_else_unless_they_manage_tokens(
    client: Client, admin_client: Client, mia: User
) -> None:
    admin = User.objects.get(username="admin")
    add(client, all_customers="on", owner=admin.pk)
    assert ApiToken.objects.get().owner == mia
    add(admin_client, all_customers="on", owner=mia.pk, name="for mia")
    assert ApiToken.objects.get(name="for mia").owner == mia


def test_everybody_sees_their_own_tokens_and_those_who_manage_them_see_all(
    client: Client, admin_client: Client, mia: User
) -> None:
    mine, other = token_of(mia), token_of(member(name="nell"))
    assert (listed(client, LIST), set(listed(admin_client, LIST))) == ([mine.pk], {mine.pk, other.pk})
    assert client.get(page(other)).status_code == 302
    assert client.post(page(other, "revoke")).status_code == 404
    client.post(LIST, {"action": "revoke_selected", "_selected_action": [str(other.pk)], "index": "0"})
    assert ApiToken.objects.get(pk=other.pk).revoked_at is None


def test_a_token_is_revoked_on_its_page_after_a_question_or_in_the_list(client: Client, mia: User) -> None:
    token, second = token_of(mia), token_of(mia, name="second")
    assert page(token, "revoke") in shown(client, page(token))
    assert "Yes, revoke it" in shown(client, page(token, "revoke"))
    assert with_token(token).get("/api/v1/problematic/events").status_code == 200
    client.post(page(token, "revoke"))
    client.post(LIST, {"action": "revoke_selected", "_selected_action": [str(second.pk)], "index": "0"})
    for each in (token, second):
        assert with_token(each).get("/api/v1/problematic/events").status_code == 401
        assert page(each, "revoke") not in shown(client, page(each))
    assert [entry.change_message for entry in LogEntry.objects.all()] == ["Revoked.", "Revoked."]


def test_nothing_about_a_token_is_changed_afterwards_and_it_is_not_deleted(client: Client, mia: User) -> None:
    token = token_of(mia)
    assert client.post(page(token), {"name": "other"}).status_code == 403
    assert client.post(page(token, "delete"), {"post": "yes"}).status_code == 403
    assert "delete_selected" not in shown(client, LIST)


def test_a_user_with_tokens_can_be_deleted_by_an_administrator(admin_client: Client, mia: User) -> None:
    token_of(mia)
    admin_client.post(reverse("admin:auth_user_delete", args=[mia.pk]), {"post": "yes"})
    assert (User.objects.filter(pk=mia.pk).exists(), ApiToken.objects.exists()) == (False, False)


def test_the_list_says_how_each_token_stands_for_the_same_price(admin_client: Client, mia: User) -> None:
    made = [token_of(mia, name="valid", customers=list(mia.customers.all()))]
    few = len(queries(admin_client, LIST))
    made += [token_of(mia, name=name) for name in ("expired", "revoked", "another")]
    ApiToken.objects.filter(name="expired").update(expires_at="2026-01-01T00:00:00Z")
    tokens.revoke(made[2])
    assert len(queries(admin_client, LIST)) == few
    html = shown(admin_client, LIST)
    assert [word for word in ("valid", "expired", "revoked", "acme", "never") if word not in html] == []
