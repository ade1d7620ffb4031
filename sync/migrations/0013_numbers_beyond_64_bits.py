"""Whole numbers beyond 64 bits are read as they were received. Nothing in the database changes."""

from django.db import migrations, models

from sync.models.payload import Received


class Migration(migrations.Migration):
    dependencies = [("sync", "0012_bugs_and_features_of_a_test_in_order")]

    operations = [
        migrations.AlterField(
            "customreport",
            "data",
            models.JSONField(
                decoder=Received, default=list, help_text="The fields in TestIO's order: [{key, value}]."
            ),
        ),
        migrations.AlterField("testcase", "steps", models.JSONField(decoder=Received, default=list)),
        migrations.AlterField("testcaseresult", "steps", models.JSONField(decoder=Received, default=list)),
    ]
