"""One login for everybody, staff or not; and the way out, one's password and one's second factor on pages of all."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from testio_site import throttle
from testio_site.entrance import second_factor
from tests.testio_site.test_entrance import code_of

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def cheap_hashes(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def viewer(cheap_hashes: None) -> User:
    """Has the role, and is not staff."""
    user = User.objects.create_user("vera", password=PASSWORD)
    user.groups.add(Group.objects.get(name="Viewer"))
    return user


@pytest.fixture
def maria(cheap_hashes: None) -> User:
    return User.objects.create_user("maria", password=PASSWORD, is_staff=True, is_superuser=True)


def _enter(client: Client, address: str, name: str = "vera", password: str = PASSWORD) -> str:
    response = client.post(address, {"username": name, "password": password}, REMOTE_ADDR="10.1.1.1")
    return response.headers.get("Location", str(response.status_code))


@pytest.mark.parametrize("address", ["/login/", "/admin/login/"])
def test_somebody_who_is_not_staff_logs_in_and_sees_pages_only(viewer: User, address: str) -> None:
    client = Client()
    assert client.get("/").headers["Location"] == "/login/?next=/"
    assert _enter(client, address) == "/"
    assert client.get("/").status_code == 200
    assert client.get("/admin/").headers["Location"] == "/admin/login/?next=/admin/"


def test_whoever_the_admin_turns_away_is_told_as_whom_they_are_logged_in(viewer: User) -> None:
    client = Client()
    client.force_login(viewer)
    page = client.get("/admin/", follow=True)
    assert [address for address, _ in page.redirect_chain] == ["/admin/login/?next=/admin/"]
    assert "You are logged in as vera, who may not open this page." in page.content.decode()


def test_staff_who_come_by_the_admins_login_are_led_to_the_admin(maria: User) -> None:
    client = Client()
    assert _enter(client, "/admin/login/", "maria") == "/admin/"
    assert client.get("/admin/login/").headers["Location"] == "/admin/"
    assert _enter(Client(), "/login/", "maria") == "/"


@pytest.mark.parametrize("address", ["/login/", "/admin/login/"])
def test_a_name_longer_than_any_is_nobodys(address: str) -> None:
    assert [_enter(Client(), address, name="v" * length) for length in (150, 151, 256, 5_000)] == ["200"] * 4


def test_from_one_address_only_so_many_logins_are_tried_by_whatever_names(
    viewer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "LOGINS", 3)
    assert [_enter(Client(), "/login/", name=f"v{number}") for number in range(4)] == ["200", "200", "200", "429"]
    elsewhere = Client().post("/login/", {"username": "vera", "password": PASSWORD}, REMOTE_ADDR="10.1.1.2")
    assert elsewhere.headers["Location"] == "/"


def test_whoever_is_logged_in_is_led_on_and_never_in_a_circle(viewer: User) -> None:
    client = Client()
    client.force_login(viewer)
    assert client.get("/login/?next=/products/").headers["Location"] == "/products/"
    for odd in ("//evil.example/", "https://evil.example/", "javascript:alert(1)"):
        assert client.get("/login/", {"next": odd}).headers["Location"] == "/"
    assert client.get("/login/?next=/login/", follow=True).redirect_chain == [("/login/", 302), ("/", 302)]


@pytest.mark.parametrize("way_out", ["/logout/", "/admin/logout/"])
def test_everybody_finds_the_way_out(viewer: User, way_out: str) -> None:
    client = Client()
    client.force_login(viewer)
    assert client.get(way_out).status_code == 405  # no link of somebody else's logs anybody out
    assert client.post(way_out).headers["Location"] == "/login/"
    assert client.get("/").headers["Location"] == "/login/?next=/"


def test_pages_offer_everybody_their_password_and_the_way_out(viewer: User) -> None:
    client = Client()
    client.force_login(viewer)
    page = client.get("/").content.decode()
    assert [f'href="{reverse("password")}"' in page, f'action="{reverse("logout")}"' in page] == [True, True]


def test_somebody_who_is_not_staff_changes_their_password_and_stays_logged_in(viewer: User) -> None:
    client = Client()
    client.force_login(viewer)
    new = "another horse battery"
    sent = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert client.post("/password/", {**sent, "new_password1": "short", "new_password2": "short"}).status_code == 200
    assert client.post("/password/", sent).headers["Location"] == "/"
    assert "Your password is changed." in client.get("/").content.decode()
    assert (_enter(Client(), "/login/"), _enter(Client(), "/login/", password=new)) == ("200", "/")


def test_an_open_session_is_no_way_to_guess_the_password(viewer: User) -> None:
    client = Client()
    client.force_login(viewer)
    wrong = {"old_password": "wrong", "new_password1": "x", "new_password2": "y"}
    answers = [client.post("/password/", wrong, REMOTE_ADDR="10.1.1.1").status_code for _ in range(6)]
    assert answers == [200, 200, 200, 200, 429, 429]


def test_a_stranger_is_sent_from_the_password_and_the_second_factor_to_the_login() -> None:
    for address in ("/password/", "/two-factor/"):
        assert Client().get(address).headers["Location"] == f"/login/?next={address}"


def test_somebody_who_is_not_staff_sets_up_a_second_factor_and_is_asked_for_it(viewer: User) -> None:
    client = Client()
    client.force_login(viewer)
    assert client.get("/two-factor/").status_code == 200
    device = TOTPDevice.objects.get(user=viewer)
    assert "Your recovery codes" in client.post("/two-factor/", {"code": code_of(device)}).content.decode()
    assert second_factor.is_on(viewer)
    other = Client()
    assert _enter(other, "/login/?next=/products/") == "/login/code/?next=%2Fproducts%2F"
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=1)):
        device.refresh_from_db()
        sent = {"code": code_of(device), "next": "/products/"}
        assert other.post("/login/code/", sent, REMOTE_ADDR="10.1.1.1").headers["Location"] == "/products/"


def test_the_door_says_nothing_of_the_data_and_keeps_nothing_of_a_password(viewer: User) -> None:
    response = Client().post("/login/", {"username": "vera", "password": "wrong horse"})
    page = response.content.decode()
    assert ("wrong horse" in page, "Main" in page, "Please enter a correct username and password" in page) == (
        False, False, True,
    )  # fmt: skip
    assert "no-store" in response.headers["Cache-Control"]
