"""`migrate`, one at a time: Django does not expect a second one, and two servers that start together run two."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.core.management.commands import migrate
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

LOCK = 0x7E5710  # any number, as long as every installation uses the same


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        with _one_at_a_time(connections[options["database"]]):
            super().handle(*args, **options)


@contextmanager
def _one_at_a_time(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Waits for other migrations of this database. The lock ends with its connection, so also with a killed process."""
    with connection.wrap_database_errors:
        params = connection.get_connection_params()
        with psycopg.connect(**params, autocommit=True) as session:
            session.execute("SELECT pg_advisory_lock(%s)", [LOCK])
            yield
