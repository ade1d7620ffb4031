"""Where a token may be sent, and that a name cannot lead it elsewhere between being judged and being called."""

import socket
from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from pytest_django import Settings

from sync.limiter import LocalLimiter
from sync.models.customer import refuse_unsafe_address
from sync.testio import address
from sync.testio.asking import Patience
from sync.testio.client import TestIOClient
from sync.testio.errors import TestIOUnavailable, TestIOUnexpected

Lead = Callable[..., None]
BASE = "https://api.example.com/customer/v2"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Lead:
    """Lets every name lead to these addresses, one answer after the other, the last for ever; no packet leaves."""

    def lead(*answers: list[str]) -> None:
        left = list(answers)

        def look_up(host: str, port: int, *_: object, **__: object) -> list[tuple[object, ...]]:
            found = left.pop(0) if len(left) > 1 else left[0]
            if not found:
                raise socket.gaierror("no such name")
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, port)) for text in found]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)

    return lead


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("93.184.215.14", True), ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True), ("127.0.0.1", False),
        ("10.1.2.3", False), ("172.16.0.1", False), ("192.168.1.1", False), ("100.64.0.1", False),
        ("169.254.169.254", False), ("0.1.2.3", False), ("224.0.0.1", False), ("255.255.255.255", False),
        ("::1", False), ("::", False), ("fe80::1", False), ("fe80::1%eth0", False), ("fd00:ec2::254", False),
        ("ff02::1", False), ("::ffff:10.0.0.1", False), ("::ffff:169.254.169.254", False),
        ("64:ff9b::a9fe:a9fe", False), ("2002:7f00:1::", False),
        ("192.0.0.192", False), ("192.0.0.9", False), ("192.0.1.1", True), ("192.88.99.1", False),
        ("192.88.100.1", True), ("::ffff:192.0.0.192", False), ("2002:c000:c0::1", False), ("::ffff:8.8.8.8", True),
        ("64:ff9b::808:808", True), ("64:ff9b:1::808:808", False), ("100:0:0:1::1", False), ("5f00::1", False),
        ("3fff::1", False), ("2001:1::1", False), ("2001:4860:4860::8888", True), ("fec0::1", False),
        ("::8.8.8.8", False),
    ],
)  # fmt: skip
def test_only_addresses_on_the_internet_are_public(text: str, public: bool) -> None:
    assert address.is_public(text) is public


def test_a_name_that_leads_into_a_private_network_is_refused_when_it_is_entered(
    names: Lead, settings: Settings
) -> None:
    settings.TESTIO_ALLOW_PRIVATE_ADDRESSES = False
    names(["169.254.169.254"])
    with pytest.raises(ValidationError, match="leads into a private network"):
        refuse_unsafe_address(BASE)
    settings.TESTIO_ALLOW_PRIVATE_ADDRESSES = True
    refuse_unsafe_address(BASE)
    with pytest.raises(ValidationError, match="must be an https:// address"):
        refuse_unsafe_address("http://api.example.com/customer/v2")


@pytest.mark.parametrize("found", [["93.184.215.14", "10.0.0.1"], []])
def test_a_name_with_a_public_address_or_with_none_right_now_can_be_entered(
    names: Lead, settings: Settings, found: list[str]
) -> None:
    settings.TESTIO_ALLOW_PRIVATE_ADDRESSES = False
    names(found)
    refuse_unsafe_address(BASE)


def ask(base_url: str) -> None:
    with TestIOClient(base_url, "token", limiter=LocalLimiter(1), patience=Patience(attempts=1)) as client:
        client.products()


@pytest.mark.parametrize("base_url", [BASE, "http://127.0.0.1:9/customer/v2", "https://[::1]/customer/v2"])
def test_no_call_is_made_into_a_private_network(names: Lead, base_url: str) -> None:
    names(["127.0.0.1"])
    with pytest.raises(TestIOUnexpected, match="leads into a private network, where its token must not be sent"):
        ask(base_url)


def test_the_address_that_was_judged_is_the_one_that_is_called(names: Lead, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is public when it is judged and private a moment later (DNS rebinding)."""
    called: list[tuple[str, int]] = []

    def connect(where: tuple[str, int], *_: object, **__: object) -> socket.socket:
        called.append(where)
        raise OSError("no packet leaves a test")

    monkeypatch.setattr(socket, "create_connection", connect)
    names(["93.184.215.14", "10.0.0.1", "93.184.215.15"], ["127.0.0.1"])
    with pytest.raises(TestIOUnavailable, match="could not be reached"):
        ask(BASE)
    assert called == [("93.184.215.14", 443), ("93.184.215.15", 443)]


def test_a_name_that_cannot_be_looked_up_is_passing_trouble(names: Lead) -> None:
    names([])
    with pytest.raises(TestIOUnavailable, match="could not be reached"):
        ask(BASE)
