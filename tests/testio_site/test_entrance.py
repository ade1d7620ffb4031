"""Logging in: guessing is stopped, a second factor is asked of those who have one, and nobody is led elsewhere."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from axes.models import AccessAttempt, AccessLog
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from testio_site.entrance import second_factor

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
LOGIN = "/login/"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def cheap_hashes(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def maria(cheap_hashes: None) -> User:
    return User.objects.create_user("maria", password=PASSWORD, is_staff=True, is_superuser=True)


@pytest.fixture
def app(maria: User) -> TOTPDevice:
    device: TOTPDevice = TOTPDevice.objects.create(user=maria, name="app", confirmed=True)
    return device


def enter(
    client: Client, password: str = PASSWORD, *, name: str = "maria", address: str = "10.1.1.1", to: str = ""
) -> str:
    """Where the login leads, or the status when it leads nowhere."""
    response = client.post(
        f"{LOGIN}?next={to}" if to else LOGIN, {"username": name, "password": password}, REMOTE_ADDR=address
    )
    return response.headers.get("Location", str(response.status_code))


def code_of(device: TOTPDevice) -> str:
    totp = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift)
    totp.time = datetime.now(UTC).timestamp()
    return f"{totp.token():06}"


def give(client: Client, code: str) -> str:
    response = client.post(reverse("login-code"), {"code": code}, REMOTE_ADDR="10.1.1.1")
    return response.headers.get("Location", str(response.status_code))


def is_inside(client: Client) -> bool:
    return client.get(reverse("admin:index")).status_code == 200


def test_five_wrong_passwords_lock_that_name_at_that_address_for_a_quarter_of_an_hour(maria: User) -> None:
    client = Client()
    with time_machine.travel(NOON, tick=False) as clock:
        assert [enter(client, "wrong") for _ in range(5)] == ["200"] * 4 + ["429"]
        locked = client.post(LOGIN, {"username": "maria", "password": PASSWORD}, REMOTE_ADDR="10.1.1.1")
        assert (locked.status_code, locked.headers["Retry-After"]) == (429, "900")
        assert "Try again in 15 minutes" in locked.content.decode()
        assert PASSWORD not in "".join(AccessAttempt.objects.values_list("post_data", flat=True))
        assert enter(Client(), address="10.2.2.2") == "/"  # guessing locks out nobody else with that name
        clock.shift(timedelta(minutes=5))
        assert enter(client) == "429"
        clock.shift(timedelta(minutes=10, seconds=1))  # trying meanwhile has not made it longer
        assert enter(client) == "/"


def test_a_login_ends_the_counting_and_is_kept_for_a_year(maria: User) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        client = Client()
        assert [enter(client, "wrong") for _ in range(4)] == ["200"] * 4
        assert enter(client) == "/"
        assert [enter(Client(), "wrong") for _ in range(4)] == ["200"] * 4
        clock.shift(timedelta(days=366))
        enter(Client())
    assert [entry.attempt_time.year for entry in AccessLog.objects.all()] == [2027]


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_logging_in_and_out_leads_nowhere_else(maria: User, app: TOTPDevice, elsewhere: str) -> None:
    app.delete()
    client = Client()
    assert enter(client, to=elsewhere) == "/"
    for way_out in (reverse("logout"), reverse("admin:logout")):
        response = client.post(f"{way_out}?next={elsewhere}")
        assert (response.status_code, response.headers["Location"]) == (302, "/login/")


def test_a_login_leads_to_where_somebody_wanted_to_go(maria: User, app: TOTPDevice) -> None:
    client = Client()
    place = reverse("admin:sync_bug_changelist")
    halfway = enter(client, to=place)
    response = client.post(halfway, {"code": code_of(app), "next": place}, REMOTE_ADDR="10.1.1.1")
    assert response.headers["Location"] == place
    other = Client()
    enter(other)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=1)):
        led = other.post(
            reverse("login-code"), {"code": code_of(app), "next": "//evil.example/"}, REMOTE_ADDR="10.1.1.1"
        )
    assert led.headers["Location"] == "/"


def test_without_a_second_factor_a_password_opens_and_with_one_it_does_not(maria: User) -> None:
    client = Client()
    assert (enter(client), is_inside(client)) == ("/", True)
    TOTPDevice.objects.create(user=maria, confirmed=False)  # begun, not finished
    assert enter(Client()) == "/"
    device = TOTPDevice.objects.create(user=maria, confirmed=True)
    other = Client()
    assert (enter(other), is_inside(other)) == (f"{reverse('login-code')}?next=%2F", False)
    assert other.get("/api/v1/products").status_code == 401
    assert (give(other, "000000"), is_inside(other)) == ("200", False)
    device.refresh_from_db()
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=1)):
        assert (give(other, code_of(device)[:3] + " " + code_of(device)[3:]), is_inside(other)) == ("/", True)


def test_a_code_is_good_once_and_the_step_before_it_for_five_minutes(maria: User, app: TOTPDevice) -> None:
    with time_machine.travel(NOON, tick=False) as clock:
        client, other = Client(), Client()
        enter(client), enter(other)
        code = code_of(app)
        assert give(client, code) == "/"
        assert give(other, code) == "200"
        clock.shift(timedelta(minutes=6))
        assert give(other, code_of(app)) == "/login/"


def test_a_password_changed_or_a_user_switched_off_meanwhile_ends_the_login(maria: User, app: TOTPDevice) -> None:
    client = Client()
    enter(client)
    User.objects.update(is_active=False)
    assert give(client, code_of(app)) == "/login/"


def test_wrong_codes_lock_as_wrong_passwords_do(maria: User, app: TOTPDevice) -> None:
    client = Client()
    with time_machine.travel(NOON, tick=False):
        enter(client)
        assert [give(client, "000000") for _ in range(5)] == ["200"] * 4 + ["429"]
        assert give(client, code_of(app)) == "429"


def set_up(client: Client, user: User) -> list[str]:
    """The recovery codes of a user who has just switched it on."""
    page = client.get(reverse("second-factor")).content.decode()
    assert "<svg" in page
    device = TOTPDevice.objects.get(user=user, confirmed=False)
    page = client.post(reverse("second-factor"), {"code": code_of(device)}).content.decode()
    return re.findall(r"<li>([a-z2-7]{16})</li>", page)


def test_it_is_set_up_with_a_code_of_the_app_and_each_recovery_code_opens_once(maria: User) -> None:
    client = Client()
    client.force_login(maria)
    wrong = client.post(reverse("second-factor"), {"code": "123"})
    assert ("This is not the code of this moment." in wrong.content.decode(), second_factor.is_on(maria)) == (
        True,
        False,
    )
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=1)):
        codes = set_up(client, maria)
    assert (len(set(codes)), second_factor.is_on(maria)) == (10, True)
    for expected in ("/", "200"):
        other = Client()
        enter(other)
        assert give(other, codes[0].upper()) == expected
    assert second_factor.recovery_codes_left(maria) == 9


def test_it_is_switched_off_and_codes_are_renewed_with_a_code_only(maria: User) -> None:
    client = Client()
    client.force_login(maria)
    codes = set_up(client, maria)
    address = reverse("second-factor")
    client.post(address, {"code": "a" * 16, "off": "1"})
    assert second_factor.is_on(maria)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=1)):
        page = client.post(address, {"code": codes[0], "renew": "1"}).content.decode()
        renewed = re.findall(r"<li>([a-z2-7]{16})</li>", page)
        assert (len(renewed), set(renewed) & set(codes)) == (10, set())
        client.post(address, {"code": renewed[0], "off": "1"})
    assert not second_factor.is_on(maria)


def test_the_secret_is_shown_to_nobody_in_the_admin_and_removing_the_app_switches_it_off(
    maria: User, app: TOTPDevice
) -> None:
    client = Client()
    client.force_login(maria)
    page = client.get(reverse("admin:otp_totp_totpdevice_change", args=[app.pk])).content.decode()
    assert (app.key in page, "maria" in page) == (False, True)
    client.post(reverse("admin:otp_totp_totpdevice_delete", args=[app.pk]), {"post": "yes"})
    assert not second_factor.is_on(maria)


@pytest.fixture
def everybody(settings: Settings) -> None:
    settings.DESK_REQUIRE_TWO_FACTOR = True
    guard = "testio_site.entrance.required.SecondFactorRequired"
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:-1], guard, settings.MIDDLEWARE[-1]]


def test_where_it_is_required_a_password_leads_to_setting_it_up_and_no_further(everybody: None, maria: User) -> None:
    client = Client()
    enter(client)
    for address in ("/admin/", reverse("admin:sync_bug_changelist"), "/"):
        assert client.get(address).headers["Location"] == reverse("second-factor")
    refused = client.get("/api/v1/products")
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/forbidden")
    for spoof in ("Bearer nonsense", "Basic bWFyaWE6eA=="):
        assert client.get("/api/v1/products", headers={"authorization": spoof}).status_code in (401, 403)
    set_up(client, maria)
    assert is_inside(client)
    earlier = Client()
    earlier.force_login(maria)  # a session from before, without a code
    assert earlier.get(reverse("second-factor")).headers["Location"] == "/login/"


@pytest.mark.parametrize("password", ["short-One1", "123456789012345", "1q2w3e4r5t6y", "maria.schmidt"])
def test_weak_passwords_are_refused(password: str) -> None:
    with pytest.raises(ValidationError):
        validate_password(password, User(username="maria.schmidt"))


def test_a_session_lasts_a_working_day_and_its_cookie_is_for_this_site_alone(maria: User) -> None:
    client = Client()
    enter(client)
    cookie = client.cookies["sessionid"]
    assert (cookie["max-age"], cookie["httponly"], cookie["samesite"]) == (12 * 3600, True, "Lax")


def test_an_upload_is_read_and_thrown_away() -> None:
    sent = {"username": "maria", "file": SimpleUploadedFile("a.html", b"<script>")}
    assert dict(Client().post(LOGIN, sent).wsgi_request.FILES) == {}
