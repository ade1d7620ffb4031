from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sync", "0009_bug_devices")]

    operations = [
        migrations.AlterField(
            model_name="syncevent",
            name="trigger",
            field=models.CharField(
                choices=[("command", "Command"), ("admin", "browser"), ("api", "API"), ("background", "Background")],
                default="command",
                max_length=16,
            ),
        ),
    ]
