"""A row for each transaction that changed what figures are made of, so that figures are remembered until then."""

from django.db import migrations

#: No model: it holds nothing that anybody looks at. ``mark`` is never the same again, not after a restored backup either.
TABLE = """
CREATE TABLE sync_datachange (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mark uuid NOT NULL DEFAULT gen_random_uuid(),
    at timestamptz NOT NULL DEFAULT now()
)
"""
#: What figures are counted from and named by.
WHOLE = (
    "sync_section",
    "sync_person",
    "sync_feature",
    "sync_test",
    "sync_testfeature",
    "sync_testplatform",
    "sync_bug",
    "sync_bugdevice",
    "sync_customreport",
)
#: Of these, only some columns: others are written with every refresh. They have few rows.
PARTS = {"sync_customer": "name", "sync_product": "customer_id, name, missing_since"}

#: Of a whole transaction the first change tells; the setting is forgotten when the transaction, or its savepoint, ends.
FUNCTIONS = """
CREATE FUNCTION sync_tell_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('testio_desk.changes_data', true), '') = '' THEN
        INSERT INTO sync_datachange DEFAULT VALUES;
        PERFORM set_config('testio_desk.changes_data', 'yes', true);
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION sync_tell_change_of_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Many statements of a sync that finds nothing new change no row.
    IF coalesce(current_setting('testio_desk.changes_data', true), '') = '' AND EXISTS (SELECT FROM changed) THEN
        INSERT INTO sync_datachange DEFAULT VALUES;
        PERFORM set_config('testio_desk.changes_data', 'yes', true);
    END IF;
    RETURN NULL;
END $$;
"""
NO_FUNCTIONS = "DROP FUNCTION sync_tell_change(); DROP FUNCTION sync_tell_change_of_rows();"


def triggers(table):
    return f"""
CREATE TRIGGER data_inserted AFTER INSERT ON {table} REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION sync_tell_change_of_rows();
CREATE TRIGGER data_updated AFTER UPDATE ON {table} REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION sync_tell_change_of_rows();
CREATE TRIGGER data_deleted AFTER DELETE ON {table} REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION sync_tell_change_of_rows();
CREATE TRIGGER data_emptied AFTER TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION sync_tell_change();
"""


def triggers_of_columns(table, columns):
    return f"""
CREATE TRIGGER data_changed AFTER INSERT OR UPDATE OF {columns} OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION sync_tell_change();
CREATE TRIGGER data_emptied AFTER TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION sync_tell_change();
"""


def no_triggers(table, *names):
    return " ".join(f"DROP TRIGGER data_{name} ON {table};" for name in names)


class Migration(migrations.Migration):
    dependencies = [("sync", "0013_numbers_beyond_64_bits")]

    operations = [
        migrations.RunSQL(TABLE, "DROP TABLE sync_datachange"),
        migrations.RunSQL(FUNCTIONS, NO_FUNCTIONS),
        # What is there already counts as one change: without any there is no state to keep anything under.
        migrations.RunSQL("INSERT INTO sync_datachange DEFAULT VALUES", migrations.RunSQL.noop),
        *(
            migrations.RunSQL(triggers(table), no_triggers(table, "inserted", "updated", "deleted", "emptied"))
            for table in WHOLE
        ),
        *(
            migrations.RunSQL(triggers_of_columns(table, columns), no_triggers(table, "changed", "emptied"))
            for table, columns in PARTS.items()
        ),
    ]
