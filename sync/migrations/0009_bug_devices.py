"""What bugs were seen on and what tests ask for, as a number in their rows, so that figures need no other table."""

import json
from hashlib import blake2b

from django.db import migrations, models

DEVICES = """
SELECT devices, array_agg(bug_id) FROM (
    SELECT bug_id, jsonb_agg(jsonb_build_array(category, operating_system, browsers) ORDER BY position) AS devices
    FROM sync_bugdevice GROUP BY bug_id
) each GROUP BY devices
"""
SYSTEMS = """
SELECT systems, array_agg(test_id) FROM (
    SELECT test_id, jsonb_agg(jsonb_build_array(operating_system) ORDER BY position) AS systems
    FROM sync_testplatform GROUP BY test_id
) each GROUP BY systems
"""


def number_of(members):
    """As sync.store.sets: what is stored later gets the same number."""
    text = json.dumps(sorted(set(members)))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)


def triples(devices):
    return [(category, system, browser) for category, system, browsers in devices for browser in browsers or [""]]


def number_bugs(apps, schema_editor):
    _number(schema_editor.connection, DEVICES, "UPDATE sync_bug SET device_set = %s WHERE id = ANY(%s)", triples)


def number_tests(apps, schema_editor):
    update = "UPDATE sync_test SET platform_set = %s WHERE id = ANY(%s)"
    _number(schema_editor.connection, SYSTEMS, update, lambda systems: map(tuple, systems))


def _number(connection, query, update, members):
    with connection.cursor() as cursor:
        cursor.execute(query)
        found = [(json.loads(content) if isinstance(content, str) else content, ids) for content, ids in cursor]
        for content, ids in found:
            cursor.execute(update, [number_of(members(content)), ids])


def a_number(help_text):
    return models.BigIntegerField(db_default=0, default=0, editable=False, help_text=help_text)


class Migration(migrations.Migration):
    dependencies = [("sync", "0008_indexes_for_figures")]

    operations = [
        migrations.AddField(
            "bug",
            "device_set",
            a_number("Equal for bugs that were seen on equal devices; 0 without any. For figures."),
        ),
        migrations.AddField(
            "test",
            "platform_set",
            a_number("Equal for tests that ask for the same operating systems; 0 without platforms. For figures."),
        ),
        # Made anew below, when the numbers are there.
        migrations.RemoveIndex("bug", "bug_figures"),
        migrations.RemoveIndex("test", "test_figures"),
        migrations.RunPython(number_bugs, migrations.RunPython.noop),
        migrations.RunPython(number_tests, migrations.RunPython.noop),
        migrations.AddIndex(
            "bug",
            models.Index(
                fields=["test"],
                include=(
                    "id",
                    "status",
                    "severity",
                    "known",
                    "rejection_reason",
                    "feature",
                    "author",
                    "reported_at",
                    "missing_since",
                    "device_set",
                ),
                name="bug_figures",
            ),
        ),
        migrations.AddIndex("bug", models.Index(fields=["device_set"], name="bug_device_set")),
        migrations.AddIndex(
            "test",
            models.Index(
                fields=["id"],
                include=(
                    "product",
                    "section",
                    "status",
                    "testing_type",
                    "environment_id",
                    "created_by",
                    "end_at",
                    "missing_since",
                    "platform_set",
                ),
                name="test_figures",
            ),
        ),
    ]
