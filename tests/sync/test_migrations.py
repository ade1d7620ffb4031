import re
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

pytestmark = pytest.mark.django_db(transaction=True)


def our_tables() -> set[str]:
    return {table for table in connection.introspection.table_names() if table.startswith("sync_")}


def schema() -> list[tuple[object, ...]]:
    """Columns, indexes and constraints as PostgreSQL knows them."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns
            WHERE table_name LIKE 'sync\\_%' AND table_schema = 'public'
            UNION ALL SELECT tablename, indexname, indexdef, NULL, NULL FROM pg_indexes WHERE tablename LIKE 'sync\\_%'
            UNION ALL SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), NULL, NULL
            FROM pg_constraint WHERE conrelid::regclass::text LIKE 'sync\\_%'
            ORDER BY 1, 2, 3
            """
        )
        return list(cursor.fetchall())


def test_every_migration_can_be_taken_back_and_made_again() -> None:
    models = apps.get_app_config("sync").get_models(include_auto_created=True)
    before = schema()
    no_model = {"sync_datachange"}  # written by triggers, read by sync.changes
    assert our_tables() == {model._meta.db_table for model in models} | no_model
    try:
        MigrationExecutor(connection).migrate([("sync", None)])  # and of every app that builds on this one
        assert our_tables() == set()
    finally:
        latest = MigrationExecutor(connection)
        latest.migrate(latest.loader.graph.leaf_nodes())
    assert schema() == before


def test_the_models_say_nothing_that_no_migration_says() -> None:
    output = StringIO()
    call_command("makemigrations", "sync", check_changes=True, dry_run=True, verbosity=1, stdout=output)
    assert output.getvalue() == "No changes detected in app 'sync'\n"


def test_migrations_are_numbered_and_named_for_what_they_do() -> None:
    names = sorted(name for app, name in MigrationLoader(connection).disk_migrations if app == "sync")
    assert [name[:4] for name in names] == [f"{number:04}" for number in range(1, len(names) + 1)]
    assert [name for name in names if re.search(r"auto_|initial|alter_|_and_more", name)] == []
