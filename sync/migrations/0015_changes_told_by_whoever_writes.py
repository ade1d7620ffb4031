"""Changes are told whoever writes, and however: the functions of triggers bring their own search path and rights.

Before, a data-only restore (which empties the search path) and a role with rights on single tables failed at the first
row. And a customer or product that is saved without a change tells none.
"""

from django.db import migrations

FUNCTIONS = ("sync_tell_change", "sync_tell_change_of_rows", "sync_keep_story_titles")
PARTS = {"sync_customer": ("name",), "sync_product": ("customer_id", "name", "missing_since")}

# The schema is where the tables are; temporary tables of the caller come last, so that none stands in for ours.
ON_THEIR_OWN = """
DO $do$ BEGIN
    EXECUTE format('ALTER FUNCTION {function}() SECURITY DEFINER SET search_path = %I, pg_temp', current_schema());
END $do$
"""
AS_BEFORE = "ALTER FUNCTION {function}() SECURITY INVOKER RESET search_path"


def triggers(table, columns):
    changed = " OR ".join(f"OLD.{column} IS DISTINCT FROM NEW.{column}" for column in columns)
    return f"""
DROP TRIGGER data_changed ON {table};
CREATE TRIGGER data_changed AFTER UPDATE OF {', '.join(columns)} ON {table}
    FOR EACH ROW WHEN ({changed}) EXECUTE FUNCTION sync_tell_change();
CREATE TRIGGER data_came_or_went AFTER INSERT OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION sync_tell_change();
"""


def triggers_before(table, columns):
    return f"""
DROP TRIGGER data_came_or_went ON {table};
DROP TRIGGER data_changed ON {table};
CREATE TRIGGER data_changed AFTER INSERT OR UPDATE OF {', '.join(columns)} OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION sync_tell_change();
"""


class Migration(migrations.Migration):
    dependencies = [("sync", "0014_changes_of_the_data")]

    operations = [
        *(
            migrations.RunSQL(ON_THEIR_OWN.format(function=function), AS_BEFORE.format(function=function))
            for function in FUNCTIONS
        ),
        *(
            migrations.RunSQL(triggers(table, columns), triggers_before(table, columns))
            for table, columns in PARTS.items()
        ),
    ]
