import pytest
from django.db import connection
from pytest_django import Settings

from sync import encryption
from sync.models import Customer
from tests.factories import CustomerFactory

TOKEN = "a-token-nobody-may-see"


def test_a_sealed_secret_opens_again() -> None:
    assert encryption.unseal(encryption.seal("")) == ""
    assert encryption.unseal(encryption.seal("Grüße 🔑")) == "Grüße 🔑"


def test_a_seal_shows_nothing_and_never_repeats_itself() -> None:
    first, second = encryption.seal(TOKEN), encryption.seal(TOKEN)
    assert first != second
    assert TOKEN.encode() not in first


def test_after_a_new_key_the_old_one_is_a_fallback(settings: Settings) -> None:
    sealed = encryption.seal(TOKEN)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "a new key, which protects nothing either"
    assert encryption.unseal(sealed) == TOKEN

    sealed_again = encryption.seal(encryption.unseal(sealed))
    settings.SECRET_KEY_FALLBACKS = []
    assert encryption.unseal(sealed_again) == TOKEN


@pytest.mark.parametrize("sealed", [b"", b"not sealed by us", encryption.seal(TOKEN)])
def test_without_its_key_a_secret_stays_closed_and_says_what_to_do(settings: Settings, sealed: bytes) -> None:
    settings.SECRET_KEY = "another key, which protects nothing either"
    with pytest.raises(encryption.Undecipherable) as refusal:
        encryption.unseal(sealed)
    assert str(refusal.value) == (
        "A stored API token cannot be read: it was sealed with another DJANGO_SECRET_KEY. Put the old key into "
        "DJANGO_SECRET_KEY_FALLBACKS, or set the customer's token again."
    )
    assert refusal.value.__suppress_context__


@pytest.mark.django_db
def test_a_customers_token_is_not_to_be_found_in_its_row() -> None:
    customer = CustomerFactory.build()
    assert not customer.has_token
    customer.set_token(TOKEN)
    customer.save()
    with connection.cursor() as cursor:
        cursor.execute("SELECT position(%s in encrypted_token), customer::text FROM sync_customer customer", [b"token"])
        position, row = cursor.fetchone()
    assert (position, TOKEN in row, TOKEN.encode().hex() in row) == (0, False, False)
    stored = Customer.objects.get()
    assert (stored.has_token, stored.read_token()) == (True, TOKEN)
    assert TOKEN not in f"{stored!r} {vars(stored)!r}"
