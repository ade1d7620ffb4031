"""API tokens: what they open, for whom, until when, and that nobody learns more than they should."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from sync.models import Customer
from testio_site import tokens
from testio_site.models import ApiToken
from testio_site.roles import Scope
from testio_site.tokens import NewToken, TokenError, TokenRefused
from tests.factories import CustomerFactory, ProductFactory
from tests.testio_site.callers import member, token_of, with_session, with_token

pytestmark = pytest.mark.django_db

PRODUCTS, CLEAR = "/api/v1/products", "/api/v1/problematic/clear"


@pytest.fixture
def acme() -> Customer:
    return CustomerFactory.create(name="acme")


@pytest.fixture
def globex() -> Customer:
    return CustomerFactory.create(name="globex")


@pytest.fixture
def mia(acme: Customer, globex: Customer) -> User:
    return member(acme, globex, role="Operator")


def products(client: Client) -> list[int]:
    answer = client.get(PRODUCTS)
    assert answer.status_code == 200
    return [row["id"] for row in answer.json()["products"]]


def refusal(answer: Any) -> tuple[int, str, str]:
    assert answer["Content-Type"] == "application/problem+json"
    document = answer.json()
    return answer.status_code, document["type"], document["detail"]


def clear(client: Client) -> Any:
    return client.post(CLEAR, {"product_ids": []}, content_type="application/json")


# Its secret -----------------------------------------------------------------------------------------------------------


def test_a_secret_is_long_marked_as_ours_and_kept_only_as_its_hash(mia: User) -> None:
    token = token_of(mia)
    secret = str(token.secret)
    assert (secret[:5], len(secret)) == ("desk_", 48)
    stored = ApiToken.objects.filter(pk=token.pk).values().get()
    assert secret[10:] not in repr(stored)
    assert (stored["beginning"], secret.startswith(stored["beginning"])) == (secret[:9], True)
    assert ApiToken.objects.get(pk=token.pk).secret is None


def test_no_two_secrets_are_alike(mia: User) -> None:
    assert len({token_of(mia, name=str(number)).secret for number in range(20)}) == 20


# What it opens --------------------------------------------------------------------------------------------------------


def test_a_program_reads_and_changes_with_its_token_alone(mia: User, acme: Customer) -> None:
    product = ProductFactory.create(customer=acme)
    client = with_token(token_of(mia, *Scope))
    assert products(client) == [product.pk]
    assert clear(client).status_code == 200
    assert client.cookies == {}


def test_a_token_may_what_its_scopes_say_and_no_more(mia: User) -> None:
    reading, triaging = with_token(token_of(mia)), with_token(token_of(mia, Scope.TRIAGE, name="triage"))
    assert (reading.get(PRODUCTS).status_code, triaging.get(PRODUCTS).status_code) == (200, 403)
    assert clear(triaging).status_code == 200
    status, kind, detail = refusal(clear(reading))
    assert (status, kind) == (403, "/problems/forbidden")
    assert detail == "Your token's scopes leave out the permission problematic.clear_events. Create one with more."


def test_a_token_never_may_more_than_its_owner(acme: Customer) -> None:
    viewer = member(acme)
    client = with_token(token_of(viewer, *Scope))
    assert client.get(PRODUCTS).status_code == 200
    detail = "Your account lacks the permission problematic.clear_events. Ask an administrator for it."
    assert refusal(clear(client)) == (403, "/problems/forbidden", detail)
    viewer.groups.clear()
    assert client.get(PRODUCTS).status_code == 403


def test_a_token_sees_its_customers_as_long_as_its_owner_does(mia: User, acme: Customer, globex: Customer) -> None:
    here, there = ProductFactory.create(customer=acme).pk, ProductFactory.create(customer=globex).pk
    all_of_them = with_token(token_of(mia, name="all"))
    some = with_token(token_of(mia, name="some", customers=[acme]))
    assert (sorted(products(all_of_them)), products(some)) == ([here, there], [here])
    mia.customers.remove(acme)
    assert (products(all_of_them), products(some)) == ([there], [])
    mia.user_permissions.add(Permission.objects.get(codename="see_all_customers"))
    assert (sorted(products(all_of_them)), products(some)) == ([here, there], [here])


def test_a_token_of_one_customer_sees_nothing_once_that_customer_is_gone(mia: User, acme: Customer) -> None:
    ProductFactory.create()
    client = with_token(token_of(mia, customers=[acme]))
    acme.delete()
    assert products(client) == []


def test_a_request_with_a_session_and_a_token_is_the_tokens(mia: User, acme: Customer) -> None:
    ProductFactory.create(customer=acme)
    browser = with_session(User.objects.create_superuser("admin"))
    token = token_of(member(name="nell"))
    assert len(products(browser)) == 1
    assert browser.get(PRODUCTS, headers={"Authorization": f"Bearer {token.secret}"}).json()["products"] == []
    assert browser.get(PRODUCTS, headers={"Authorization": "Bearer desk_wrong"}).status_code == 401
    assert browser.get(PRODUCTS, headers={"Authorization": "Basic bmVsbDpuZWxs"}).status_code == 200  # of a proxy


@pytest.mark.parametrize("written", ["Bearer {}", "bearer {}", "BEARER   {}"])
def test_the_scheme_is_understood_however_it_is_written(mia: User, client: Client, written: str) -> None:
    authorization = written.format(token_of(mia).secret)
    assert client.get(PRODUCTS, headers={"Authorization": authorization}).status_code == 200


# What is refused ------------------------------------------------------------------------------------------------------


def test_a_token_that_ended_says_so_to_whoever_has_its_secret(mia: User) -> None:
    token = token_of(mia)
    client = with_token(token)
    past = timezone.now() - timedelta(seconds=1)
    for values, said in (
        ({"expires_at": past}, 'The API token "ci" expired on'),
        ({"revoked_at": past}, 'The API token "ci" was revoked on'),
    ):
        ApiToken.objects.filter(pk=token.pk).update(**values)
        answer = client.get(PRODUCTS)
        status, kind, detail = refusal(answer)
        assert (status, kind, detail.startswith(said)) == (401, "/problems/token-refused", True)
        assert detail.endswith("Create a new one.")
        assert answer["WWW-Authenticate"] == 'Bearer realm="TestIO Desk", error="invalid_token"'


def test_a_token_of_an_owner_who_was_switched_off_opens_nothing(mia: User) -> None:
    client = with_token(token_of(mia))
    mia.is_active = False
    mia.save()
    detail = 'The owner of the API token "ci" is switched off. Create one for another user.'
    assert refusal(client.get(PRODUCTS)) == (401, "/problems/token-refused", detail)


@pytest.mark.parametrize("change", [lambda text: text[:-1], lambda text: text + "A", lambda text: text.swapcase(), len])
def test_what_is_nearly_a_secret_is_not_known(mia: User, client: Client, change: Any) -> None:
    wrong = change(str(token_of(mia).secret))
    answer = client.get(PRODUCTS, headers={"Authorization": f"Bearer {wrong}"})
    detail = "This API token is not known here. Check that it was copied whole, or create a new one."
    assert refusal(answer) == (401, "/problems/token-refused", detail)


def test_a_revoked_token_stays_revoked_and_its_name_is_free_again(mia: User) -> None:
    token = token_of(mia)
    assert (tokens.revoke(token), tokens.revoke(token)) == (True, False)
    assert with_token(token_of(mia)).get(PRODUCTS).status_code == 200
    assert with_token(token).get(PRODUCTS).status_code == 401


class _Guessing(TestCase):
    @given(st.text(max_size=100))
    def test_any_text_is_refused_like_any_other(self, text: str) -> None:
        with pytest.raises(TokenRefused, match="not known"):
            tokens.verify(text)


# How it is made -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"scopes": ()}, "A token needs at least one scope"),
        ({"customers": []}, "Choose at least one customer"),
        ({"name": "  "}, "This field cannot be blank."),
        ({"name": "x" * 101}, "at most 100 characters"),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "It would have expired already"),
    ],
)
def test_a_token_that_would_be_of_no_use_is_not_made(mia: User, change: dict[str, Any], said: str) -> None:
    wanted: dict[str, Any] = {"name": "ci", "owner": mia, "expires_at": None} | change
    with pytest.raises(TokenError, match=said):
        tokens.create(NewToken(**wanted))
    assert not ApiToken.objects.exists()


def test_a_token_is_not_made_for_customers_its_owner_does_not_see_nor_for_an_owner_who_is_off(mia: User) -> None:
    stranger = CustomerFactory.create(name="initech")
    with pytest.raises(TokenError, match="mia does not see initech, so a token of theirs cannot"):
        token_of(mia, customers=[stranger])
    mia.is_active = False
    with pytest.raises(TokenError, match="switched off"):
        token_of(mia)


def test_an_owner_has_one_valid_token_of_a_name(mia: User) -> None:
    token_of(mia)
    with pytest.raises(TokenError, match='mia has a token "ci" already'):
        token_of(mia)
    twin = ApiToken(name="ci", owner=mia, digest=b"x" * 32, beginning="desk_x", scopes=["read"])
    with pytest.raises(IntegrityError), transaction.atomic():
        twin.save()
    assert token_of(member(name="nell")).name == "ci"


@pytest.mark.parametrize("values", [{"scopes": []}, {"scopes": ["all"]}, {"digest": b"short"}])
def test_the_database_refuses_tokens_that_make_no_sense(mia: User, values: dict[str, Any]) -> None:
    token = ApiToken(**{"name": "odd", "owner": mia, "digest": b"x" * 32, "scopes": ["read"]} | values)
    with pytest.raises(IntegrityError), transaction.atomic():
        token.save()


# What it costs --------------------------------------------------------------------------------------------------------


def test_verifying_is_one_query_however_many_customers_there_are(mia: User, acme: Customer) -> None:
    token = token_of(mia, customers=[acme])
    mia.customers.add(*CustomerFactory.create_batch(5))
    with_token(token).get(PRODUCTS)  # which writes when it was used
    with CaptureQueriesContext(connection) as queries:
        _, access = tokens.verify(str(token.secret))
        assert (access.may("sync.view_product"), access.may("sync.run_syncs")) == (True, False)
    assert access.customers == frozenset([acme.pk])
    assert len([query for query in queries if "apitoken" in query["sql"]]) == 1
    assert len(queries) == 3  # and the owner's permissions: their own, and their groups'


def test_when_it_was_last_used_is_kept_to_the_minute(mia: User) -> None:
    token = token_of(mia)
    client = with_token(token)
    assert ApiToken.objects.get().last_used_at is None
    used: list[datetime | None] = []
    for _ in range(2):
        client.get(PRODUCTS)
        used.append(ApiToken.objects.get().last_used_at)
    assert used[0] == used[1] is not None
    ApiToken.objects.update(last_used_at=timezone.now() - timedelta(minutes=2))
    client.get(PRODUCTS)
    assert ApiToken.objects.filter(last_used_at__gt=timezone.now() - timedelta(minutes=1)).exists()
