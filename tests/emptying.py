"""Tests that commit leave the tables emptied, but for what `migrate` puts there: here it is copied back.

Django makes permissions, roles and schedules anew instead, by a hundred statements after each of six hundred tests.
"""

from django.apps import apps
from django.core.management.color import no_style
from django.core.management.commands import flush
from django.db import connection, transaction
from psycopg.sql import SQL, Composed, Identifier

#: The schema where those rows are kept; no search path leads there.
KEPT = "as_migrated"


def keep_what_is_migrated() -> None:
    """Once the database of the tests is there. From then on `flush` puts the same rows back, with the same ids."""
    tables = [table for table in connection.introspection.django_table_names() if _has_rows(table)]
    _run(SQL("DROP SCHEMA IF EXISTS {0} CASCADE; CREATE SCHEMA {0}").format(Identifier(KEPT)))
    for table in tables:
        _run(SQL("CREATE TABLE {} AS TABLE {}").format(Identifier(KEPT, table), Identifier(table)))
    copies = [
        SQL("INSERT INTO {} SELECT * FROM {}").format(Identifier(table), Identifier(KEPT, table)) for table in tables
    ]
    # A test that takes migrations back and makes them again leaves sequences that begin anew.
    models = [model for model in apps.get_models(include_auto_created=True) if model._meta.db_table in tables]
    sequences = map(SQL, connection.ops.sequence_reset_sql(no_style(), models))
    at_once = SQL("; ").join([*copies, *sequences])

    def put_back(*_: object, **__: object) -> None:
        with transaction.atomic():
            _run(at_once)

    flush.emit_post_migrate_signal = put_back  # type: ignore[attr-defined]


def _has_rows(table: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(SQL("SELECT EXISTS (SELECT FROM {})").format(Identifier(table)))
        return bool(cursor.fetchone()[0])


def _run(statement: Composed) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
