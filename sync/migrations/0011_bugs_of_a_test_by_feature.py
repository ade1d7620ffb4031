"""The index that figures are read from has the bugs of a test by feature, so that each of its features is met once."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sync", "0010_runs_started_in_the_browser")]

    operations = [
        migrations.RemoveIndex("bug", "bug_figures"),
        migrations.AddIndex(
            "bug",
            models.Index(
                fields=["test", "feature"],
                include=(
                    "id",
                    "status",
                    "severity",
                    "known",
                    "rejection_reason",
                    "author",
                    "reported_at",
                    "missing_since",
                    "device_set",
                ),
                name="bug_figures",
            ),
        ),
    ]
