"""Secrets at rest: sealed with a key derived from Django's secret key.

Rotation: put the old key into ``DJANGO_SECRET_KEY_FALLBACKS``; what it sealed stays readable and is sealed
with the new key the next time it is set.
"""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class Undecipherable(Exception):
    """A stored secret cannot be opened with any key we have."""


def seal(secret: str) -> bytes:
    return _fernet().encrypt(secret.encode())


def unseal(sealed: bytes) -> str:
    """The secret again. Raises ``Undecipherable`` with the way out in its sentence."""
    try:
        return _fernet().decrypt(sealed).decode()
    except InvalidToken:
        raise Undecipherable(
            "A stored API token cannot be read: it was sealed with another DJANGO_SECRET_KEY. Put the old key into "
            "DJANGO_SECRET_KEY_FALLBACKS, or set the customer's token again."
        ) from None


def _fernet() -> MultiFernet:
    return MultiFernet([_key(secret) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _key(secret: str) -> Fernet:
    # The info string keeps this key apart from everything else Django derives from the same secret.
    hkdf = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"testio-desk customer token")
    return Fernet(base64.urlsafe_b64encode(hkdf.derive(secret.encode())))
