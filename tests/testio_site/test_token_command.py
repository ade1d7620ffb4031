"""`manage.py token`: the secret on standard output and nowhere else, once."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from testio_site import tokens
from testio_site.models import ApiToken
from tests.factories import CustomerFactory
from tests.testio_site.callers import member, token_of, with_token

pytestmark = pytest.mark.django_db

EVENTS = "/api/v1/problematic/events"


@pytest.fixture
def mia() -> User:
    return member(CustomerFactory.create(name="acme"), CustomerFactory.create(name="globex"))


def run(*arguments: str) -> None:
    call_command("token", *arguments)


def documents(*arguments: str, capsys: pytest.CaptureFixture[str]) -> Any:
    run(*arguments, "--json")
    return json.loads(capsys.readouterr().out)


def test_a_created_token_is_its_secret_on_standard_output_alone(mia: User, capsys: pytest.CaptureFixture[str]) -> None:
    run("create", "--name", "ci", "--owner", "mia", "--all-customers")
    printed = capsys.readouterr()
    secret = printed.out.removesuffix("\n")
    assert Client(headers={"Authorization": f"Bearer {secret}"}).get(EVENTS).status_code == 200
    assert (secret[9:] in printed.err, "it is not shown again" in printed.err) == (False, True)
    token = ApiToken.objects.get()
    assert (token.scopes, token.all_customers) == (["read"], True)
    assert token.expires_at is not None
    assert round((token.expires_at - timezone.now()).total_seconds() / 86400) == tokens.DAYS


def test_everything_about_a_token_can_be_said(mia: User, capsys: pytest.CaptureFixture[str]) -> None:
    said = ("--scopes", "operate", "read", "--customers", "acme", "--never-expires")
    made = documents("create", "--name", "ci", "--owner", "mia", *said, capsys=capsys)
    assert made.pop("secret").startswith(made["beginning"])
    shown = {name: made[name] for name in ("owner", "scopes", "all_customers", "customers", "expires_at")}
    assert shown == {
        "owner": "mia",
        "scopes": ["read", "operate"],
        "all_customers": False,
        "customers": ["acme"],
        "expires_at": None,
    }
    assert documents("list", capsys=capsys) == {"tokens": [made]}


def test_a_list_shows_no_secret_and_ended_tokens_only_when_asked(mia: User, capsys: pytest.CaptureFixture[str]) -> None:
    token, ended = token_of(mia), token_of(mia, name="old")
    tokens.revoke(ended)
    run("list", "--owner", "mia")
    few = capsys.readouterr().out
    run("list", "--all")
    printed = capsys.readouterr().out
    assert ([name in few for name in ("ci", "old")], [name in printed for name in ("ci", "old")]) == (
        [True, False],
        [True, True],
    )
    assert [secret for secret in (token.secret, ended.secret) if str(secret)[9:] in printed] == []


@pytest.mark.parametrize("named", ["pk", "name", "beginning", "secret"])
def test_a_token_is_revoked_by_any_of_its_names(mia: User, capsys: pytest.CaptureFixture[str], named: str) -> None:
    token = token_of(mia)
    run("revoke", str(getattr(token, named)))
    run("revoke", str(token.pk))
    said = f"Token {token} of mia"
    assert capsys.readouterr().out == f"{said} is revoked.\n{said} was revoked before.\n"
    assert with_token(token).get(EVENTS).status_code == 401


def test_a_name_that_several_have_needs_its_owner(mia: User) -> None:
    mine, theirs = token_of(mia), token_of(member(name="nell"))
    with pytest.raises(CommandError, match=f"{mine.pk} \\(mia\\)"):
        run("revoke", "ci")
    run("revoke", "ci", "--owner", "nell")
    assert list(ApiToken.objects.usable()) == [mine]
    assert ApiToken.objects.get(pk=theirs.pk).revoked_at is not None


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("create", "--name", "x", "--owner", "nobody", "--all-customers"), 1, 'There is no user "nobody".'),
        (
            ("create", "--name", "x", "--owner", "mia", "--customers", "initech"),
            1,
            'no customer "initech". Known: acme',
        ),
        (("create", "--name", "ci", "--owner", "mia", "--all-customers"), 1, 'mia has a token "ci" already.'),
        (("create", "--name", "x", "--owner", "mia", "--all-customers", "--days", "0"), 2, "--days is a number from 1"),
        (("revoke", "nothing"), 1, "There is no such token."),
        (("revoke", "desk_none"), 1, "There is no such token."),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_the_right_code(
    mia: User, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, said: str
) -> None:
    token_of(mia)
    with pytest.raises(CommandError, match=said) as refusal:
        run(*arguments, "--json")
    assert refusal.value.returncode == code
    assert json.loads(capsys.readouterr().out)["exit_code"] == code
    assert ApiToken.objects.count() == 1
