"""The second factor of a login: a code from an app (TOTP, RFC 6238), or one of the recovery codes written down.

Opt-in: it is on for a user with a confirmed app. django-otp keeps the rows, and makes those who guess wait.
"""

from base64 import b32encode
from dataclasses import dataclass
from secrets import token_bytes

from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from django_otp import DEVICE_ID_SESSION_KEY
from django_otp import login as remember
from django_otp.models import Device
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

RECOVERY_CODES = 10


@dataclass(frozen=True, slots=True)
class Secret:
    """What an app is told: ``url`` in the QR code, ``text`` (base 32, in groups of four) for typing it in."""

    url: str
    text: str


def is_on(user: User) -> bool:
    found: bool = TOTPDevice.objects.filter(user=user, confirmed=True).exists()
    return found


def was_shown(request: HttpRequest) -> bool:
    """Whether this session began with a second factor, or has set one up."""
    return DEVICE_ID_SESSION_KEY in request.session


def begin(user: User) -> Secret:
    """The secret of an app that is being set up: the same one until it is confirmed."""
    device, _ = TOTPDevice.objects.get_or_create(user=user, confirmed=False, defaults={"name": "app"})
    key = b32encode(device.bin_key).decode()
    return Secret(device.config_url, " ".join(key[at : at + 4] for at in range(0, len(key), 4)))


def confirm(request: HttpRequest, user: User, code: str) -> list[str] | None:
    """Switch it on, when the app shows the right code: the recovery codes, which are shown this once. Else None."""
    with transaction.atomic():
        device = TOTPDevice.objects.select_for_update().filter(user=user, confirmed=False).first()
        if device is None or not device.verify_token(_plain(code)):
            return None
        device.confirmed = True
        device.save(update_fields=["confirmed"])
        codes = renew_recovery_codes(user)
    remember(request, device)
    return codes


def renew_recovery_codes(user: User) -> list[str]:
    """Ten new codes, each good for one login; those before are void."""
    with transaction.atomic():
        StaticDevice.objects.filter(user=user).delete()
        device = StaticDevice.objects.create(user=user, name="recovery codes")
        codes = [b32encode(token_bytes(10)).decode().lower() for _ in range(RECOVERY_CODES)]
        StaticToken.objects.bulk_create(StaticToken(device=device, token=code) for code in codes)
    return codes


def verify(user: User, code: str) -> Device | None:
    """The app or the list of recovery codes that ``code`` is from; a code is good once.

    Only the one it looks like is asked, so that a typing mistake makes nobody wait for the other.
    """
    plain = _plain(code)
    kind = TOTPDevice if plain.isdecimal() else StaticDevice
    with transaction.atomic():
        for device in kind.objects.select_for_update().filter(user=user, confirmed=True):
            if device.verify_token(plain):
                found: Device = device
                return found
    return None


def switch_off(request: HttpRequest, user: User) -> None:
    with transaction.atomic():
        TOTPDevice.objects.filter(user=user).delete()
        StaticDevice.objects.filter(user=user).delete()
    request.session.pop(DEVICE_ID_SESSION_KEY, None)


def recovery_codes_left(user: User) -> int:
    count: int = StaticToken.objects.filter(device__user=user, device__confirmed=True).count()
    return count


def _plain(code: str) -> str:
    return "".join(code.split()).replace("-", "").lower()
