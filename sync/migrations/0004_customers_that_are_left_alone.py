"""An index with only the customers whose products stay due because nobody is to refresh them."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sync", "0003_who_may_see_a_customer")]

    operations = [
        migrations.AddIndex(
            model_name="customer",
            index=models.Index(
                condition=models.Q(
                    ("is_active", False), ("paused_at__isnull", False), ("encrypted_token", b""), _connector="OR"
                ),
                fields=["id"],
                name="customer_left_alone",
            ),
        ),
    ]
