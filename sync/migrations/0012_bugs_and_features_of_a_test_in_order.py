"""The indexes that figures are read from have a test's bugs by feature and tester, and the features it covers in order:
what is different among them is met once, one after the other."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sync", "0011_bugs_of_a_test_by_feature")]

    operations = [
        migrations.RemoveIndex("bug", "bug_figures"),
        migrations.AddIndex(
            "bug",
            models.Index(
                fields=["test", "feature", "author"],
                include=(
                    "id",
                    "status",
                    "severity",
                    "known",
                    "rejection_reason",
                    "reported_at",
                    "missing_since",
                    "device_set",
                ),
                name="bug_figures",
            ),
        ),
        migrations.RemoveIndex("testfeature", "testfeature_figures"),
        migrations.AddIndex(
            "testfeature",
            models.Index(fields=["test", "feature"], include=("missing_since",), name="testfeature_figures"),
        ),
    ]
