"""Keep the payloads of tests and bugs out of their rows, and uncompressed.

PostgreSQL would compress them to squeeze each row below 2 kB: a third of all the work of storing a bug. Beside the
row, in the TOAST table, they cost nothing to whoever does not ask for them, which is everybody but a repair, and
lists and counts read half as many pages.
"""

from django.db import migrations

_TABLES = ("sync_test", "sync_bug")


class Migration(migrations.Migration):
    dependencies = [("sync", "0001_customers_products_tests_bugs_runs_leases")]

    operations = [
        migrations.RunSQL(
            f"ALTER TABLE {table} ALTER COLUMN raw SET STORAGE EXTERNAL",
            f"ALTER TABLE {table} ALTER COLUMN raw SET STORAGE EXTENDED",
        )
        for table in _TABLES
    ]
