"""A session that is left open inside a transaction is ended by the server, so what it locked does not stay locked."""

import time
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from sync import leases
from tests.factories import ProductFactory
from tests.sync.support import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_session_of_ours_is_ended_when_idle_in_a_transaction_for_longer_than_a_lease_lives() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        assert cursor.fetchone() == ("5min",)
    assert 60 <= settings.IDLE_IN_TRANSACTION_SECONDS <= settings.TESTIO_LOCK_TIMEOUT


def test_the_lease_of_a_writer_that_hangs_inside_its_transaction_comes_free() -> None:
    product = ProductFactory.create()
    [held], _ = leases.acquire([product.pk], uuid4())
    with psycopg.connect(**connection.get_connection_params() | {"context": None, "cursor_factory": None}) as hanging:
        hanging.execute("SET idle_in_transaction_session_timeout = '200ms'")
        hanging.execute("SELECT 1 FROM sync_synclease WHERE product_id = %s FOR UPDATE", [held.product_id])
        held_back = time.monotonic()
        held.release()  # waits for the row, as whoever takes over would
        assert time.monotonic() - held_back < 20
        wait_until(lambda: leases.acquire([product.pk], uuid4())[0] != [], "a lease that is free again")
        with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
            hanging.execute("SELECT 1")
