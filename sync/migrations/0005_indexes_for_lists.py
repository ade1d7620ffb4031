"""What the lists of the API walk along, in both directions, and the count of writes that answers are versioned by."""

from django.db import migrations, models

# How often outcomes meet ("critical" and "rejected" hardly ever): without it PostgreSQL takes them to be independent
# and looks for a rare pair by walking all bugs by date.
_KNOW_OUTCOMES = """
    CREATE STATISTICS sync_bug_outcomes (mcv) ON status, severity, rejection_reason, known FROM sync_bug
"""


class Migration(migrations.Migration):
    dependencies = [("sync", "0004_customers_that_are_left_alone")]

    operations = [
        migrations.AddField(
            model_name="synclease",
            name="writes",
            field=models.BigIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.RemoveIndex(model_name="test", name="test_by_product_and_end"),
        migrations.AddIndex(
            model_name="test",
            index=models.Index(fields=["product", "end_at", "id"], name="test_by_product_and_end"),
        ),
        migrations.AddIndex(
            model_name="test", index=models.Index(fields=["end_at", "id"], name="test_by_end")
        ),
        migrations.AddIndex(
            model_name="test",
            index=models.Index(
                fields=["product"], name="test_missing", condition=models.Q(("missing_since__isnull", False))
            ),
        ),
        migrations.RemoveIndex(model_name="bug", name="bug_by_product_date"),
        migrations.AddIndex(
            model_name="bug",
            index=models.Index(fields=["product", "reported_at", "id"], name="bug_by_product_date"),
        ),
        migrations.AddIndex(
            model_name="bug", index=models.Index(fields=["reported_at", "id"], name="bug_by_date")
        ),
        migrations.AddIndex(
            model_name="bug",
            index=models.Index(
                fields=["status", "severity", "rejection_reason", "known"], name="bug_by_outcome"
            ),
        ),
        migrations.RunSQL(_KNOW_OUTCOMES, "DROP STATISTICS sync_bug_outcomes"),
    ]
